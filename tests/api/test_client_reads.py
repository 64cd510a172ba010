"""A read is sent again after a fault that may pass, and only then; the pause that the server asks for is kept."""

from __future__ import annotations

import gzip
import io
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from support.both_clients import Client, Connect
from support.pushed_clock import PushedClock
from support.recording_server import Received, RecordingServer, Reply

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.rate_limit import RateLimiter
from airflow_provider_tingting.api.retry import RetryPolicy
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingConfigError,
    TingTingForbiddenError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingServerError,
    TingTingUnreadableReplyError,
    TingTingValidationError,
)
from airflow_provider_tingting.sandbox import Sandbox

PASSING = ["cut-before", "lose-reply", "429=0.05", "502-empty", "503-html", "truncate"]


@pytest.fixture
def client(connect: Connect, sandbox: Sandbox) -> Client:
    return connect(sandbox)


@pytest.mark.parametrize("fault", PASSING)
def test_a_read_is_sent_again_until_the_fault_has_passed(client: Client, sandbox: Sandbox, fault: str) -> None:
    sandbox.faults.parse(f"{fault}:voices:2")

    assert len(client.send(calls.list_voice_models())) == 5
    assert [entry.fault for entry in sandbox.requests] == [fault.split("=")[0]] * 2 + [None]


def test_a_gateway_timeout_is_passing_too(connect: Connect, server: RecordingServer) -> None:
    server.reply = lambda _: Reply(status=504) if len(server.received) < 2 else Reply([])

    assert connect(server).send(calls.list_voice_models()) == ()
    assert len(server.received) == 2


def test_a_read_without_a_response_is_sent_again(connect: Connect, sandbox: Sandbox) -> None:
    sandbox.faults.parse("stuck:voices")

    assert len(connect(sandbox, timeout=0.3).send(calls.list_voice_models())) == 5
    assert len(sandbox.requests) >= 2


@pytest.mark.parametrize("fault", PASSING)
def test_in_the_end_the_fault_itself_is_raised(connect: Connect, sandbox: Sandbox, fault: str) -> None:
    sandbox.faults.parse(f"{fault}:voices:*")

    with pytest.raises(TingTingAPIError) as caught:
        connect(sandbox, max_retries=2).send(calls.list_voice_models())
    assert isinstance(caught.value, TingTingOutcomeUnknownError | TingTingRateLimitedError)
    assert len(sandbox.requests) == 3


def test_without_retries_a_read_is_sent_once(connect: Connect, sandbox: Sandbox) -> None:
    sandbox.faults.parse("503-html:voices:*")

    with pytest.raises(TingTingServerError, match=r"HTTP 503.*Service Unavailable"):
        connect(sandbox, max_retries=0).send(calls.list_voice_models())
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, TingTingValidationError),
        (401, TingTingAuthError),
        (403, TingTingForbiddenError),
        (404, TingTingNotFoundError),
        (500, TingTingServerError),
        (501, TingTingServerError),
    ],
)
def test_what_will_not_pass_is_raised_at_once(
    connect: Connect, server: RecordingServer, status: int, kind: type[TingTingAPIError]
) -> None:
    server.always({"detail": "No."}, status)

    with pytest.raises(kind, match=f"list_voice_models failed .HTTP {status}.: No."):
        connect(server).send(calls.list_voice_models())
    assert len(server.received) == 1


@pytest.mark.parametrize(("value", "described"), [("html", "an HTML page"), ("json", "bytes of application/json")])
def test_nonsense_is_raised_at_once(client: Client, sandbox: Sandbox, value: str, described: str) -> None:
    sandbox.faults.parse(f"garbage={value}:voices:*")

    with pytest.raises(TingTingUnreadableReplyError, match=f"the response is not JSON but .*{described}"):
        client.send(calls.list_voice_models())
    assert len(sandbox.requests) == 1


def test_retry_after_in_seconds_is_waited_for(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.parse("429=0.4:voices")

    client.send(calls.list_voice_models())
    assert _seconds_between_the_first_two(sandbox) >= 0.4


def test_retry_after_as_a_date_is_waited_for(connect: Connect, server: RecordingServer) -> None:
    due = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=1)
    header = format_datetime(due, usegmt=True)
    server.reply = lambda _: (
        Reply({}, 503, {"Retry-After": header}) if len(server.received) < 2 else Reply([], headers={})
    )

    connect(server).send(calls.list_voice_models())
    assert datetime.now(timezone.utc) >= due
    assert len(server.received) == 2


@pytest.mark.parametrize("fault", ["429=3600", "429-date=3600"])
def test_a_wait_that_is_too_long_for_a_worker_is_raised_at_once_with_its_seconds(
    client: Client, sandbox: Sandbox, fault: str
) -> None:
    sandbox.faults.parse(f"{fault}:voices:*")

    with pytest.raises(TingTingRateLimitedError, match="rate_limit") as caught:
        client.send(calls.list_voice_models())
    assert 3590 <= (caught.value.retry_after or 0) <= 3600
    assert len(sandbox.requests) == 1


def test_a_wait_that_the_server_asks_for_holds_the_other_calls_of_the_client(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.parse("429=0.4:run")

    with pytest.raises(TingTingRateLimitedError):
        client.send(calls.run_campaign(1))
    client.send(calls.list_voice_models())
    assert _seconds_between_the_first_two(sandbox) >= 0.4


def test_the_waits_grow_at_random_up_to_a_bound() -> None:
    policy = RetryPolicy(first_wait=0.5, max_wait=4.0)
    error = TingTingOutcomeUnknownError("list_voice_models", "?")
    drawn = {attempt: [policy.wait(attempt, error) for _ in range(200)] for attempt in (*range(1, 8), 5_000)}

    for attempt, waits in drawn.items():
        bound = min(0.5 * 2 ** min(attempt, 10), 8.0) / 2
        assert 0 <= min(waits) < bound / 2 < max(waits) <= bound


def test_requests_are_spread_by_the_rate_limit(connect: Connect, sandbox: Sandbox) -> None:
    client = connect(sandbox, rate_limit=20)
    began = time.monotonic()
    client.send_all([calls.list_voice_models()] * 9)

    # Eight gaps of 50 ms at least, whatever else the machine is doing.
    assert time.monotonic() - began >= 0.4


def test_without_a_rate_limit_nothing_is_held_back() -> None:
    limiter = RateLimiter()

    assert [limiter.reserve() for _ in range(9)] == [0.0] * 9


def test_the_defaults_are_four_retries_and_a_minute() -> None:
    assert (RetryPolicy().max_retries, RetryPolicy().max_wait) == (4, 60.0)


def test_a_server_that_is_down_for_a_moment_is_waited_for(connect: Connect, sandbox: Sandbox) -> None:
    import threading

    client = connect(sandbox, max_retries=12)
    sandbox.stop()
    up_again = threading.Timer(0.3, sandbox.start)
    up_again.start()
    try:
        assert len(client.send(calls.list_voice_models())) == 5
    finally:
        up_again.join()


# -- time-outs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["timeout", "connect_timeout"])
@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_a_client_without_a_time_out_cannot_be_made(connect: Connect, name: str, seconds: float) -> None:
    with pytest.raises(TingTingConfigError, match="timeout and connect_timeout must be more than 0"):
        connect("http://127.0.0.1:1/api/v1/", **{name: seconds})


def test_connecting_has_a_timeout_of_its_own(connect: Connect, sandbox: Sandbox) -> None:
    sandbox.faults.parse("stuck:voices:*")
    began = time.monotonic()

    with pytest.raises(TingTingOutcomeUnknownError, match="no response came in time") as caught:
        connect(sandbox, timeout=0.5, connect_timeout=3000.0, max_retries=0).send(calls.list_voice_models())
    assert time.monotonic() - began >= 0.5
    assert "Nothing was changed: try again" in str(caught.value)


def test_a_response_that_stops_half_way_ends_in_time(connect: Connect, server: RecordingServer) -> None:
    def half(_: Received) -> Reply:
        return Reply(b'[{"id": 1', headers={"Content-Length": "5000"})

    server.reply = half
    with pytest.raises(TingTingOutcomeUnknownError, match="broke off"):
        connect(server, max_retries=1).send(calls.list_voice_models())
    assert len(server.received) == 2


# -- what else a server may do -----------------------------------------------------------------------------------------


def test_a_response_that_drips_byte_by_byte_ends_in_time(
    connect: Connect, server: RecordingServer, pushed_deadlines: PushedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server lets time pass between two bytes.
    monkeypatch.setattr("support.recording_server.time", pushed_deadlines)
    server.reply = lambda _: Reply(b" " * 10_000, every=1.0)
    client = connect(server, timeout=60, max_retries=0)

    with pytest.raises(TingTingOutcomeUnknownError, match="in time"):
        client.send(calls.get_campaign(79))


def test_a_small_response_that_expands_to_a_huge_one_is_refused(connect: Connect, server: RecordingServer) -> None:
    bomb = gzip.compress(bytes(70 * 1024 * 1024), compresslevel=1)
    server.always(bomb, content_encoding="gzip")
    client = connect(server, max_retries=0)

    with pytest.raises(TingTingUnreadableReplyError, match="larger than 64 MiB"):
        client.send(calls.get_campaign(79))


def test_a_replaced_token_is_an_auth_error(client: Client, sandbox: Sandbox) -> None:
    client.send(calls.list_voice_models())
    sandbox.faults.parse("rotate-token:voices")

    with pytest.raises(TingTingAuthError, match="new token in TingTing revokes the old one"):
        client.send(calls.list_voice_models())


def test_an_error_names_the_call_the_campaign_and_the_servers_message(client: Client) -> None:
    with pytest.raises(TingTingNotFoundError) as caught:
        client.send(calls.get_campaign(4711))

    assert str(caught.value).startswith("TingTing get_campaign for campaign 4711 failed (HTTP 404): Not found.")
    assert caught.value.default_remedy in str(caught.value)
    assert (caught.value.call, caught.value.campaign_id, caught.value.status_code) == ("get_campaign", 4711, 404)


def test_a_client_can_be_used_again_after_a_fault(client: Client, sandbox: Sandbox) -> None:
    for fault in ("500", "garbage", "lose-reply:voices:5"):
        sandbox.faults.parse(fault)
        with pytest.raises(TingTingAPIError):
            client.send(calls.list_voice_models())
        assert len(client.send(calls.list_voice_models())) == 5


def test_a_download_is_a_read_too(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.parse("503-html:survey:1")
    with pytest.raises(TingTingNotFoundError):
        client.download(calls.download_survey_report(4711), io.BytesIO())
    assert len(sandbox.requests) == 2


def _seconds_between_the_first_two(sandbox: Sandbox) -> float:
    first, second = sandbox.requests[:2]
    return second.at - first.at
