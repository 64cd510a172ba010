"""The log of a whole life at DEBUG, against a server that repeats each request in each response, names no contact."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest
import requests
from support.campaigns import a_campaign, connection
from support.recording_server import Received, RecordingServer, Reply
from support.task_context import context_of, execute, execute_through

from airflow_provider_tingting.cli.commands import main
from airflow_provider_tingting.notifications.tingting import TingTingNotifier
from airflow_provider_tingting.operators.campaign import (
    TingTingCreateCampaignOperator,
    TingTingRunCampaignOperator,
    TingTingUpdateCampaignOperator,
)
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator, TingTingCheckContactsOperator
from airflow_provider_tingting.operators.preview import TingTingDemoCallOperator, TingTingPreviewVoiceOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator

NUMBERS = ("9841234567", "9801234568")
PERSON = "Rambahadur"
MESSAGE = "your loan of the bank is overdue"
COMMANDS = (
    ["campaigns", "list"],
    ["campaigns", "list", "--search", "Notice", "--json"],
    ["campaigns", "show", "{campaign}", "--contacts", "9"],
    ["campaigns", "show", "{campaign}", "--contacts", "9", "--json"],
    ["campaigns", "watch", "{campaign}"],
    ["campaigns", "stop", "{campaign}", "--yes"],
    ["report", "{campaign}", "{report}"],
    ["voices"],
    ["doctor"],
    ["doctor", "--probe"],
)


class EchoingServer(RecordingServer):
    """Passes each request on to a sandbox, and puts what was sent into the response; sometimes it only echoes.

    :param sandbox: what answers.
    """

    def __init__(self, sandbox: Any) -> None:
        super().__init__()
        self._sandbox = sandbox
        self.secrets = (*NUMBERS, PERSON, MESSAGE, sandbox.token)
        #: A part of the path of the writes that are refused, with everything that was sent in the error.
        self.refused = ""
        self._failed: set[str] = set()
        self.reply = self._pass_on

    def _pass_on(self, received: Received) -> Reply:
        sent = f"{received.body.decode(errors='replace')} {' '.join(received.headers.values())}"
        if received.method == "POST" and self.refused and self.refused in received.path:
            return Reply({"detail": sent, "errors": [{"number": sent}], sent: [sent]}, 400)
        key = f"{received.method} {received.path}"
        # Each read fails once, with everything that was sent in the error.
        if received.method == "GET" and key not in self._failed:
            self._failed.add(key)
            return Reply({"detail": sent, sent: [sent]}, 503)
        headers = {"authorization": received.headers["authorization"]}
        if "content-type" in received.headers:
            headers["content-type"] = received.headers["content-type"]
        url = f"{self._sandbox.root_url.rstrip('/')}{received.path}"
        answer = requests.request(
            received.method, url, params=received.query, data=received.body, headers=headers, timeout=30
        )
        kind = answer.headers.get("content-type", "application/json")
        try:
            content = answer.json()
        except ValueError:
            return Reply(answer.content, answer.status_code, {"Content-Type": kind})
        if isinstance(content, dict):
            content = {**content, "echo": sent, "errors": content.get("errors") or [], f"key {sent}": sent}
            if set(content) & {"message"} and received.path.endswith(("add-contact/", "run-campaign/")):
                content["message"] = sent
        return Reply(json.dumps(content).encode(), answer.status_code, {"Content-Type": kind})


@pytest.fixture
def server(sandbox, monkeypatch):
    with EchoingServer(sandbox) as server:
        settings = connection(sandbox, host=server.base_url, max_retries=3, timeout=30)
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", settings)
        yield server


@pytest.mark.usefixtures("virtual_time")
@pytest.mark.parametrize("waits_in", ["the worker", "the triggerer"])
def test_no_name_number_message_or_token_is_logged(sandbox, server, logged, tmp_path, waits_in):
    contacts = [{"number": number, "name": f"{PERSON} {place}"} for place, number in enumerate(NUMBERS)]
    create = {"name": "Notice", "user_phone": [3], "voice": "Rija", "message": f"{{name}}, {MESSAGE}"}
    said: list[str] = []

    def done(operator: Any, run: Any = execute) -> Any:
        try:
            result, xcoms = run(operator)
        except Exception as error:
            said.append(f"{type(error).__name__}: {error}")
            said.append("".join(traceback.format_exception_only(error)))
            raise
        said.append(json.dumps([result, xcoms], ensure_ascii=False))
        return result

    campaign = done(TingTingCreateCampaignOperator(task_id="create", **create))
    done(TingTingCheckContactsOperator(task_id="check", campaign_id=campaign, contacts=contacts))
    done(TingTingAddContactsOperator(task_id="add", campaign_id=campaign, contacts=contacts))
    deferrable = waits_in == "the triggerer"

    def through(operator: Any) -> Any:
        context = context_of(operator)
        result, deferred_to = execute_through(lambda: operator, context)
        assert bool(deferred_to) is deferrable
        return result, context["ti"].xcoms

    run = TingTingRunCampaignOperator(task_id="run", campaign_id=campaign, deferrable=deferrable, success_when=0.0)
    done(run, through)
    done(TingTingDownloadReportOperator(task_id="report", campaign_id=campaign, path=str(tmp_path / "report.csv")))
    with pytest.raises(Exception, match="campaign_id"):
        done(TingTingAddContactsOperator(task_id="wrong", campaign_id="{{ x }}", contacts=contacts))
    TingTingNotifier(to=NUMBERS[0], message=MESSAGE, escalate_after=1).notify(context_of(run))
    done(TingTingPreviewVoiceOperator(task_id="preview", campaign_id=campaign, message=MESSAGE, voice="Rija"))
    done(TingTingUpdateCampaignOperator(task_id="update", campaign_id=campaign, message=f"{{name}}, {MESSAGE}"))
    contact = next(iter(sandbox.world.campaign(campaign).contacts))
    done(TingTingDemoCallOperator(task_id="demo", contact_id=contact, campaign_id=campaign))
    server.refused = "/demo-call/"
    with pytest.raises(Exception, match="HTTP 400"):
        done(TingTingDemoCallOperator(task_id="refused", contact_id=contact, campaign_id=campaign))
    server.refused = "/add-contact/"
    with pytest.raises(Exception, match="HTTP 400"):
        done(TingTingAddContactsOperator(task_id="refused", campaign_id=a_campaign(sandbox, []), contacts=contacts))
    for line in COMMANDS:
        main([word.format(campaign=campaign, report=tmp_path / "again.csv") for word in line])

    everything = "\n".join([logged(), *said])
    assert "Campaign" in everything
    assert len(sandbox.ledger.dialled) >= len(NUMBERS)
    found = [line.strip() for line in everything.splitlines() if any(secret in line for secret in server.secrets)]
    # `campaigns show` is there to show the campaign's message.
    assert [line for line in found if not line.startswith(("message ", '"message": '))] == []
