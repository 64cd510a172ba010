"""The command `rehearse`: its options, its output, and what it says about bad input."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.airflow_home import EXAMPLE_DAGS

from airflow_provider_tingting.cli.commands import main

pytestmark = [pytest.mark.timeout(300), pytest.mark.dags]

REPORT = "number,status\n" + "".join(
    f"98400000{row:02d},{'completed' if row % 2 else 'failed'}\n" for row in range(1, 13)
)


@pytest.fixture
def rehearse(real_environment, monkeypatch, capsys, real_server):
    """`rehearse("DAG_ID", "--json")` gives exit code, standard output and standard error; nothing real is reached."""
    for name, value in real_environment.items():
        monkeypatch.setenv(name, value)

    def run(*words):
        capsys.readouterr()
        try:
            code = main(["rehearse", *words])
        except SystemExit as ended:
            code = int(ended.code or 0)
        assert real_server.received == []
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_options_decide_what_is_rehearsed(rehearse, tmp_path):
    (tmp_path / "last_week.csv").write_text(REPORT, encoding="utf-8")
    (tmp_path / "audience.csv").write_text(
        "Mobile,Householder,Cut off from\n" + "".join(f"98400000{row:02d},Sita,6\n" for row in range(1, 9)),
        encoding="utf-8",
    )
    page = tmp_path / "page.html"

    code, out, err = rehearse(
        *("tingting_campaign_from_spreadsheet", "--dags", str(EXAMPLE_DAGS), "--json", "--html", str(page)),
        *("--at", "2026-12-05T21:30", "--fault", "lose-reply:run", "--balance", "1", "--show-numbers"),
        *("--outcomes", str(tmp_path / "last_week.csv"), "--audience", str(tmp_path / "audience.csv")),
    )

    report = json.loads(out)
    (campaign,) = report["campaigns"]
    # One credit pays for one call: TingTing stops the campaign then, and the task is red, as it would be.
    assert code == 1
    assert report["state"] == "failed"
    assert report["credits"] == {"used": 1, "balance": 1, "enough": False}
    assert campaign["status"] == "Terminated"
    assert "9840000001" in {call["number"] for call in campaign["calls"]}
    assert campaign["run_requested_at"].startswith("2026-12-06T08:00")
    assert {call["number"]: call["status"] for call in campaign["calls"]}["9840000001"] == "completed"
    assert report["faults"] == [{"fault": "lose-reply:run", "applied": 1}]
    assert report["outcomes"]["in_report"] == 12
    assert "add_contacts: the contacts are those of --audience." in report["notes"]
    assert "9840000001" in page.read_text(encoding="utf-8")
    assert "the-real-token" not in out + err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["small", "--fault", "nonsense:run"], "unknown fault 'nonsense'"),
        (["small", "--outcomes", "missing.csv"], "--outcomes names 'missing.csv', which is not a file here."),
        (["small", "--audience", "missing.csv"], "--audience names 'missing.csv', which is not a file here."),
        (["small", "--at", "tomorrow"], "'tomorrow' is not a time such as 2026-12-05T03:00+05:45"),
        (["small", "--conf", "[1]"], "'[1]' is not a JSON object"),
        (["small", "--dags", "missing"], "--dags names 'missing', which does not exist."),
        (["small", "--extra", '{"contact_log": {}}'], "--extra has 'contact_log', which a rehearsal does not take."),
        (["small", "--keep", __file__], "which is not a folder"),
        (["small", "--html", "/proc/page.html"], "The page cannot be written"),
        (["small", "--html", __file__, "--outcomes", __file__], "--html and --outcomes are the same file"),
    ],
    ids=lambda value: " ".join(value[1:2]) if isinstance(value, list) else "",
)
def test_bad_options_are_refused_before_anything_starts(rehearse, words, message, monkeypatch):
    monkeypatch.setattr("subprocess.Popen", None)
    code, _, err = rehearse(*words)

    assert code == 2
    assert message in err


def test_the_summary_names_contacts_texts_and_credits_and_nothing_is_left_behind(rehearse, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    home = Path(str(tmp_path / "home"))
    monkeypatch.setenv("AIRFLOW_HOME", str(home))
    code, out, err = rehearse("small", "--skip", "extra", "--balance", "9")

    assert code == 0
    assert out.startswith("Rehearsal of small: success. No real contact was called.")
    assert "call, 1 contact: Namaste Sita." in out
    assert "98******01 at" in out
    assert "The rehearsal pushed its clock through these hours." in " ".join(out.split())
    assert "of 9" in out
    assert "you skip it with --skip" in out
    assert "9841000001" not in out + err
    assert not home.exists()
    assert list(tmp_path.glob("tingting-rehearsal-*")) == []


def test_the_summary_names_one_moment_when_no_task_waits(rehearse):
    code, out, _ = rehearse("small", "--skip", "run", "--skip", "extra", "--at", "2026-12-05T10:00")

    assert code == 0
    assert "\n5 December 2026, 10:00:00, Nepal time.\n" in out
    assert "pushed its clock" not in out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_rehearsal_that_is_ended_by_a_signal_leaves_nothing_behind(real_environment, tmp_path, number):
    dags = tmp_path / "dags"
    dags.mkdir()
    started = tmp_path / "started"
    (dags / "slow.py").write_text(
        "import pathlib, time\n"
        "# from airflow import DAG; the id is 'slow'\n"
        f"pathlib.Path({str(started)!r}).touch()\n"
        "time.sleep(120)\n"
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_tingting", "rehearse", "slow", "--dags", str(dags)],
        env={**real_environment, "TMPDIR": str(scratch)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not started.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate()

    assert process.returncode == 130
    assert err == "tingting: Interrupted.\n"
    assert list(scratch.iterdir()) == []
