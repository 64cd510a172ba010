"""The sandbox's page as a program sees it: its files, its stream of events, and the lists that it reads."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time

import pytest
import requests

from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.sandbox.faults import KINDS


def get(box, path, **query):
    return requests.get(f"{box.root_url}sandbox/{path}", params=query, timeout=60)


@contextlib.contextmanager
def events(box):
    """Open the stream; gives an iterator of (name, content)."""
    with requests.get(f"{box.root_url}sandbox/events", stream=True, timeout=60) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")

        def events():
            name = ""
            for line in response.iter_lines(chunk_size=1, decode_unicode=True):
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield name, json.loads(line.removeprefix("data: "))

        yield events()


def next_named(stream, name):
    return next(content for said, content in stream if said == name)


def test_the_stream_begins_with_all_data_and_continues_with_changes(box, api):
    first, second = api.create(2, name="खोप अभियान"), api.create(1)
    with events(box) as stream:
        assert "start" in next_named(stream, "hello")
        tick = next_named(stream, "tick")
        assert (tick["speed"], tick["dialled"], tick["credits"]) == (0, 0, 10_000)
        begun = next_named(stream, "campaigns")
        assert [(row["id"], row["name"]) for row in begun["changed"]] == [
            (first, "खोप अभियान"),
            (second, "Vaccination"),
        ]
        assert next_named(stream, "faults") == []
        assert next_named(stream, "token") == box.token

        api.run(second)
        changed = next_named(stream, "campaigns")
        assert [(row["id"], row["status"]) for row in changed["changed"]] == [(second, "Running")]
        api.delete(f"campaign/{first}/")
        assert next_named(stream, "campaigns") == {"changed": [], "removed": [first]}
        box.faults.parse("500:voices")
        assert [fault["kind"] for fault in next_named(stream, "faults")] == ["500"]
        box.world.rotate_token("another")
        assert next_named(stream, "token") == "another"
        box.play_out()
        assert next_named(stream, "campaigns")["changed"][0]["status"] == "Completed"
        assert next_named(stream, "tick")["next_event"] is None


def test_each_start_has_an_id_of_its_own():
    with Sandbox(speed=0) as sandbox:
        starts = []
        for _ in range(2):
            with events(sandbox) as stream:
                starts.append(next_named(stream, "hello")["start"])
            with sandbox.outage():
                pass
        with events(sandbox) as stream, events(sandbox) as other:
            starts += [next_named(stream, "hello")["start"], next_named(other, "hello")["start"]]

    assert len(set(starts)) == 3


def test_open_streams_do_not_hold_up_the_end_and_leave_nothing_behind():
    before = set(threading.enumerate())
    sandbox = Sandbox(speed=0).start()
    with events(sandbox) as stream, events(sandbox) as other:
        next_named(stream, "tick")
        next_named(other, "tick")
        sandbox.stop()
        assert [name for name, _ in stream if name not in ("tick", "campaigns", "faults", "token")] == []

    assert set(threading.enumerate()) <= before


def test_a_stream_whose_reader_has_gone_ends():
    with Sandbox(speed=0) as sandbox:
        with events(sandbox) as stream:
            next_named(stream, "tick")
            assert len(sandbox._server.server_state.tasks) == 1
        deadline = time.monotonic() + 60
        while sandbox._server.server_state.tasks:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_contacts_are_read_a_page_at_a_time_and_searched(box, api):
    campaign = api.create(120)
    api.post(f"campaign/{campaign}/add-contact/", json={"number": "9800000001", "other_variables": {"name": "हरि"}})
    last = get(box, f"campaigns/{campaign}/contacts", offset=100, limit=50).json()
    assert (last["count"], last["offset"], len(last["results"])) == (121, 100, 21)
    assert last["campaign"]["message"] == "Namaste {name}"
    assert len(get(box, f"campaigns/{campaign}/contacts", limit=100_000).json()["results"]) == 121
    for search in ("हरि", "9800000001", "0000001"):
        (found,) = get(box, f"campaigns/{campaign}/contacts", search=search).json()["results"]
        assert (found["number"], found["status"], found["call_duration"]) == ("9800000001", "not started", None)

    api.run(campaign)
    box.play_out()
    unanswered = get(box, f"campaigns/{campaign}/contacts", status="unanswered", limit=500).json()
    assert unanswered["count"] == box.world.campaign(campaign).statuses_at(box.clock.time())["unanswered"]
    assert {row["status"] for row in unanswered["results"]} == {"unanswered"}


def test_the_ledger_shows_the_status_of_each_call_and_repeated_calls(box, api):
    campaign = api.create(2)
    api.run(campaign)
    box.clock.push(1.5)
    early = get(box, "dialled").json()
    assert {row["status"] for row in early["results"]} <= {"dialing", "ringing", "failed"}
    box.play_out()
    assert get(box, "dialled").json()["repeated"] == 0
    api.run(campaign)
    box.play_out()

    page = get(box, "dialled", limit=3).json()
    assert (page["count"], page["repeated"], len(page["results"])) == (4, 2, 3)
    assert [(row["run"], row["repeated"]) for row in page["results"]] == [(2, True), (2, True), (1, False)]
    assert get(box, "dialled", campaign=campaign + 1).json()["count"] == 0
    assert get(box, "dialled", search="9841000001").json()["count"] == 2
    calls = get(box, "requests", search="run_campaign").json()
    assert [row["call"] for row in calls["results"]] == ["run_campaign"] * 2
    assert get(box, "requests", limit=1).json()["results"][0]["call"] == "run_campaign"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("dialled?offset=x", 400),
        ("requests?limit=-1", 400),
        ("dialled?campaign=1.5", 400),
        ("campaigns/999/contacts", 404),
        ("campaigns/x/contacts", 404),
    ],
)
def test_a_list_that_is_not_there_is_refused(box, path, status):
    assert get(box, path).status_code == status


def test_the_clock_is_pushed_until_every_campaign_has_ended(api_of):
    with Sandbox(speed=0) as sandbox:
        api = api_of(sandbox)
        campaign = api.create(30, schedule="2099-01-01T10:00:00+05:45")
        api.run(campaign)
        answer = requests.post(f"{sandbox.root_url}sandbox/clock", json={"play_out": True}, timeout=60)
        assert answer.json()["now"] > "2099-01-01T10:00"
        assert api.campaign(campaign)["status"] == "Completed"


def test_the_kinds_of_faults_are_listed_with_the_calls_that_they_affect(box):
    content = get(box, "faults/kinds").json()
    assert [kind["kind"] for kind in content["kinds"]] == list(KINDS)
    calls = {kind["kind"]: kind["calls"] for kind in content["kinds"]}
    assert calls["partial"] == ["add_contacts", "upload_contacts"]
    assert calls["500"] == sorted(call["name"] for call in content["calls"])


def test_the_page_and_all_its_files_come_from_the_sandbox_and_may_go_nowhere_else(box):
    index = requests.get(box.root_url, timeout=60)
    wanted = set(re.findall(r'(?:src|href)="(/page/[^"]+)"', index.text))
    seen = set()
    while wanted:
        path = wanted.pop()
        seen.add(path)
        file = requests.get(box.root_url.rstrip("/") + path, timeout=60)
        assert file.status_code == 200, path
        assert "default-src 'none'" in file.headers["Content-Security-Policy"]
        assert not re.search(r"(https?:)?//(?!www\.w3\.org/2000/svg)[a-z]", file.text.replace("// ", "")), path
        wanted |= {f"/page/{name}" for name in re.findall(r'from "\./([\w.]+)"', file.text)} - seen
        again = requests.get(file.url, headers={"If-None-Match": file.headers["ETag"]}, timeout=60)
        assert again.status_code == 304
    assert len(seen) > 8
    assert "default-src 'none'" in index.headers["Content-Security-Policy"]
    assert requests.get(f"{box.root_url}page/..%2F..%2F__init__.py", timeout=60).status_code == 404
