"""A proxy that loses a response, namesakes, wrong responses, and changes that others make while a task works."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from durability.in_process import Store, creating, killed_after, killed_before, once
from support.campaigns import NUMBERS, a_campaign, dialled_once, writes
from support.recording_server import RecordingServer, Reply

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.api.client import TingTingClient
from airflow_provider_tingting.campaigns.reconcile import NEWEST_READ
from airflow_provider_tingting.errors import TingTingCampaignError, TingTingOutcomeUnknownError
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator, TingTingStopCampaignOperator
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator

NEWCOMER = {"number": "9841234999", "name": "Ram"}

pytestmark = pytest.mark.usefixtures("tingting_conn", "virtual_time")


def running(campaign_id: int, **changes: Any) -> TingTingRunCampaignOperator:
    return TingTingRunCampaignOperator(
        **{"task_id": "run", "campaign_id": campaign_id, "poll_interval": 20, "deferrable": False, **changes}
    )


@contextmanager
def once_called(monkeypatch: pytest.MonkeyPatch, call: str, act: Callable[[], object]) -> Iterator[None]:
    """Do something right after a call has been answered, once."""
    send_really, done = TingTingClient.send, []

    def send(self: TingTingClient, one: Any) -> Any:
        answer = send_really(self, one)
        if one.name == call and not done:
            done.append(act())
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(TingTingClient, "send", send)
        yield
    assert done, f"{call} was never called"


@contextmanager
def a_proxy_that_drops(path: str) -> Iterator[str]:
    """A proxy that passes everything on, and once drops the answer to a write on this path."""
    left = [1]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            there = http.client.HTTPConnection(parts.netloc, timeout=60)
            there.request(self.command, f"{parts.path}?{parts.query}", body, dict(self.headers))
            answer = there.getresponse()
            content = answer.read()
            there.close()
            if self.command != "GET" and parts.path.endswith(path) and left[0]:
                left[0] = 0
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.getheader("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

        do_GET = do_POST = do_PATCH = pass_on  # noqa: N815 - the names that http.server looks for

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
    assert not left[0], "nothing was dropped"


def behind(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", proxy)


def connect_to(server: RecordingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"conn_type": "tingting", "host": server.base_url, "password": "a-token-of-the-tests"}
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", json.dumps(parts))


@pytest.mark.parametrize("path", ["/run-campaign/1/", "/create/"])
def test_an_answer_that_is_lost_behind_a_proxy_leaves_one_campaign_and_one_call_each(sandbox, monkeypatch, path):
    with a_proxy_that_drops(path) as proxy, monkeypatch.context() as patch:
        behind(patch, proxy)
        if path == "/create/":
            once(creating, store=Store())
            assert len(sandbox.world.campaigns) == 1
            assert writes(sandbox).count("create_campaign") == 1
        else:
            campaign = a_campaign(sandbox)
            once(lambda: running(campaign), store=Store())
            assert writes(sandbox) == ["run_campaign"]
            assert dialled_once(sandbox)


def test_a_run_that_was_cut_off_is_not_sent_again_without_a_fresh_read(sandbox, monkeypatch):
    """Between the two sends another attempt may have been faster."""
    campaign = a_campaign(sandbox)
    sandbox.faults.add("cut-before", call="run_campaign")

    once(lambda: running(campaign), store=Store())

    seen = [request.call for request in sandbox.requests if request.call in ("run_campaign", "get_campaign")]
    first, second = [at for at, call in enumerate(seen) if call == "run_campaign"]
    assert "get_campaign" in seen[first:second]
    assert dialled_once(sandbox)


def test_among_hundreds_of_campaigns_of_the_same_name_a_retry_finds_its_own(sandbox, monkeypatch):
    with killed_after(monkeypatch, "create_campaign"), pytest.raises(BaseException, match="after create_campaign"):
        once(creating, store=None)
    mine = next(iter(sandbox.world.campaigns))
    for _ in range(NEWEST_READ + 30):
        sandbox.world.create_campaign(name="Water notice", services="PHONE", user_phone=[3], message="m", voice=1)

    assert once(creating, store=None, try_number=2) == mine


def test_a_server_that_replaces_contacts_instead_of_adding_them_is_found_out(sandbox, monkeypatch):
    campaign = a_campaign(sandbox)
    adding = TingTingAddContactsOperator(
        task_id="add", campaign_id=campaign, contacts=[{"number": "9841234999", "name": "Ram"}]
    )

    def replace() -> None:
        for contact in list(sandbox.world.campaigns[campaign].contacts.values()):
            if contact.number in NUMBERS:
                sandbox.world.delete_contact(contact.id)

    with (
        once_called(monkeypatch, "add_contacts", replace),
        pytest.raises(TingTingCampaignError, match="has lost 4 contacts while these were added"),
    ):
        once(lambda: adding, store=None)


def test_a_campaign_that_was_run_while_contacts_were_added_is_an_error(sandbox, monkeypatch):
    campaign = a_campaign(sandbox)
    sandbox.clock.speed = 0
    adding = TingTingAddContactsOperator(
        task_id="add", campaign_id=campaign, contacts=[{"number": "9841234999", "name": "Ram"}]
    )

    with (
        once_called(monkeypatch, "add_contacts", lambda: sandbox.world.run_campaign(campaign)),
        pytest.raises(TingTingCampaignError, match="was run while contacts were added and is Running"),
    ):
        once(lambda: adding, store=None)


def test_a_stop_is_confirmed_only_when_the_campaign_has_ended(sandbox, monkeypatch):
    campaign = a_campaign(sandbox)
    sandbox.clock.speed = 0
    sandbox.world.run_campaign(campaign)
    stopping = TingTingStopCampaignOperator(task_id="stop", campaign_id=campaign)

    def goes_on() -> None:
        sandbox.world.campaigns[campaign].status = "Running"

    with (
        once_called(monkeypatch, "stop_campaign", goes_on),
        pytest.raises(TingTingCampaignError, match="accepted the request to stop it, but it still is Running"),
    ):
        once(lambda: stopping, store=None)


@pytest.mark.parametrize(
    "answer", [{"error": "no credits"}, {"detail": "no credits", "status": "failed"}, {"errors": ["no credits"]}]
)
def test_a_yes_that_holds_nothing_but_an_error_is_a_no(monkeypatch, sandbox, answer):
    with RecordingServer() as server:
        not_started = {"id": 79, "status": "Not Started", "campaign_action_count": 4, "name": "Water"}
        server.reply = lambda request: Reply(answer if request.method == "POST" else not_started)
        connect_to(server, monkeypatch)

        with pytest.raises(AirflowFailException, match="no credits"):
            once(lambda: running(79), store=Store())

        assert [request.method for request in server.received].count("POST") == 1


def test_a_response_about_another_campaign_is_refused(monkeypatch, sandbox):
    with RecordingServer() as server:
        server.always({"id": 80, "status": "Completed", "campaign_action_count": 4, "name": "Another"})
        connect_to(server, monkeypatch)

        with pytest.raises(TingTingOutcomeUnknownError, match="79"):
            once(lambda: running(79, tolerate_outage=0), store=Store())

        assert all(request.method == "GET" for request in server.received)


def test_a_worker_killed_before_it_asks_to_run_leaves_the_run_to_the_retry(sandbox, monkeypatch):
    campaign = a_campaign(sandbox)
    store = Store()
    with killed_before(monkeypatch, "run_campaign"), pytest.raises(BaseException, match="before run_campaign"):
        once(lambda: running(campaign), store=store)

    once(lambda: running(campaign), store=store, try_number=2)

    assert dialled_once(sandbox)
