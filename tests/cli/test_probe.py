"""`doctor --probe` finds out what an account does, calls no contact, and leaves nothing behind."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from support.recording_server import RecordingServer, Reply

from airflow_provider_tingting.api import TingTingClient
from airflow_provider_tingting.cli import probe
from airflow_provider_tingting.cli.probe.draft import NAME_PREFIX
from airflow_provider_tingting.errors import TingTingError
from airflow_provider_tingting.sandbox import Dialect, Sandbox
from airflow_provider_tingting.sandbox.dialect import PRESETS
from airflow_provider_tingting.sandbox.refusals import Refused

CHOICES = [
    *({switch.name: choice} for switch in fields(Dialect) for choice in switch.metadata.get("choices", ())[1:]),
    {"next_host": "other.tingting.example"},
    {"max_batch": 2},
    PRESETS["vendor"],
]

pytestmark = pytest.mark.usefixtures("virtual_time")


def _named(switches):
    """Return the name of a dialect in test ids."""
    return "vendor" if len(switches) > 1 else "-".join(f"{name}={value}" for name, value in switches.items())


#: What the probe must report of a dialect: (switch, choice) → (assumption, words of the finding, verdict).
REPORTED = {
    ("search", "ignored"): ("A search finds a new campaign", "The search is ignored", "works with care"),
    ("upload", "replace"): ("An uploaded workbook adds its contacts", "It replaces the contacts.", "works with care"),
    ("upload", "preview"): ("An uploaded workbook adds its contacts", "It adds nothing.", "works with care"),
    ("upload", "repeat"): ("An uploaded workbook adds its contacts", "a second time", "does not work"),
    ("report_path", "seed"): ("Path of the campaign report", "/download/ID/report/", "works"),
    ("report_path", "old"): ("Path of the campaign report", "/download/report/ID/", "works"),
    ("empty_report", "500"): ("Report of a campaign without contacts", "HTTP 500", "works"),
    ("dashboard", "403"): ("The dashboard shows the balance", "HTTP 403", "works"),
}


@pytest.fixture
def connect():
    opened = []

    def make(sandbox):
        client = TingTingClient(sandbox.token, base_url=sandbox.base_url, max_retries=1, timeout=60)
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close()


@pytest.fixture
def other_campaign(sandbox):
    return sandbox.world.create_campaign(name="Water notice", services="PHONE", user_phone=[3], message="Hello").id


def assert_only(sandbox, *campaigns):
    """No call was made, nothing was run, and only these campaigns are left."""
    assert set(sandbox.world.campaigns) == set(campaigns)
    assert sandbox.ledger.dialled == []
    assert not {"run_campaign", "demo_call", "run_survey", "test_survey"} & {one.call for one in sandbox.requests}


def test_the_command_prints_each_assumption_with_its_verdict(tingting, sandbox, other_campaign):
    code, out, _ = tingting("doctor --probe --number +977-9841234567")

    assert code == 0
    assert "works            The marker in the description is kept: It is kept completely." in out
    assert "works            The draft is deleted" in out
    assert "9841234567" not in out
    assert_only(sandbox, other_campaign)


def test_its_json_has_every_finding_and_no_token(tingting, sandbox):
    code, out, _ = tingting("doctor --probe --json")
    findings = json.loads(out)["probe"]

    assert code == 0
    assert len(findings) == 13
    assert findings[-1]["assumption"] == "The draft is deleted"
    assert {finding["verdict"] for finding in findings} == {"works"}
    assert sandbox.token not in out
    assert_only(sandbox)


def test_without_the_option_it_creates_nothing(tingting, sandbox):
    tingting("doctor")

    assert {request.method for request in sandbox.requests} == {"GET"}


def test_without_a_valid_token_it_creates_nothing(tingting, sandbox):
    sandbox.world.rotate_token("another-token")

    assert tingting("doctor --probe")[0] == 1
    assert_only(sandbox)


def test_a_refusal_to_create_is_a_finding(tingting, sandbox, monkeypatch):
    def refuse(**fields):
        raise Refused(403, {"detail": "You do not have permission to perform this action."})

    monkeypatch.setattr(sandbox.world, "create_campaign", refuse)
    code, out, _ = tingting("doctor --probe --json")
    (finding,) = json.loads(out)["probe"]

    assert code == 1
    assert (finding["assumption"], finding["verdict"]) == ("A draft can be created", "does not work")
    assert "permission" in finding["found"]


def test_an_invalid_number_is_refused_with_its_option(tingting, sandbox):
    code, _, err = tingting("doctor --probe --number 12")

    assert code == 2
    assert "--number" in err
    assert list(sandbox.requests) == []


@pytest.mark.parametrize("switches", CHOICES, ids=lambda switches: _named(switches))
def test_every_dialect_is_measured_and_the_draft_is_deleted(connect, switches):
    with Sandbox(dialect=switches) as sandbox:
        caller = next(iter(sandbox.world.callers))
        other = sandbox.world.create_campaign(name="Other", services="PHONE", user_phone=[caller], message="Hello").id
        findings = {one.assumption: one for one in probe.probe(connect(sandbox))}

        assert len(findings) == 13
        assert not [one for one in findings.values() if one.found.startswith("Not measured")]
        for choice in switches.items():
            if choice in REPORTED:
                assumption, words, verdict = REPORTED[choice]
                assert words in findings[assumption].found
                assert findings[assumption].verdict.value == verdict
        assert_only(sandbox, other)


@pytest.mark.parametrize("fault", ["lose-reply", "500-after-commit", "cut-before", "garbage"])
@pytest.mark.parametrize("call", ["create", "get", "message", "add", "upload", "update", "delete", "report", "list"])
def test_a_fault_at_any_step_leaves_no_draft(connect, sandbox, other_campaign, call, fault):
    sandbox.faults.parse(f"{fault}:{call}")
    findings = []
    try:
        findings += probe.probe(connect(sandbox))
    except TingTingError:
        # A draft whose creation was not confirmed is deleted by the next probe at the latest.
        list(probe.probe(connect(sandbox)))

    assert_only(sandbox, other_campaign)
    assert not findings or findings[-1].found == "TingTing no longer has it."


def test_a_draft_that_cannot_be_deleted_is_named_with_its_id(connect, sandbox):
    sandbox.faults.parse("500:delete:*")
    last = list(probe.probe(connect(sandbox)))[-1]

    assert last.verdict is probe.Verdict.WORKS_WITH_CARE
    assert "still has 1 draft of a probe: 1." in last.found
    assert "Delete it in TingTing" in last.handling


class KilledError(BaseException):
    """The process is killed: no request is sent after it."""


@pytest.mark.parametrize("step", range(1, 30))
def test_the_next_probe_deletes_what_a_kill_leaves_behind(connect, sandbox, other_campaign, step):
    client, sent = connect(sandbox), []
    send = client.send

    def send_until_killed(call):
        sent.append(call)
        if len(sent) > step:
            raise KilledError
        return send(call)

    client.send = send_until_killed
    with pytest.raises(KilledError):
        list(probe.probe(client))
    list(probe.probe(connect(sandbox)))

    assert_only(sandbox, other_campaign)


def test_an_interrupt_deletes_the_draft(connect, sandbox, other_campaign):
    client = connect(sandbox)
    send = client.send

    def send_until_interrupted(call):
        if call.name == "set_campaign_message":
            raise KeyboardInterrupt
        return send(call)

    client.send = send_until_interrupted
    with pytest.raises(KeyboardInterrupt):
        list(probe.probe(client))

    assert_only(sandbox, other_campaign)


def test_a_campaign_of_that_name_that_was_run_is_left_alone(connect, sandbox):
    name = f"{NAME_PREFIX} {'0' * 16}"
    campaign = sandbox.world.create_campaign(name=name, services="PHONE", user_phone=[3], message="Hello", voice=1)
    sandbox.world.add_contacts(campaign.id, [("9841234567", {})])
    sandbox.world.run_campaign(campaign.id)
    list(probe.probe(connect(sandbox)))

    assert set(sandbox.world.campaigns) == {campaign.id}


def test_an_account_with_100000_campaigns_is_probed_with_few_requests(connect):
    with Sandbox() as sandbox:
        first = sandbox.world.create_campaign(name="Notice", services="PHONE", user_phone=[3], message="Hello")
        for number in range(2, 100_001):
            sandbox.world.keep_campaign(replace(first, id=number, name=f"Notice {number}"))
        findings = {one.assumption: one for one in probe.probe(connect(sandbox))}

        assert "100001 campaigns" in findings["Lists are complete and newest first"].found
        assert findings["The draft is deleted"].found == "TingTing no longer has it."
        assert len(sandbox.requests) < 100
        assert len(sandbox.world.campaigns) == 100_000


def test_a_server_that_is_not_tingting_gets_no_request_that_changes_anything(tingting, monkeypatch):
    with RecordingServer() as server:
        server.reply = lambda _: Reply(b"<html>A web shop</html>")
        monkeypatch.setenv(
            "AIRFLOW_CONN_TINGTING_DEFAULT",
            json.dumps({"conn_type": "tingting", "host": f"http://127.0.0.1:{server.port}/", "password": "a-token"}),
        )
        code, out, _ = tingting("doctor --probe")

        assert code == 1
        assert "is not TingTing" in out
        assert {one.method for one in server.received} == {"GET"}


def test_without_a_token_nothing_is_sent(tingting, sandbox, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", json.dumps({"conn_type": "tingting", "host": sandbox.base_url}))
    code, out, _ = tingting("doctor --probe")

    assert code == 1
    assert "no API token" in out
    assert list(sandbox.requests) == []
