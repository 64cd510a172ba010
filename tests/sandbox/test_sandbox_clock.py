"""The sandbox's clock: stands, runs faster, is pushed, never goes back."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import requests
from support.pushed_clock import PushedClock
from support.virtual_time import run_in_virtual_time

from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.sandbox.clock import END_OF_TIME, Clock
from airflow_provider_tingting.timezones import NEPAL

BEGIN = datetime(2025, 7, 7, 14, 0, tzinfo=NEPAL)


def test_a_clock_of_speed_zero_stands_still_until_it_is_pushed():
    clock = Clock(start=BEGIN, speed=0)
    time.sleep(0.02)

    assert clock.now() == BEGIN
    assert clock.push(3600) == BEGIN + timedelta(hours=1)
    assert clock.now() == BEGIN + timedelta(hours=1)


def test_speed_multiplies_real_time():
    with run_in_virtual_time() as real:
        clock = Clock(start=BEGIN, speed=100_000)
        real.push(0.05)

        assert clock.now() == BEGIN + timedelta(seconds=5000)


def test_changing_the_speed_does_not_make_the_clock_jump():
    clock = Clock(start=BEGIN, speed=0)
    clock.push(60)
    clock.speed = 1

    assert timedelta(seconds=60) <= clock.now() - BEGIN < timedelta(seconds=180)


def test_without_a_start_the_clock_shows_the_real_time_in_nepal():
    now = Clock().now()

    assert abs(now.timestamp() - time.time()) < 60
    assert now.utcoffset() == timedelta(hours=5, minutes=45)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_the_clock_refuses_to_go_back_or_nowhere(seconds):
    clock = Clock(start=BEGIN, speed=0)
    with pytest.raises(ValueError, match="never goes back"):
        clock.push(seconds)
    with pytest.raises(ValueError, match="never goes back"):
        clock.speed = seconds
    assert clock.now() == BEGIN


def test_the_clock_refuses_to_leave_the_calendar():
    clock = Clock(start=BEGIN, speed=0)
    with pytest.raises(ValueError, match="year 9000"):
        clock.push(END_OF_TIME)


def test_pushing_the_clock_over_http_moves_the_campaigns(box, api):
    campaign_id = api.create(2)
    api.run(campaign_id)
    answer = requests_post(box, "sandbox/clock", {"push": 3600})

    assert answer["now"] == box.clock.now().isoformat()
    assert api.campaign(campaign_id)["status"] == "Completed"


def test_changing_the_speed_over_http_makes_time_pass(api_of):
    from airflow_provider_tingting.sandbox import Sandbox

    with Sandbox(speed=0) as sandbox:
        api = api_of(sandbox)
        campaign_id = api.create(1)
        api.run(campaign_id)
        assert requests_post(sandbox, "sandbox/clock", {"speed": 10_000})["speed"] == 10_000
        deadline = time.monotonic() + 60
        while api.campaign(campaign_id)["status"] != "Completed":
            assert time.monotonic() < deadline
            time.sleep(0.01)


def requests_post(sandbox, path, body):
    import requests

    response = requests.post(sandbox.root_url + path, json=body, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()


def test_the_sandbox_follows_the_clock_of_the_package(pushed_clock):
    clock = Clock(start=BEGIN, speed=2)
    pushed_clock.sleep(1800)

    assert timedelta(0) <= clock.now() - BEGIN - timedelta(hours=1) < timedelta(seconds=300)


def test_the_sandbox_does_not_go_back_when_the_real_clock_is_restored():
    clock = Clock(start=BEGIN, speed=1)
    pushed = PushedClock()
    with use_clock(pushed):
        clock.push(60)
        pushed.sleep(3600)
        before = clock.now()
        clock.speed = 1
    assert before <= clock.now() < before + timedelta(seconds=300)


@pytest.mark.parametrize("fault", ["slow=3600", "stuck=3600", "stuck-after-commit=3600"])
def test_a_waiting_response_is_released_when_the_clock_is_pushed(pushed_clock, fault):
    # The response begins to wait at some time after the request: the clock is pushed until it is there.
    with Sandbox() as sandbox, ThreadPoolExecutor() as pool:
        sandbox.faults.parse(f"{fault}:voices")
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        waiting = pool.submit(requests.get, sandbox.base_url + "voice-models/", headers=headers, timeout=120)
        deadline = time.monotonic() + 60
        while not waiting.done() and time.monotonic() < deadline:
            pushed_clock.sleep(3600)
            time.sleep(0.01)
        error = waiting.exception(timeout=60)

    assert (error is None) == fault.startswith("slow")
    assert error is None or isinstance(error, requests.exceptions.ConnectionError)
