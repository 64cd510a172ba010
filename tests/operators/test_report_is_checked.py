"""What TingTing may send instead of the report that was asked for, and what then becomes of the task and the file."""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
import os
import subprocess
import sys
from textwrap import dedent

import pytest
from support.campaigns import NUMBERS, a_campaign, connection, reads
from support.recording_server import RecordingServer, Reply
from support.task_context import execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.operators.report import (
    TingTingDownloadReportOperator,
    TingTingDownloadSurveyReportOperator,
)

HEADER = "Number,Status,Duration (Seconds),Playback (%),Credit Consumed,Other Info,Action Date,Carrier\n"
ROWS = [
    f"{number},Completed,10,100,1,{{'name': 'Sita'}},2026-11-23 10:00:00,NTC\n"
    for number in ("9841234501", "9841234502", "9801234503")
]
BODY = HEADER + "".join(ROWS)
PREAMBLE = 'Campaign Name,"Water, notice"\nServices,PHONE\n""\nTotal Numbers,3\n""\n'


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def downloading(campaign_id, path, **changes):
    return TingTingDownloadReportOperator(task_id="report", campaign_id=campaign_id, path=str(path), **changes)


class Server(RecordingServer):
    """TingTing with one campaign whose report is what a test makes it."""

    def __init__(self) -> None:
        super().__init__()
        self.campaign = {"id": 79, "name": "Water, notice", "status": "Completed", "campaign_action_count": 3}
        self.report: object = BODY.encode()
        self.headers: dict[str, str] = {}
        self.listed: list[dict[str, object]] = []
        self.reply = self.answer

    def answer(self, request):
        if request.path.endswith("/campaign/79/"):
            return Reply(self.campaign)
        if "/download/" in request.path:
            body = self.report.pop(0) if isinstance(self.report, list) else self.report
            if isinstance(body, Reply):
                return body
            return Reply(body, headers={"Content-Type": "text/csv", **self.headers})
        if request.path.endswith("/campaign-detail/79/"):
            return Reply({"count": len(self.listed), "next": None, "results": self.listed})
        return Reply({"detail": "Not found."}, 404)

    def list(self, *rows: str) -> None:
        """List the contacts of rows of a report."""
        cells = [row.strip().split(",") for row in rows]
        self.listed = [
            {"id": index, "number": one[0], "status": one[1].lower(), "call_duration": "10s", "playback": "100",
             "credit_consumed": 1, "credit_consumed_SMS": 0, "carrier": "NTC"}
            for index, one in enumerate(cells, 1)
        ]  # fmt: skip


@pytest.fixture
def server(monkeypatch):
    with Server() as running:
        fields = {"conn_type": "tingting", "host": running.base_url, "password": "a-long-token-of-a-test"}
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", json.dumps({**fields, "extra": {"max_retries": 0}}))
        yield running


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "report.csv"
    path.write_text("of yesterday", encoding="utf-8")
    return path


def refused(target, **changes):
    """What the task says; the file must be as it was, and alone."""
    with pytest.raises(TingTingReportError) as raised:
        execute(downloading(79, target, **changes))
    assert target.read_text(encoding="utf-8") == "of yesterday"
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    return str(raised.value)


# -- whose report, and how much of it ----------------------------------------------------------------------------------


def test_a_row_that_comes_twice_does_not_stand_for_one_that_is_missing(server, target):
    server.report = (HEADER + ROWS[0] + ROWS[1] + ROWS[1]).encode()

    said = refused(target)

    assert "Campaign 79: The report is incomplete: the campaign has 3 contacts, 2 came, 1 is missing" in said
    assert "1 row repeats a number that came before" in said
    assert "require_complete=False" in said
    assert "nobody is called again" in said


@pytest.mark.parametrize("spelling", ["+9779841234502", "977 9841234502", " 9841234502", "9779841234502"])
def test_a_number_is_the_same_however_it_is_spelt(server, target, spelling):
    spelt = ROWS[1].replace("9841234502", spelling.replace(" 98", "98") if spelling.startswith("977 ") else spelling)
    server.report = (HEADER + ROWS[0] + ROWS[1] + spelt).encode()

    assert "1 row repeats" in refused(target)


def test_an_incomplete_report_is_written_if_the_task_may(server, target, logged):
    server.report = (HEADER + ROWS[0] + ROWS[1] + ROWS[1]).encode()

    result, _ = execute(downloading(79, target, require_complete=False))

    assert (result["rows"], result["summary"]["duplicates"]) == (3, 1)
    assert len(rows_of(target)) == 3
    assert "1 is missing" in logged()


@pytest.mark.parametrize(
    ("preamble", "says"),
    [
        ("Campaign Name,Vaccination\nServices,PHONE\n\n", ["'Vaccination'", "'Water, notice'"]),
        ("Campaign ID,80\nCampaign Name,Water, notice\n\n", ["campaign 80", "campaign 79"]),
    ],
)
def test_the_report_of_another_campaign_is_refused(server, target, preamble, says):
    server.report = (preamble + BODY).encode()

    said = refused(target, require_complete=False)

    assert "another campaign" in said
    for part in says:
        assert part in said


@pytest.mark.parametrize("name", ['"Water, notice"', "Water, notice,,,", '" WATER,\nnotice "'])
def test_the_name_of_the_campaign_may_be_written_in_another_way(server, target, name):
    server.report = f"Campaign Name,{name}\n{BODY}".encode()

    assert execute(downloading(79, target))[0]["rows"] == 3


@pytest.mark.parametrize(("status", "final"), [("Completed", True), ("Terminated", True), ("Running", False)])
def test_the_report_of_a_campaign_that_has_not_ended_is_not_final(server, target, logged, status, final):
    server.campaign["status"] = status

    result, xcoms = execute(downloading(79, target))

    assert result["final"] is xcoms["final"] is final
    assert ("Campaign 79 is Running: its report is not final" in logged()) is not final


# -- the listing in its place ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["csv", "jsonl"])
@pytest.mark.parametrize("fault", ["500", "garbage", "truncate"])
def test_the_listing_takes_the_place_of_a_report_that_fails(
    sandbox, tingting_conn, tmp_path, monkeypatch, logged, fault, format
):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, max_retries=0))
    people = [f"98412340{index:02}" for index in range(25)]
    campaign = a_campaign(sandbox, people, outcome=None)
    for number, outcome in zip(people, ["completed", "hungup", "unanswered", "failed", "completed"] * 5, strict=True):
        sandbox.world.script_outcome(number, outcome)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    whole, _ = execute(downloading(campaign, tmp_path / "report", format=format))
    sandbox.faults.add(fault, call="download_campaign_report", times="*")

    result, xcoms = execute(downloading(campaign, tmp_path / "listing", format=format))

    assert (result["source"], xcoms["source"], whole["source"]) == ("listing", "listing", "report")
    assert (result["rows"], result["summary"]) == (25, whole["summary"])
    assert "the listing of its contacts takes its place" in logged()
    assert reads(sandbox, "list_contacts") >= 3
    if format == "csv":
        core = ("number", "status", "duration_seconds", "playback_percent", "credit_consumed", "carrier")
        known, listed = (
            sorted(tuple(row[name] for name in core) for row in rows_of(tmp_path / name))
            for name in ("report", "listing")
        )
        assert listed == known


def test_a_report_that_is_at_neither_address_is_replaced_by_the_listing(server, target):
    server.report = Reply({"detail": "Not found."}, 404)
    server.list(*ROWS)

    result, _ = execute(downloading(79, target))

    assert (result["source"], result["rows"]) == ("listing", 3)
    assert [row["number"] for row in rows_of(target)] == ["9841234501", "9841234502", "9801234503"]
    assert {request.path for request in server.received if "download" in request.path} == {
        "/api/v1/download/79/report/",
        "/api/v1/download/report/79/",
    }


def test_two_contacts_of_a_listing_may_have_one_number(server, target):
    server.report = Reply(status=500)
    server.list(ROWS[0], ROWS[1], ROWS[1])

    result, _ = execute(downloading(79, target))

    assert (result["rows"], result["summary"]["duplicates"]) == (3, 1)


def test_a_listing_that_lacks_contacts_is_refused(server, target):
    server.report = Reply(status=500)
    server.list(*ROWS[:2])

    assert "3 contacts, 2 came, 1 is missing" in refused(target)


def test_a_report_that_came_damaged_is_downloaded_once_more(server, target, logged):
    server.report = [BODY.encode()[:-40], BODY.encode()]

    result, _ = execute(downloading(79, target))

    assert (result["source"], result["rows"]) == ("report", 3)
    assert "came damaged" in logged()


def test_raw_bytes_have_no_substitute(server, target):
    server.report = BODY.encode().replace(b"NTC", b"N\0C")
    server.list(*ROWS)

    assert "NUL" in refused(target, format="raw")
    assert not any("detail" in request.path for request in server.received)


# -- what is no report -------------------------------------------------------------------------------------------------

# Whatever TingTing sends, and what the task says of it when there is no listing either.
BAD_BODIES = {
    "a page of html": (b"<!DOCTYPE html><html>502 Bad Gateway</html>", "HTML"),
    "nothing": (b"", "empty"),
    "blank lines": (b"\r\n\r\n", "empty"),
    "a cut row": (BODY.encode()[:-30], "breaks off"),
    "a cut preamble": (PREAMBLE.encode(), "no table"),
    "a cut after whole rows": ((HEADER + ROWS[0]).encode(), "2 are missing"),
    "another delimiter": (BODY.replace(",", ":").encode(), "no table"),
    "two headers": ((BODY + BODY).encode(), "second header"),
    "two reports": ((PREAMBLE + BODY + PREAMBLE + BODY).encode(), "more than one table"),
    "a nul byte": (BODY.encode().replace(b"Sita", b"Si\0a"), "NUL byte"),
    "invalid utf-8": (BODY.encode().replace(b"Sita", b"\xff\xfe"), "not UTF-8"),
    "a field without an end": ((HEADER + '9841234501,"Completed').encode(), "breaks off"),
    "a huge line": ((HEADER + "9" * (3 << 20)).encode(), "more than 1,048,576 characters"),
    "json": (b'{"detail": "Report is being made."}', "Report is being made"),
    "a workbook": (b"PK\x03\x04 and more", "workbook"),
}


@pytest.mark.parametrize("body", BAD_BODIES)
@pytest.mark.parametrize("format", ["csv", "raw"])
def test_what_is_no_whole_report_is_named_and_the_old_file_stays(server, target, body, format):
    server.report, says = BAD_BODIES[body]
    server.campaign["campaign_action_count"] = 3

    with pytest.raises(Exception) as raised:
        execute(downloading(79, target, format=format))

    said = str(raised.value)
    assert "ampaign 79" in said
    assert target.read_text(encoding="utf-8") == "of yesterday"
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    if format == "raw":
        assert says in said
    elif "missing" not in says:
        # Then the listing was asked, and has nobody.
        assert "3 contacts, 0 came, 3 are missing" in said


@pytest.mark.parametrize("name", ["../../evil.csv", "/etc/evil.csv", "सूचना.csv", "x\"; filename*=UTF-8''..%2Fevil"])
def test_the_name_that_the_server_suggests_is_never_used(server, target, name):
    header = f'attachment; filename="{name}"'.encode().decode("latin-1")
    server.headers = {"Content-Disposition": header}

    result, _ = execute(downloading(79, target))

    assert result["path"] == str(target)
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_path_that_cannot_be_written_names_the_campaign_and_that_nobody_is_called_again(server):
    with pytest.raises(TingTingReportError, match=r"Campaign 79: .*/proc/nowhere.*nobody is called again"):
        execute(downloading(79, "/proc/nowhere/report.csv"))

    assert server.received == []


def test_a_full_disk_is_named_whether_for_the_file_or_for_its_check(server, target):
    """A limit on the size of files makes the system refuse a write half-way, as a full disk does."""
    # Some 1.4 MB come, which go to a temporary file, and some 1.8 would be written.
    server.report = (
        HEADER + "".join(f"98{index:08},Completed,1,9,1,,2026-11-23,NTC\n" for index in range(30_000))
    ).encode()
    server.campaign["campaign_action_count"] = None
    program = dedent("""
        import os, resource, sys
        from support.airflow_home import prepare
        connection = os.environ["AIRFLOW_CONN_TINGTING_DEFAULT"]
        prepare()
        os.environ["AIRFLOW_CONN_TINGTING_DEFAULT"] = connection
        from support.task_context import execute
        from airflow_provider_tingting import fetching
        from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator
        fetching._SPOOL_IN_MEMORY = 1 << 18
        for limit in (1_000_000, 1_600_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                execute(TingTingDownloadReportOperator(task_id="report", campaign_id=79, path=sys.argv[1]))
            except Exception as error:
                print(type(error).__name__, error)
    """)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(target)], capture_output=True, text=True, check=True, env=environment
    )
    said = [line for line in done.stdout.splitlines() if line.startswith("TingTingReportError Campaign 79: ")]

    assert ["where it is checked first" in line for line in said] == [True, False], done.stdout + done.stderr
    assert str(target) in said[1]
    assert all("File too large" in line and "nobody is called again" in line for line in said)
    assert target.read_text(encoding="utf-8") == "of yesterday"
    assert [path.name for path in target.parent.iterdir()] == [target.name]


# -- numbers that do not leave the team --------------------------------------------------------------------------------


@pytest.fixture
def played(sandbox, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, secret_salt="salt of a test"))
    campaign = sandbox.world.create_campaign(name="Water", services="PHONE", user_phone=[3], message="x", voice=1)
    sandbox.world.add_contacts(
        campaign.id, [(number, {"name": "Sita", "also": f"call {number}", "ward": 5}) for number in NUMBERS]
    )
    sandbox.world.run_campaign(campaign.id)
    sandbox.play_out()
    return campaign.id


@pytest.mark.parametrize("numbers", ["masked", "sha256"])
@pytest.mark.parametrize("format", ["csv", "jsonl", "xlsx", "parquet"])
def test_no_number_is_in_a_file_that_is_to_leave_the_team(played, tmp_path, numbers, format):
    if format == "parquet":
        pytest.importorskip("pyarrow")
    target = tmp_path / f"report.{format}"

    result, _ = execute(downloading(played, target, format=format, numbers=numbers))

    content = text_of(target, format)
    assert not [number for number in NUMBERS if number in content]
    assert "Sita" in content
    assert result["summary"]["contacts"] == len(NUMBERS)
    expected = {
        "masked": [f"{number[:2]}******{number[-2:]}" for number in NUMBERS],
        "sha256": [hmac.new(b"salt of a test", number.encode(), hashlib.sha256).hexdigest() for number in NUMBERS],
    }[numbers]
    assert all(number in content for number in expected)


def text_of(path, format):
    if format == "parquet":
        from pyarrow import parquet

        return str(parquet.read_table(path).to_pylist())
    if format == "xlsx":
        from openpyxl import load_workbook

        return str(list(load_workbook(path).active.values))
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "salt", "says"),
    [
        ({"numbers": "sha256"}, None, "secret_salt"),
        ({"numbers": "sha256"}, "  ", "secret_salt"),
        ({"numbers": "md5"}, "salt", "plain, masked, sha256"),
        ({"numbers": "masked", "format": "raw"}, "salt", "every number in clear"),
    ],
)
def test_numbers_that_cannot_be_disguised_are_refused_before_the_download(
    sandbox, played, tmp_path, monkeypatch, changes, salt, says
):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, **{"secret_salt": salt} if salt else {}))

    with pytest.raises(AirflowFailException, match=says):
        execute(downloading(played, tmp_path / "report", **changes))

    assert reads(sandbox, "download_campaign_report") == 0
    assert list(tmp_path.iterdir()) == []


# -- the chart and the survey ------------------------------------------------------------------------------------------


def test_the_page_with_charts_is_written_beside_the_report(played, tmp_path):
    pytest.importorskip("matplotlib")
    page = tmp_path / "pages" / "report.html"

    result, xcoms = execute(downloading(played, tmp_path / "report.csv", chart_path=str(page), numbers="masked"))

    assert result["chart_path"] == xcoms["chart_path"] == str(page)
    content = page.read_text(encoding="utf-8")
    assert '<h1 dir="auto">Water</h1>' in content
    assert f"Campaign {played} · PHONE · Completed" in content
    assert not [number for number in NUMBERS if number in content]


def test_without_the_report_there_is_no_page(server, target):
    """A cell is longer than a sheet of a workbook can hold, which is found out in the middle of writing it."""
    pytest.importorskip("matplotlib")
    server.report = BODY.replace("Sita", "S" * 40_000).encode()

    said = refused(target, format="xlsx", chart_path=str(target.with_suffix(".html")))

    assert "a cell can hold" in said


@pytest.mark.parametrize(
    ("chart", "error", "says"),
    [
        ("report.csv", AirflowFailException, "the same file"),
        ("/proc/nowhere/x.html", TingTingReportError, "/proc/nowhere"),
        ("pages/", AirflowFailException, "chart_path 'pages/' is a folder"),
    ],
)
def test_a_page_that_cannot_be_written_is_found_out_before_the_download(
    sandbox, played, tmp_path, monkeypatch, chart, error, says
):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(error, match=says):
        execute(downloading(played, "report.csv", chart_path=chart))

    assert reads(sandbox, "download_campaign_report") == 0


@pytest.mark.usefixtures("tingting_conn")
def test_a_survey_in_json_becomes_a_table_if_asked(tmp_path):
    target = tmp_path / "survey.csv"

    result, _ = execute(
        TingTingDownloadSurveyReportOperator(task_id="survey", survey_id=12, path=str(target), format="json", tidy=True)
    )

    assert (result["rows"], result["format"]) == (3, "csv")
    assert [row["answer"] for row in rows_of(target)] == ["1", "2", ""]


def test_what_is_no_survey_report_names_the_survey_and_leaves_the_old_file(server, target):
    server.report = b'a,b\n1,"2'

    with pytest.raises(TingTingReportError, match=r"Survey 12: .*breaks off"):
        execute(TingTingDownloadSurveyReportOperator(task_id="survey", survey_id=12, path=str(target)))

    assert target.read_text(encoding="utf-8") == "of yesterday"


# -- after a failure ---------------------------------------------------------------------------------------------------

DAG_FILE = """
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator

try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task

with DAG("badly", schedule=None, params={"campaign_id": 0, "reports": ""}, render_template_as_native_obj=True) as dag:

    @task
    def create(params=None):
        if not params["campaign_id"]:
            raise ValueError("no campaign")
        return params["campaign_id"]

    @task(trigger_rule="all_done")
    def use(report):
        print("used", report["rows"])
        return report["rows"]

    campaign_id = create()
    run = TingTingRunCampaignOperator(task_id="run", campaign_id=campaign_id, poll_interval=0.05)
    usual = TingTingDownloadReportOperator(
        task_id="usual", campaign_id=campaign_id, path="{{ params.reports }}/usual.csv"
    )
    always = TingTingDownloadReportOperator(
        task_id="always", campaign_id=campaign_id, path="{{ params.reports }}/always.csv", download_on_failure=True
    )
    run >> [usual, always]
    use(always.output)
"""


def run_badly(sandbox, run_dag, tmp_path, campaign_id):
    (tmp_path / "badly.py").write_text(DAG_FILE, encoding="utf-8")
    sandbox.clock.speed = 1000
    return run_dag("badly", folder=tmp_path, conf={"campaign_id": campaign_id, "reports": str(tmp_path / "reports")})


def test_the_report_of_a_campaign_that_ended_badly_comes_and_the_run_stays_red(
    sandbox, tingting_conn, run_dag, tmp_path, logged
):
    campaign = a_campaign(sandbox, outcome="unanswered")

    finished = run_badly(sandbox, run_dag, tmp_path, campaign)

    states = {"create": "success", "run": "failed", "usual": "upstream_failed", "always": "failed", "use": "success"}
    assert finished.states == states
    assert finished.state == "failed"
    assert len(rows_of(tmp_path / "reports" / "always.csv")) == len(NUMBERS)
    assert finished.xcom("always", key="summary")["not_reached"] == len(NUMBERS)
    assert finished.xcom("use") == len(NUMBERS)
    assert "because run failed before it" in logged()


def test_the_report_of_a_campaign_that_ended_well_is_green(sandbox, tingting_conn, run_dag, tmp_path):
    finished = run_badly(sandbox, run_dag, tmp_path, a_campaign(sandbox))

    assert set(finished.states.values()) == {"success"}
    assert finished.state == "success"


def test_without_a_campaign_there_is_no_report_and_the_task_says_so(sandbox, tingting_conn, run_dag, tmp_path, logged):
    finished = run_badly(sandbox, run_dag, tmp_path, 0)

    assert (finished.states["create"], finished.states["always"]) == ("failed", "failed")
    assert "There is no campaign_id, so there is no report to bring" in logged()
    assert not (tmp_path / "reports").exists()


MAPPED_DAG_FILE = """
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator

try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task

with DAG("several", schedule=None, params={"ids": [], "reports": ""}, render_template_as_native_obj=True) as dag:

    @task
    def campaigns(params=None):
        return params["ids"]

    ids = campaigns()
    run = TingTingRunCampaignOperator.partial(task_id="run", poll_interval=0.05).expand(campaign_id=ids)
    report = TingTingDownloadReportOperator.partial(
        task_id="report", path="{{ params.reports }}/{{ ti.map_index }}.csv", download_on_failure=True,
        trigger_rule="all_done",
    ).expand(campaign_id=ids)
    run >> report
"""


def test_of_several_campaigns_only_the_report_of_the_bad_one_is_red(sandbox, tingting_conn, run_dag, tmp_path):
    good = a_campaign(sandbox, NUMBERS[:2])
    bad = a_campaign(sandbox, NUMBERS[2:], outcome="failed")
    (tmp_path / "several.py").write_text(MAPPED_DAG_FILE, encoding="utf-8")
    sandbox.clock.speed = 1000

    finished = run_dag("several", folder=tmp_path, conf={"ids": [good, bad], "reports": str(tmp_path / "reports")})

    assert {name: finished.states[name] for name in ("report[0]", "report[1]")} == {
        "report[0]": "success",
        "report[1]": "failed",
    }
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == ["0.csv", "1.csv"]


def test_a_trigger_rule_of_ones_own_is_kept(tmp_path):
    assert downloading(79, tmp_path / "x.csv").trigger_rule == "all_success"
    assert downloading(79, tmp_path / "x.csv", download_on_failure=True).trigger_rule == "all_done"
    mine = downloading(79, tmp_path / "x.csv", download_on_failure=True, trigger_rule="all_failed")
    assert mine.trigger_rule == "all_failed"
