"""What the commands about campaigns, reports and voices print and how they end; the sandbox answers over HTTP."""

from __future__ import annotations

import csv
import json
import os
import re

import pytest
from support.campaigns import NUMBERS, a_campaign, connection, writes

from airflow_provider_tingting.cli.execution import make_console
from airflow_provider_tingting.cli.exit_codes import ExitCode


def finished(sandbox, **fields):
    number = a_campaign(sandbox, **fields)
    sandbox.world.run_campaign(number)
    sandbox.play_out()
    return number


def test_the_campaigns_are_listed_the_newest_first(tingting, sandbox):
    first, second = a_campaign(sandbox), finished(sandbox, name="Vaccination")
    code, out, _ = tingting("campaigns list")

    assert code == ExitCode.SUCCESS
    assert out.index("Vaccination") < out.index("Water notice")
    assert json.loads(tingting("campaigns list --json --status completed")[1])[0]["id"] == second
    assert [one["id"] for one in json.loads(tingting("campaigns list --json --search water")[1])] == [first]


def test_more_campaigns_than_asked_for_are_announced(tingting, sandbox):
    for _ in range(3):
        a_campaign(sandbox)

    assert "--limit 0 shows all" in tingting("campaigns list --limit 2")[1]
    assert "--limit 0 shows all" not in tingting("campaigns list --limit 3")[1]
    assert len(json.loads(tingting("campaigns list --json --limit 0")[1])) == 3


def test_an_account_without_campaigns_is_no_error(tingting):
    assert tingting("campaigns list") == (0, "The account has no campaigns.\n", "")
    assert tingting("campaigns list --json")[:2] == (0, "[]\n")


def test_a_campaign_is_shown_with_its_outcome_and_masked_contacts(tingting, sandbox):
    number = finished(sandbox)
    code, out, err = tingting(f"campaigns show {number} --contacts 2")
    shown = json.loads(tingting(f"campaigns show {number} --contacts 2 --json")[1])

    assert code == ExitCode.SUCCESS
    assert "नमस्कार" in out
    assert re.search(r"^reached +4 \(100 %\) *$", out, re.MULTILINE)
    assert out.count("98******0") == 2
    assert not [one for one in NUMBERS if one in out + err + json.dumps(shown)]
    assert shown["summary"]["reached"] == 4
    assert len(shown["listed_contacts"]) == 2


def test_a_campaign_without_contacts_is_shown(tingting, sandbox):
    number = a_campaign(sandbox, [])
    code, out, _ = tingting(f"campaigns show {number}")

    assert code == ExitCode.SUCCESS
    assert re.search(r"^contacts +0 *$", out, re.MULTILINE)


def test_a_number_in_a_campaigns_name_is_masked(tingting, sandbox):
    number = a_campaign(sandbox, name="call 9841234567 [bold]now[/bold]")

    for command in ("campaigns list", f"campaigns show {number}", "campaigns list --json"):
        out = tingting(command)[1]
        assert "9841234567" not in out
        assert "[bold]now[/bold]" in out


def test_watching_succeeds_when_a_contact_was_reached(tingting, sandbox, virtual_time):
    number = a_campaign(sandbox)
    sandbox.world.run_campaign(number)
    code, out, err = tingting(f"campaigns watch {number} --interval 10")

    assert code == ExitCode.SUCCESS
    assert f"Campaign {number} is Completed" in out
    assert "is Running" in err
    assert writes(sandbox) == []


def test_watching_fails_when_no_contact_was_reached(tingting, sandbox):
    number = finished(sandbox, outcome="unanswered")
    code, out, err = tingting(f"campaigns watch {number} --json")

    assert code == ExitCode.PROBLEM
    assert "no contact was reached" in err
    assert "no contact was reached" in json.loads(out)["failure"]


def test_watching_gives_up_when_the_time_is_up_and_stops_nothing(tingting, sandbox):
    number = a_campaign(sandbox)
    code, _, err = tingting(f"campaigns watch {number} --interval 0.01 --timeout 0.05")

    assert code == ExitCode.TIMED_OUT
    assert f"Campaign {number} continues; its last known status is Not Started." in err


def test_a_campaign_is_stopped_for_good(tingting, sandbox):
    number = a_campaign(sandbox)
    sandbox.world.run_campaign(number)
    code, out, _ = tingting(f"campaigns stop {number} --yes")

    assert (code, out) == (ExitCode.SUCCESS, f"Campaign {number} was stopped for good.\n")
    assert sandbox.world.campaigns[number].status == "Terminated"


def test_a_campaign_that_has_ended_is_not_stopped_again(tingting, sandbox):
    number = finished(sandbox)
    code, out, _ = tingting(f"campaigns stop {number}")

    assert code == ExitCode.SUCCESS
    assert "is already Completed" in out
    assert writes(sandbox) == []


def test_without_a_terminal_nothing_is_stopped_without_yes(tingting, sandbox):
    number = a_campaign(sandbox)
    code, _, err = tingting(f"campaigns stop {number}")

    assert code == ExitCode.USAGE_ERROR
    assert "--yes" in err
    assert writes(sandbox) == []


@pytest.mark.parametrize(("answer", "stopped"), [("y", True), ("n", False), ("", False)])
def test_a_person_is_asked_first(answer, stopped, tingting, sandbox, monkeypatch):
    number = a_campaign(sandbox)
    sandbox.world.run_campaign(number)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    code, _, err = tingting(f"campaigns stop {number}")

    assert (writes(sandbox) == ["stop_campaign"]) is stopped
    assert code == (ExitCode.SUCCESS if stopped else ExitCode.INTERRUPTED)
    assert ("Nothing was sent" in err) is not stopped


def test_a_stop_is_reported_even_if_no_read_succeeds_afterwards(tingting, sandbox):
    number = a_campaign(sandbox)
    sandbox.world.run_campaign(number)
    sandbox.faults.add("500", call="get_campaign", times="*", skip=1)

    code, out, _ = tingting(f"campaigns stop {number} --yes")

    assert code == ExitCode.PROBLEM
    assert f"TingTing accepted the request to stop campaign {number}" in out


def test_a_reader_that_has_seen_enough_is_no_failure():
    reader, writer = os.pipe()
    os.close(reader)

    with os.fdopen(writer, "w") as pipe:
        console = make_console(file=pipe)
        with pytest.raises(BrokenPipeError):
            console.print("x" * 100_000)
        # Nothing is left to be written at the close.
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)


def test_a_server_without_a_stop_call_is_reported_as_a_problem(tingting, sandbox):
    number = a_campaign(sandbox)
    sandbox.world.run_campaign(number)
    sandbox.faults.parse("413:stop")
    code, out, _ = tingting(f"campaigns stop {number} --yes")

    assert code == ExitCode.PROBLEM
    assert "could not be stopped" in out


def test_a_report_is_downloaded_with_its_summary(tingting, sandbox, tmp_path):
    number = finished(sandbox)
    path = tmp_path / "report.csv"
    code, out, _ = tingting(f"report {number} {path}")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert code == ExitCode.SUCCESS
    assert f"4 rows written to {path}" in out
    assert len(rows) == 4


def test_a_report_that_is_there_is_replaced_only_when_asked(tingting, sandbox, tmp_path):
    number = finished(sandbox)
    path = tmp_path / "report.csv"
    path.write_text("mine")
    code, _, err = tingting(f"report {number} {path}")
    assert (code, path.read_text()) == (ExitCode.USAGE_ERROR, "mine")
    assert str(path) in err

    assert tingting(f"report {number} {path} --overwrite")[0] == ExitCode.SUCCESS
    assert path.read_text() != "mine"


def test_without_a_path_only_the_summary_comes(tingting, sandbox, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    number = finished(sandbox)
    code, out, _ = tingting(f"report {number} --json")

    assert code == ExitCode.SUCCESS
    assert json.loads(out)["summary"]["reached"] == 4
    assert not list(tmp_path.iterdir())


def test_a_report_that_is_cut_leaves_nothing(tingting, sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, max_retries=0))
    number = finished(sandbox)
    sandbox.faults.parse("truncate:report:*")
    sandbox.faults.add("truncate", call="list_contacts", times="*")
    code, _, err = tingting(f"report {number} {tmp_path / 'report.csv'}")

    assert code in (ExitCode.PROBLEM, ExitCode.API_ERROR)
    assert "tingting: " in err
    assert not list(tmp_path.iterdir())


def test_the_listing_of_contacts_stands_in_for_a_report_that_fails(tingting, sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, max_retries=0))
    number = finished(sandbox)
    sandbox.faults.parse("500:report:*")
    code, out, err = tingting(f"report {number} {tmp_path / 'report.csv'} --json")

    assert code == ExitCode.SUCCESS
    assert '"source": "listing"' in out
    assert "tingting: TingTing's report fails" in err
    assert (tmp_path / "report.csv").exists()


def test_the_voices_are_listed(tingting):
    code, out, _ = tingting("voices")

    assert code == ExitCode.SUCCESS
    assert "Rija premium" in out
    assert json.loads(tingting("voices --json")[1])[2] == {
        "id": 3,
        "voice_display_name": "Prashanna",
        "voice_internal_name": "np_prashanna",
        "is_premium": False,
    }


COMMANDS = ["campaigns list", "campaigns show 1", "campaigns watch 1", "campaigns stop 1 --yes", "report 1", "voices"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_refused_token_is_reported_and_never_shown(command, tingting, sandbox):
    sandbox.world.rotate_token("another-token-of-this-test")
    code, out, err = tingting(command)

    assert code == ExitCode.API_ERROR
    assert out == ""
    assert "Put a valid API token" in err
    assert "tingting-sandbox-token" not in err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_connection_is_reported_with_a_remedy(command, tingting):
    code, out, err = tingting(f"{command} --conn-id nowhere")

    assert (code, out) == (ExitCode.USAGE_ERROR, "")
    assert "Airflow has no connection 'nowhere'" in err
    assert "AIRFLOW_CONN_NOWHERE" in err


def test_a_missing_campaign_is_reported(tingting):
    code, _, err = tingting("campaigns show 4711")

    assert code == ExitCode.API_ERROR
    assert "4711" in err


@pytest.mark.parametrize(
    "line",
    ["", "campaigns", "campaigns show x", "campaigns list --status done", "campaigns watch 1 --interval 0", "nothing"],
)
def test_a_wrong_command_line_is_refused_with_the_usage(line, tingting):
    code, out, err = tingting(line)

    assert (code, out) == (ExitCode.USAGE_ERROR, "")
    assert "usage:" in err
