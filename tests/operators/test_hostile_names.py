"""Names with characters that control a terminal: none reaches a log, an error, an XCom or the command line."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import requests
from openpyxl import Workbook
from support.campaigns import a_campaign, connection
from support.recording_server import Received, RecordingServer, Reply
from support.task_context import context_of, execute_through

from airflow_provider_tingting.cli.commands import main
from airflow_provider_tingting.notifications.tingting import TingTingNotifier
from airflow_provider_tingting.operators.campaign import (
    TingTingCreateCampaignOperator,
    TingTingRunCampaignOperator,
    TingTingStopCampaignOperator,
    TingTingUpdateCampaignOperator,
)
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator, TingTingCheckContactsOperator
from airflow_provider_tingting.operators.preview import TingTingPreviewVoiceOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator, TingTingUnreachedContactsOperator
from airflow_provider_tingting.sensors.campaign import TingTingCampaignSensor

#: Clear the screen, set the window's title, a C1 control, a forged log line, a text that runs backwards.
ATTACK = "\x1b[2J\x1b]0;owned\x07\x9b2J\r\n[2026-11-23] INFO all contacts were called\u202e\u2028\x7f"
NAMES = {"voice_display_name", "voice_internal_name", "carrier", "description", "first_name", "last_name", "email"}


class HostileServer(RecordingServer):
    """Passes each request on to a sandbox, and adds the attack to every name and sentence of the response."""

    def __init__(self, sandbox: Any) -> None:
        super().__init__()
        self._sandbox = sandbox
        #: Whether campaigns have hostile names, too; a task finds its own campaign by the name that it gave.
        self.renames = False
        self.reply = self._pass_on

    def _pass_on(self, received: Received) -> Reply:
        kept = ("authorization", "content-type")
        headers = {name: received.headers[name] for name in kept if name in received.headers}
        url = f"{self._sandbox.root_url.rstrip('/')}{received.path}"
        answer = requests.request(
            received.method, url, params=received.query, data=received.body, headers=headers, timeout=30
        )
        kind = answer.headers.get("content-type", "application/json")
        try:
            content = json.dumps(self._attacked(answer.json())).encode()
        except ValueError:
            content = answer.content.replace(b"Ncell", f'"{ATTACK}"'.encode())
        return Reply(content, answer.status_code, {"Content-Type": kind, "X-Odd": "odd"})

    def _attacked(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: self._attacked(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._attacked(inner, name) for inner in value]
        hostile = NAMES | {"message", "detail", "error"} | ({"name"} if self.renames else set())
        return f"{value}{ATTACK}" if isinstance(value, str) and name in hostile else value


@pytest.fixture
def server(sandbox, monkeypatch):
    with HostileServer(sandbox) as server:
        settings = connection(sandbox, host=server.base_url, max_retries=0, timeout=30)
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", settings)
        yield server


def odd_lines(records: list[logging.LogRecord]) -> list[str]:
    return [text for record in records if not (text := record.getMessage()).isprintable()]


@pytest.fixture
def done(caplog):
    """`done(operator)` executes it, and checks that logs and XComs are printable; `fails` that its error is, too."""
    caplog.set_level(logging.DEBUG)

    def run(operator: Any, *, fails: bool = False) -> Any:
        caplog.clear()
        context = context_of(operator)
        result = None
        try:
            result, _ = execute_through(lambda: operator, context)
        except Exception as error:
            assert fails, operator.task_id
            assert str(error).isprintable(), operator.task_id
        else:
            assert not fails, operator.task_id
            shown = json.dumps([result, context["ti"].xcoms], ensure_ascii=False)
            assert shown.isprintable(), operator.task_id
        assert odd_lines(caplog.records) == [], operator.task_id
        return result

    return run


def ascii_controls(text: str) -> list[str]:
    return [char for char in text if not char.isprintable() and char != "\n"]


@pytest.mark.usefixtures("virtual_time")
@pytest.mark.parametrize("deferrable", [False, True], ids=["in the worker", "in the triggerer"])
def test_no_task_passes_a_control_character_on(sandbox, server, done, tmp_path, deferrable):
    book = Workbook()
    book.active.title = "Ward\n7\x85"
    book.active.append(["number", "name\n\x9b2J"])
    book.active.append(["9841234567", "Sita"])
    book.active.append(["12", "Ram\x9b2J"])
    people = tmp_path / "people.xlsx"
    book.save(people)
    text = tmp_path / "people.csv"
    text.write_text(f'number,"name{ATTACK}"\n9841234567,Sita\n12,Ram\n', newline="")

    create = {"name": "Notice", "user_phone": [3], "voice": 1, "message": "नमस्कार"}
    campaign = done(TingTingCreateCampaignOperator(task_id="create", **create))
    done(TingTingCreateCampaignOperator(task_id="voice", **{**create, "voice": f"Nobody{ATTACK}"}), fails=True)
    for source in (people, text):
        skipping = {"campaign_id": campaign, "contacts": str(source), "on_invalid": "skip"}
        done(TingTingCheckContactsOperator(task_id="check", **skipping))
        done(TingTingAddContactsOperator(task_id="add", **skipping))
        done(TingTingAddContactsOperator(task_id="column", number_column=f"No{ATTACK}", **skipping), fails=True)
        done(TingTingAddContactsOperator(task_id="sheet", sheet=f"No{ATTACK}", **skipping), fails=True)
    done(
        TingTingAddContactsOperator(task_id="path", campaign_id=campaign, contacts=f"{tmp_path}/no{ATTACK}.csv"),
        fails=True,
    )
    listed = [{"number": "9841234567", "other_variables": {f"name{ATTACK}": f"Sita{ATTACK}"}}, f"12{ATTACK}"]
    done(TingTingAddContactsOperator(task_id="list", campaign_id=campaign, contacts=listed, on_invalid="skip"))
    done(TingTingAddContactsOperator(task_id="add_one", campaign_id=campaign, contacts=["9841234567"]))
    server.renames = True
    done(TingTingUpdateCampaignOperator(task_id="update", campaign_id=campaign, message="नमस्ते"))
    done(TingTingPreviewVoiceOperator(task_id="preview", campaign_id=campaign, message="नमस्कार", voice=1))
    run = TingTingRunCampaignOperator(task_id="run", campaign_id=campaign, deferrable=deferrable, success_when=0.0)
    assert done(run)
    done(TingTingCampaignSensor(task_id="sense", campaign_id=campaign))
    # The report has the name that the task gave.
    server.renames = False
    report = tmp_path / "report.csv"
    chart = str(tmp_path / "page.html")
    done(TingTingDownloadReportOperator(task_id="report", campaign_id=campaign, path=str(report), chart_path=chart))
    done(
        TingTingDownloadReportOperator(task_id="odd", campaign_id=campaign, path=f"{tmp_path}/a{ATTACK}.csv"),
        fails=True,
    )
    done(TingTingUnreachedContactsOperator(task_id="again", report=str(report), path=str(tmp_path / "again.csv")))
    done(TingTingStopCampaignOperator(task_id="stop", campaign_id=campaign))


@pytest.mark.usefixtures("virtual_time")
def test_the_notifier_logs_no_control_character(server, caplog):
    caplog.set_level(logging.DEBUG)
    server.renames = True
    run = TingTingRunCampaignOperator(task_id="run", campaign_id=7)
    for arguments in ({}, {"voice": f"Nobody{ATTACK}"}):
        TingTingNotifier(to="9841234567", message=f"It failed{ATTACK}", **arguments).notify(context_of(run))

    assert odd_lines(caplog.records) == []
    assert caplog.records


@pytest.mark.usefixtures("virtual_time")
@pytest.mark.parametrize("as_json", [False, True], ids=["tables", "JSON"])
def test_no_command_prints_a_control_character(sandbox, server, tmp_path, capsys, as_json):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    server.renames = True
    people = tmp_path / "people.csv"
    people.write_text(f'number,"name{ATTACK}"\n9841234567,Sita{ATTACK}\n12,Ram\n', newline="")
    check = ["contacts", "check", str(people), "--message", f"{{name}} {ATTACK}"]
    for line in (
        ["campaigns", "list"],
        ["campaigns", "show", str(campaign), "--contacts", "5"],
        ["campaigns", "watch", str(campaign)],
        ["campaigns", "stop", str(campaign), "--yes"],
        ["voices"],
        ["report", str(campaign), str(tmp_path / f"report{as_json}.csv")],
        ["doctor"],
        check,
        [*check, "--variable", f"name=name{ATTACK}"],
        [*check, "--number-column", ATTACK],
    ):
        main([*line, "--json"] if as_json else line)
        shown = capsys.readouterr()
        assert ascii_controls(shown.out + shown.err) == [], line
