"""Every scripted fault, seen by requests and by httpx; and what is left in the world afterwards."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import httpx
import pytest
import requests
from support.campaigns import wait_until

from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.sandbox.faults import KINDS, Faults

BROKEN = (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError, httpx.RemoteProtocolError)
LOST = (*BROKEN, httpx.ReadError)
TIMED_OUT = (requests.exceptions.ReadTimeout, httpx.ReadTimeout)
GOOD = {"name": "x", "services": "PHONE", "user_phone": [3], "message": "hello"}

# What a client sees of each kind: an exception, or the status and the beginning of the body.
SEEN = {
    "cut-before": LOST,
    "lose-reply": LOST,
    "late-commit": LOST,
    "500": (500, '{"detail"'),
    "500-after-commit": (500, '{"detail"'),
    "502-empty": (502, ""),
    "502-after-commit": (502, ""),
    "503-html": (503, "<!doctype html>"),
    "503-after-commit": (503, "<!doctype html>"),
    "429": (429, '{"detail"'),
    "429-date": (429, '{"detail"'),
    "413": (413, "<!doctype html>"),
    "slow": (201, '{"id"'),
    "stuck": TIMED_OUT,
    "stuck-after-commit": TIMED_OUT,
    "truncate": BROKEN,
    "garbage": (200, "<!doctype html>"),
    "redirect": (302, ""),
    "rotate-token": (401, '{"detail"'),
}


def create(client, sandbox, timeout=60.0):
    """Create a campaign, the way each library does it without following redirects."""
    options = {"allow_redirects": False} if client is requests else {"follow_redirects": False}
    return client.post(
        sandbox.base_url + "campaign/create/",
        json=GOOD,
        headers={"Authorization": "Bearer tingting-sandbox-token"},
        timeout=timeout,
        **options,
    )


@pytest.mark.parametrize("client", [requests, httpx], ids=["requests", "httpx"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("partial")])
def test_each_fault_is_applied_once_with_its_documented_effect(box, kind, client):
    value = 0.1 if kind == "slow" else 30 if kind == "late-commit" else None
    box.faults.add(kind, call="create_campaign", value=value)
    seen = SEEN[kind]
    if isinstance(seen[0], int):
        response = create(client, box)
        assert response.status_code == seen[0]
        assert response.text.startswith(seen[1])
    else:
        with pytest.raises(seen):
            create(client, box, timeout=0.4 if kind.startswith("stuck") else 60)

    done = KINDS[kind].after or kind == "slow"
    # A client that gives up soon may do so before the request is there.
    wait_until(lambda: len(box.requests) == 1 and len(box.world.campaigns) >= done)
    assert len(box.world.campaigns) == (1 if done else 0)
    (entry,) = box.requests
    assert (entry.call, entry.fault) == ("create_campaign", kind)
    assert list(box.faults) == []
    if kind != "rotate-token":
        assert create(client, box).status_code == 201
        assert box.requests[-1].fault is None


@pytest.mark.parametrize("kind", ["cut-before", "lose-reply"])
def test_a_cut_connection_is_no_http_answer_at_all(box, kind):
    """Not even a 500: read from the bare socket, byte by byte."""
    import socket

    box.faults.add(kind)
    with socket.create_connection(("127.0.0.1", box.port), timeout=5) as connection:
        connection.sendall(
            b"GET /api/v1/voice-models/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
            + box.token.encode()
            + b"\r\n\r\n"
        )
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""


def test_a_truncated_report_announces_all_and_sends_half(box, api):
    campaign_id = api.create(30)
    whole = api.get(f"download/{campaign_id}/report/").content
    box.faults.add("truncate", call="report")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match=f"{len(whole) // 2} bytes read"):
        api.get(f"download/{campaign_id}/report/")
    assert api.get(f"download/{campaign_id}/report/").content == whole


def test_a_truncated_empty_answer_still_breaks_off(box, api):
    campaign_id = api.create()
    box.faults.add("truncate", call="delete_campaign")
    with pytest.raises(BROKEN):
        api.delete(f"campaign/{campaign_id}/")
    assert box.world.campaigns == {}


def test_half_a_json_is_a_200_that_cannot_be_read(box, api):
    box.faults.parse("garbage=json:create")
    response = create(requests, box)
    assert response.status_code == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|delimiter|double quotes"):
        response.json()
    assert len(box.world.campaigns) == 1


def test_retry_after_comes_in_seconds_or_as_a_date(box, api):
    box.faults.parse("429=7:voices")
    assert api.get("voice-models/").headers["retry-after"] == "7"
    box.faults.parse("429-date=90:voices")
    before = time.time()
    due = parsedate_to_datetime(api.get("voice-models/").headers["retry-after"]).timestamp()
    assert -1 <= due - before - 90 <= 60


def test_a_late_commit_happens_when_the_client_has_long_gone(pushed_clock, box, api):
    campaign_id = api.create(2)
    box.faults.add("late-commit", call="run_campaign", value=3600)
    with pytest.raises(requests.exceptions.ConnectionError):
        api.run(campaign_id)
    assert api.campaign(campaign_id)["status"] == "Not Started"
    pushed_clock.sleep(3600)
    assert api.campaign(campaign_id)["status"] == "Running"


def test_a_slow_answer_takes_its_seconds(box, api):
    box.faults.add("slow", call="voices", value=0.3)
    began = time.monotonic()
    assert api.get("voice-models/").status_code == 200
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("kind", ["slow", "stuck"])
def test_a_request_that_a_fault_holds_goes_on_when_the_fault_is_removed(box, api, kind):
    fault = box.faults.add(kind, call="voices", value=600, times="*")
    with ThreadPoolExecutor() as pool:
        held = pool.submit(api.get, "voice-models/")
        while not box.requests:
            time.sleep(0.01)
        assert box.faults.remove(fault.id)
        if kind == "slow":
            assert held.result(timeout=20).status_code == 200
        else:
            assert isinstance(held.exception(timeout=20), requests.exceptions.ConnectionError)


def test_a_rotated_token_refuses_the_old_one_and_the_new_one_is_known(box, api):
    old = box.token
    box.faults.parse("rotate-token:voices")
    assert api.get("voice-models/").status_code == 401
    assert box.token != old
    assert api.get("voice-models/").status_code == 200


@pytest.mark.parametrize(("value", "status"), [("207", 207), ("200", 200)])
def test_partial_adds_every_second_contact_and_reports_the_others(box, api, value, status):
    campaign_id = api.create()
    box.faults.parse(f"partial={value}")
    rows = [{"number": str(9841000000 + position)} for position in range(5)]
    response = api.post(f"campaign/{campaign_id}/add-contact/", json={"contacts": rows})

    assert response.status_code == status
    assert response.json()["created"] == 3
    assert [error["number"] for error in response.json()["errors"]] == ["9841000001", "9841000003"]
    assert api.campaign(campaign_id)["campaign_action_count"] == 3
    again = api.post(f"campaign/{campaign_id}/add-contact/", json={"contacts": rows}).json()
    assert (again["created"], again["skipped"]) == (2, 3)


def test_partial_silent_reports_all_contacts_as_added(box, api):
    campaign_id = api.create()
    box.faults.parse("partial-silent:add")
    rows = [{"number": str(9841000000 + position)} for position in range(5)]
    response = api.post(f"campaign/{campaign_id}/add-contact/", json={"contacts": rows})

    assert (response.status_code, response.json()["created"], response.json()["errors"]) == (200, 5, [])
    assert api.campaign(campaign_id)["campaign_action_count"] == 3


@pytest.mark.parametrize(("kind", "said"), [("partial", 2), ("partial-silent", 4)])
def test_a_workbook_can_be_added_partially_too(box, api, kind, said):
    import io

    from openpyxl import Workbook

    book = Workbook()
    for cell in ("number", *(str(9841000000 + position) for position in range(4))):
        book.active.append([cell])
    book.save(file := io.BytesIO())
    campaign_id = api.create()
    box.faults.add(kind, call="upload_contacts")
    answer = api.patch(
        f"campaign/create/{campaign_id}/detail/", files={"bulk_file": ("x.xlsx", file.getvalue())}
    ).json()

    assert answer["total_validated_rows"] == said
    assert bool(answer["error_list"]) == (kind == "partial")
    assert api.campaign(campaign_id)["campaign_action_count"] == 2


def test_faults_strike_in_the_order_they_were_scripted_and_pass_others_by(box, api):
    box.faults.parse("500:voices:2")
    box.faults.parse("502-empty:voices")
    assert api.get("dashboard/").status_code == 200
    assert [api.get("voice-models/").status_code for _ in range(4)] == [500, 500, 502, 200]


def test_skip_leaves_requests_unaffected_and_a_star_affects_all(box, api):
    box.faults.parse("503-html:voices:*:2")
    assert [api.get("voice-models/").status_code for _ in range(6)] == [200, 200, 503, 503, 503, 503]
    box.faults.clear()
    assert api.get("voice-models/").status_code == 200


def test_read_write_and_star_stand_for_calls(box, api):
    box.faults.parse("500:write:*")
    assert create(requests, box).status_code == 500
    assert api.get("voice-models/").status_code == 200
    box.faults.clear()
    box.faults.parse("500:read:*")
    assert create(requests, box).status_code == 201
    assert api.get("voice-models/").status_code == 500


def test_one_contact_and_many_are_two_calls(box, api):
    campaign_id = api.create()
    box.faults.parse("500:add_contact")
    path = f"campaign/{campaign_id}/add-contact/"
    assert api.post(path, json={"contacts": [{"number": "9841000000"}]}).status_code == 200
    tricky = {"number": "9841000001", "other_variables": {"contacts": "x"}}
    assert api.post(path, json=tricky).status_code == 500
    assert [entry.call for entry in box.requests[-2:]] == ["add_contacts", "add_contact"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("explode", "unknown fault 'explode'; choose from cut-before"),
        ("500:nothing", "there is no call 'nothing'; there are"),
        ("500:run:0", "times of a fault is at least 1"),
        ("500:run:x", "whole numbers"),
        ("500:run:1:x", "whole numbers"),
        ("500:run:1:0:0", "is written KIND"),
        ("slow=x:run", "number of seconds"),
        ("slow=-1", "number of seconds"),
        ("slow=1e9", "number of seconds"),
        ("lose-reply=3", "takes no value"),
        ("garbage=xml", "html or json"),
        ("partial=500", "207 or 200"),
        ("partial:run", "affects only add_contacts and upload_contacts"),
    ],
)
def test_an_invalid_fault_is_refused_with_the_choices(text, said):
    faults = Faults()
    with pytest.raises(ValueError, match=said):
        faults.parse(text)
    assert len(faults) == 0


def test_a_fault_written_as_text_is_the_fault_added_in_parts():
    faults = Faults()
    written, added = (
        faults.parse("redirect=http://x.example/a:run_campaign:*:3"),
        faults.add("redirect", call="run_campaign", times="*", value="http://x.example/a", skip=3),
    )
    assert {**written.as_json(), "id": 0} == {**added.as_json(), "id": 0}


def test_a_stuck_request_does_not_keep_the_sandbox_from_stopping():
    import threading

    with Sandbox() as sandbox:
        sandbox.faults.add("stuck")
        seen = []

        def wait():
            try:
                seen.append(create(requests, sandbox, 170))
            except requests.exceptions.ConnectionError as error:
                seen.append(error)

        waiting = threading.Thread(target=wait, daemon=True)
        waiting.start()
        deadline = time.monotonic() + 60
        while len(sandbox.faults):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    waiting.join(60)
    assert isinstance(seen[0], requests.exceptions.ConnectionError)


def test_an_outage_refuses_connections_and_keeps_the_world(api_of):
    with Sandbox() as sandbox:
        api = api_of(sandbox)
        campaign_id = api.create(2)
        with sandbox.outage():
            for client in (requests, httpx):
                with pytest.raises((requests.exceptions.ConnectionError, httpx.ConnectError)):
                    create(client, sandbox)
        assert api.campaign(campaign_id)["campaign_action_count"] == 2


def test_latency_is_paid_by_the_request_and_by_the_contact(api_of):
    with Sandbox(latency=0.05, latency_per_contact=0.01) as sandbox:
        api = api_of(sandbox)
        campaign_id = api.create()
        began = time.monotonic()
        api.get("voice-models/")
        read = time.monotonic() - began
        rows = [{"number": str(9841000000 + position)} for position in range(20)]
        began = time.monotonic()
        api.post(f"campaign/{campaign_id}/add-contact/", json={"contacts": rows})
        added = time.monotonic() - began
    assert read >= 0.05
    assert added >= 0.25
