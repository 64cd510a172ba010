"""From the report of one campaign to the audience of the next."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest
from support.campaigns import NUMBERS, a_campaign
from support.task_context import REFUSED, context_of, execute

from airflow_provider_tingting._compat import AirflowFailException, AirflowSkipException
from airflow_provider_tingting.errors import TingTingAPIError, TingTingSourceError
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator, TingTingUnreachedContactsOperator

pytestmark = pytest.mark.usefixtures("tingting_conn")

OUTCOMES = ("completed", "unanswered", "failed", "hungup")
LEFT = NUMBERS[1:3]
# What a spreadsheet would take for a formula, a name of the report's own, Nepali, and what CSV has to quote.
VARIABLES = {"name": "=सीता", "status": "gold", "ward no": '7, "north"\nside'}


@pytest.fixture
def campaign(sandbox):
    campaign = a_campaign(sandbox, (), outcome=None, message="नमस्ते")
    sandbox.world.add_contacts(campaign, [(number, dict(VARIABLES)) for number in NUMBERS])
    for number, outcome in zip(NUMBERS, OUTCOMES, strict=True):
        sandbox.world.script_outcome(number, outcome)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    return campaign


def choosing(path, **arguments):
    return TingTingUnreachedContactsOperator(task_id="again", path=str(path), **arguments)


def audience(path):
    """The contacts of a file, in the API's shape."""
    path = Path(path)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        if ".jsonl" in path.name:
            return {row["number"]: row["other_variables"] for row in map(json.loads, file)}
        return {row.pop("number"): row for row in csv.DictReader(file)}


@pytest.mark.parametrize("format", ["csv", "csv.gz", "jsonl", "parquet", "xlsx", "raw"])
def test_the_unreached_contacts_come_with_their_variables_from_every_format(campaign, tmp_path, format):
    name = "raw.csv" if format == "raw" else f"report.{format}"
    report, _ = execute(
        TingTingDownloadReportOperator(
            task_id="report", campaign_id=campaign, path=str(tmp_path / name), format=format.removesuffix(".gz")
        )
    )

    result, xcoms = execute(choosing(tmp_path / "again.jsonl", report=report["path"]))

    assert audience(result["path"]) == {number: {**VARIABLES, "tries": 1} for number in LEFT}
    assert result == {"path": str(tmp_path / "again.jsonl"), "contacts": 2, "given_up": 0, "rows": 4}
    assert xcoms == result


def test_a_campaign_may_be_named_instead_of_a_report(campaign, tmp_path):
    result, xcoms = execute(choosing(tmp_path / "new folder" / "again.csv.gz", campaign_id=str(campaign)))

    assert set(audience(result["path"])) == set(LEFT)
    assert xcoms["campaign_id"] == campaign


def test_the_file_is_an_audience_that_comes_back_as_it_was(sandbox, campaign, tmp_path):
    """Round and round: report, audience, campaign, report; the variables stay, and only the tries go up."""
    for tries in (1, 2):
        again, _ = execute(choosing(tmp_path / f"{tries}.csv", campaign_id=campaign, max_tries=None))
        assert {number: row["tries"] for number, row in audience(again["path"]).items()} == dict.fromkeys(
            LEFT, str(tries)
        )
        campaign = a_campaign(sandbox, (), outcome=None, message="नमस्ते {name}")
        added, _ = execute(TingTingAddContactsOperator(task_id="add", campaign_id=campaign, contacts=again["path"]))
        assert added["created"] == 2
        for contact in sandbox.world.campaigns[campaign].contacts.values():
            assert {**VARIABLES, "tries": str(tries)} == contact.variables
        sandbox.world.run_campaign(campaign)
        sandbox.play_out()


def test_statuses_are_chosen(campaign, tmp_path):
    result, _ = execute(choosing(tmp_path / "a.csv", campaign_id=campaign, statuses=["Hungup", "unanswered"]))

    assert set(audience(result["path"])) == {NUMBERS[1], NUMBERS[3]}


REPORT = [
    {"number": "9841234501", "status": "unanswered", "variables": {"tries": 2}},
    {"number": "9841234502", "status": "unanswered", "variables": {"tries": "1", "name": "Hari"}},
    {"number": "+977 984-1234503", "status": "unanswered", "variables": {}},
    {"number": "9841234503", "status": "completed", "variables": {}},
    {"number": "9841234504", "status": "failed", "variables": {"called": 1.0}},
    {"number": "9841234504", "status": "failed", "variables": {}},
    {"number": "9841234505", "status": "dialing", "variables": {}},
]


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "report.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in REPORT), encoding="utf-8")
    return str(path)


def test_who_has_been_tried_often_enough_reached_or_named_twice_is_not_tried_again(report, tmp_path):
    result, _ = execute(choosing(tmp_path / "again.jsonl", report=report, max_tries=3))

    assert audience(result["path"]) == {
        "9841234502": {"tries": 2, "name": "Hari"},
        "9841234504": {"tries": 1, "called": 1.0},
    }
    assert (result["contacts"], result["given_up"], result["rows"]) == (2, 1, 7)


def test_who_is_still_to_be_called_by_another_row_is_not_called_by_the_next_campaign(tmp_path):
    rows = [("9841234501", "unanswered"), ("+9779841234501", "not started"), ("9841234502", "failed")]
    path = tmp_path / "report.jsonl"
    path.write_text(
        "\n".join(json.dumps({"number": number, "status": status, "variables": {}}) for number, status in rows),
        encoding="utf-8",
    )

    result, _ = execute(choosing(tmp_path / "again.jsonl", report=str(path)))

    assert set(audience(result["path"])) == {"9841234502"}


def test_the_log_says_that_a_campaign_goes_on(sandbox, tmp_path, logged):
    running = a_campaign(sandbox)
    sandbox.world.run_campaign(running)

    execute(choosing(tmp_path / "again.csv", campaign_id=running, minimum_contacts=0))

    assert "has not called yet are not in the file" in logged()


def test_the_tries_may_be_counted_under_another_name(report, tmp_path):
    result, _ = execute(choosing(tmp_path / "again.jsonl", report=report, max_tries="2", tries_column="called"))

    assert result["given_up"] == 1
    assert audience(result["path"]) == {
        "9841234501": {"called": 1, "tries": 2},
        "9841234502": {"called": 1, "tries": "1", "name": "Hari"},
    }


def test_when_too_few_are_left_the_ladder_stops_and_no_file_is_written(report, tmp_path):
    target = tmp_path / "again.csv"
    operator = choosing(target, report=report, minimum_contacts=3)
    context = context_of(operator)

    with pytest.raises(AirflowSkipException, match=r"leaves 2 of 7 contacts .*fewer than the 3"):
        operator.execute(context)

    assert context["ti"].xcoms == {"contacts": 2, "given_up": 1, "rows": 7}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.jsonl"]


def test_too_few_may_also_fail_or_be_enough(report, tmp_path):
    with pytest.raises(AirflowFailException, match="leaves 2 of 7 contacts"):
        execute(choosing(tmp_path / "again.csv", report=report, minimum_contacts=3, on_too_few="fail"))

    result, _ = execute(choosing(tmp_path / "again.csv", report=report, minimum_contacts=3, on_too_few="continue"))
    assert result["contacts"] == 2


def test_a_listing_without_variables_never_takes_the_reports_place(sandbox, campaign, tmp_path):
    sandbox.faults.add("500", call="download_campaign_report", times="*")

    with pytest.raises(TingTingAPIError):
        execute(choosing(tmp_path / "again.csv", campaign_id=campaign))

    assert list(tmp_path.iterdir()) == []


def test_no_contact_is_left_of_a_campaign_that_reached_each_one(sandbox, tmp_path):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()

    with pytest.raises(AirflowSkipException, match="leaves 0 of 4 contacts"):
        execute(choosing(tmp_path / "again.csv", campaign_id=campaign))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "either report.*or campaign_id"),
        ({"report": "x.csv", "campaign_id": 7}, "either report.*or campaign_id"),
        ({"report": "people.csv", "path": "again.pdf"}, "must end in .csv or .jsonl"),
        ({"report": "people.jsonl"}, "no 'number' and 'status'"),
        ({"report": "masked.jsonl"}, "masked or hashed"),
        ({"report": "wrong.jsonl"}, "Row 1 .*'tries' is not a number of tries"),
        ({"report": "x.csv", "statuses": ["asleep"]}, "statuses must be some of .*asleep"),
        ({"report": "x.csv", "statuses": []}, "statuses must be some of .*empty"),
        ({"report": "x.csv", "max_tries": 0}, "max_tries must be"),
        ({"report": "x.csv", "tries_column": " "}, "tries_column is empty"),
        ({"report": "x.csv", "minimum_contacts": "many"}, "minimum_contacts must be"),
        ({"report": "x.csv", "on_too_few": "wait"}, "on_too_few must be one of skip, fail, continue"),
        ({"report": "x.csv", "path": ""}, "path is empty"),
        ({"campaign_id": 4711}, "4711"),
    ],
)
def test_a_mistake_is_named_and_the_old_audience_stays(sandbox, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    Path("again.csv").write_text("as before", encoding="utf-8")
    Path("people.jsonl").write_text('{"number": "9841234501", "name": "Sita"}', encoding="utf-8")
    masked = '{"number": "98******01", "status": "failed", "variables": {}}'
    Path("masked.jsonl").write_text(masked, encoding="utf-8")
    wrong = '{"number": "9841234501", "status": "failed", "variables": {"tries": "Sita"}}'
    Path("wrong.jsonl").write_text(wrong, encoding="utf-8")

    with pytest.raises(REFUSED, match=says) as raised:
        execute(choosing(**{"path": "again.csv", **arguments}))

    assert Path("again.csv").read_text(encoding="utf-8") == "as before"
    assert "9841234501" not in str(raised.value)
    assert "Sita" not in str(raised.value)


@pytest.mark.parametrize("written", ["rep.csv", "folder/../rep.csv", "link.csv"])
def test_the_report_itself_is_not_written_over(tmp_path, monkeypatch, written):
    monkeypatch.chdir(tmp_path)
    report = "number,status,name\n9841234501,failed,Sita\n"
    Path("folder").mkdir()
    Path("rep.csv").write_text(report, encoding="utf-8")
    Path("link.csv").symlink_to("rep.csv")

    with pytest.raises(REFUSED, match=r"path and report are the same file, .*\.csv, which would be overwritten"):
        execute(choosing(written, report="rep.csv"))

    assert Path("rep.csv").read_text(encoding="utf-8") == report


def test_a_report_that_is_on_another_machine_is_looked_for_again(tmp_path):
    with pytest.raises(TingTingSourceError, match=r"There is no file .*nowhere\.csv on the machine .*shared storage"):
        execute(choosing(tmp_path / "again.csv", report=str(tmp_path / "nowhere.csv")))
