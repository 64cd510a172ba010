"""SMS by the outcome of the call: `failover_target` on create and update, and its proof in the report."""

from __future__ import annotations

import csv

import pytest
from support.campaigns import NUMBERS, a_campaign, writes
from support.run_task import run_task
from support.task_context import execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.operators.campaign import TingTingCreateCampaignOperator, TingTingUpdateCampaignOperator
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator
from airflow_provider_tingting.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("tingting_conn")

CAMPAIGN = {
    "name": "Notice",
    "user_phone": [3],
    "voice": "Rija",
    "message": "Namaste {name}",
    "sms_message": "Hi {name}",
    "failover_target": ["unanswered", "failed"],
}


def creating(**changes):
    return TingTingCreateCampaignOperator(task_id="create", **(CAMPAIGN | changes))


def ran(sandbox, path):
    """Create, fill and run a campaign, and download its report; the report's rows and summary."""
    for number, status in zip(NUMBERS, ("completed", "hungup", "unanswered", "failed"), strict=True):
        sandbox.world.script_outcome(number, status)
    sandbox.clock.speed = 2000
    campaign, _ = execute(creating())
    people = [{"number": number, "name": "Sita"} for number in NUMBERS]
    execute(TingTingAddContactsOperator(task_id="add", campaign_id=campaign, contacts=people))
    execute(run_task(campaign))
    result, _ = execute(TingTingDownloadReportOperator(task_id="report", campaign_id=campaign, path=str(path)))
    with path.open(encoding="utf-8", newline="") as file:
        return {row["number"]: row for row in csv.DictReader(file)}, result["summary"]


@pytest.mark.parametrize("source", ["report", "listing"])
def test_contacts_whose_call_ends_so_get_the_sms_and_the_report_proves_it(sandbox, tmp_path, source):
    if source == "listing":
        sandbox.faults.add("500", call="download_campaign_report", times="*")

    rows, summary = ran(sandbox, tmp_path / "report.csv")

    assert dict(sandbox.ledger.times_dialled(channel="sms")) == dict.fromkeys(NUMBERS[2:], 1)
    assert [rows[number]["failover_sms_sent"] for number in NUMBERS] == ["False", "False", "True", "True"]
    assert summary["failover_sms"] == 2


def test_without_it_no_sms_is_sent_and_the_summary_says_nothing(sandbox, tmp_path):
    campaign, _ = execute(creating(failover_target=None))

    assert "update_campaign" not in writes(sandbox)
    assert sandbox.world.campaigns[campaign].failover_target == []


def test_a_retry_sets_it_again_for_a_campaign_that_has_not_begun(sandbox):
    campaign, _ = execute(creating(failover_target=["failed"]))

    again, _ = execute(creating(failover_target=["hungup"]), try_number=2)

    assert again == campaign
    assert sandbox.world.campaigns[campaign].failover_target == ["hungup"]


def test_an_update_changes_it_and_an_empty_list_switches_it_off(sandbox):
    campaign = a_campaign(sandbox, sms_message="Hi {name}")
    for target in (["completed"], []):
        operator = TingTingUpdateCampaignOperator(task_id="update", campaign_id=campaign, failover_target=target)

        assert execute(operator)[0] == {"campaign_id": campaign, "updated": ["failover_target"]}
        assert sandbox.world.campaigns[campaign].failover_target == target


@pytest.mark.parametrize(
    ("dialect", "says"),
    [
        pytest.param("refuse", "TingTing refuses failover_target.*not on TingTing's API page", id="refuses"),
        pytest.param("ignore", "has not kept it, so no SMS would be sent.*leave failover_target off", id="ignores"),
    ],
)
def test_a_server_that_does_not_know_it_fails_the_task_before_anything_is_run(monkeypatch, dialect, says):
    with Sandbox(dialect={"failover": dialect}) as other:
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", other.connection_json())

        with pytest.raises(AirflowFailException, match=says):
            execute(creating())

        assert not other.ledger.dialled


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"failover_target": "failed"}, "must be a list of some of not started, hungup", id="a text"),
        pytest.param({"failover_target": ["busy"]}, "failover_target must be one of", id="no such outcome"),
        pytest.param({"sms_message": None}, "failover_target sends the campaign's SMS", id="no SMS"),
    ],
)
def test_a_target_that_cannot_be_is_refused(sandbox, changes, says):
    with pytest.raises((TingTingConfigError, AirflowFailException), match=says):
        execute(creating(**changes))

    assert writes(sandbox) == []
