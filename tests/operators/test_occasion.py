"""With `occasion` all runs of a DAG that are for the same occasion share one campaign."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from airflow.providers.common.compat.sdk import DAG
from support.campaigns import NUMBERS, dialled_once, meanwhile, reads, writes
from support.task_context import context_of

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.operators.campaign import TingTingCreateCampaignOperator, TingTingRunCampaignOperator
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator

pytestmark = pytest.mark.usefixtures("tingting_conn", "still_world")


class DagRun:
    """One run of a DAG that creates a campaign, adds contacts and runs it."""

    def __init__(self, run_id, numbers=NUMBERS, run=(), **create):
        self.run_id = run_id
        self.xcoms = {}
        with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
            arguments = {
                "name": "Water notice",
                "user_phone": [3],
                "message": "Namaste",
                "voice": 1,
                "occasion": "2026-W48 ward 7",
            }
            self.create = TingTingCreateCampaignOperator(task_id="create", **{**arguments, **create})
            self.add = TingTingAddContactsOperator(
                task_id="add", campaign_id=self.create.output, contacts=list(numbers)
            )
            self.run = TingTingRunCampaignOperator(
                task_id="run",
                **{"campaign_id": self.create.output, "poll_interval": 0.02, "deferrable": False, **dict(run)},
            )
            self.create >> self.add >> self.run

    def execute(self, *tasks, **circumstances):
        """Execute tasks, all three if none is named; return the last result."""
        for operator in tasks or (self.create, self.add, self.run):
            if operator is not self.create:
                operator.campaign_id = self.xcoms["create"]["campaign_id"]
            context = context_of(operator, run_id=self.run_id, **circumstances)
            context["ti"].upstream = self.xcoms
            result = operator.execute(context)
            self.xcoms[operator.task_id] = context["ti"].xcoms
        return result


def finished(run, sandbox):
    """Execute a run; the campaign is played out once a task has seen it running."""
    before = reads(sandbox)
    with meanwhile(lambda: reads(sandbox) > before + 3 and _is_running(sandbox), sandbox.play_out):
        return run.execute()


def _is_running(sandbox):
    return any(campaign.status == "Running" for campaign in sandbox.world.campaigns.values())


def test_a_second_run_of_the_occasion_reports_the_outcome_of_the_first_and_calls_no_contact(sandbox, logged):
    first = finished(DagRun("scheduled__2026-11-23"), sandbox)
    logged()

    second = DagRun("manual__2026-11-23").execute()

    assert second == first
    assert list(sandbox.world.campaigns) == [1]
    assert writes(sandbox).count("run_campaign") == 1
    assert dialled_once(sandbox)
    assert "another task has created and run it. This run calls no contact" in logged()


def test_a_second_run_adds_no_contact_to_a_campaign_that_has_begun(sandbox, logged):
    finished(DagRun("scheduled__2026-11-23"), sandbox)

    DagRun("manual__2026-11-23", [*NUMBERS, "9841239999"]).execute()

    assert len(sandbox.world.campaigns[1].contacts) == len(NUMBERS)
    assert "This task adds no contact to it" in logged()


def test_another_occasion_has_a_campaign_of_its_own(sandbox):
    finished(DagRun("scheduled__2026-11-23"), sandbox)
    finished(DagRun("scheduled__2026-11-30", occasion="2026-W49 ward 7"), sandbox)

    assert list(sandbox.world.campaigns) == [1, 2]
    assert writes(sandbox).count("run_campaign") == 2


def test_without_an_occasion_each_run_has_a_campaign_of_its_own(sandbox):
    for run_id in ("scheduled__2026-11-23", "manual__2026-11-23"):
        run = DagRun(run_id, occasion=None)
        run.execute(run.create)

    assert list(sandbox.world.campaigns) == [1, 2]


def test_an_occasion_with_another_message_is_refused_and_creates_nothing(sandbox):
    first = DagRun("scheduled__2026-11-23")
    first.execute(first.create)
    second = DagRun("manual__2026-11-23", message="Another message")

    with pytest.raises(AirflowFailException, match="another name, message or caller number"):
        second.execute(second.create)

    assert list(sandbox.world.campaigns) == [1]


def test_a_campaign_of_the_occasion_that_was_renamed_is_found(sandbox):
    first = DagRun("scheduled__2026-11-23")
    first.execute(first.create)
    sandbox.world.update_campaign(1, name="Renamed by a person")
    second = DagRun("manual__2026-11-23")

    second.execute(second.create)

    assert list(sandbox.world.campaigns) == [1]


def test_the_run_that_has_not_created_the_campaign_waits_for_the_other_to_run_it(sandbox):
    first, second = DagRun("scheduled__2026-11-23"), DagRun("manual__2026-11-23")
    first.execute(first.create, first.add)
    second.execute(second.create, second.add)
    before = reads(sandbox)

    def the_other_runs_it():
        sandbox.world.run_campaign(1)
        sandbox.play_out()

    with meanwhile(lambda: reads(sandbox) > before + 3, the_other_runs_it):
        second.execute(second.run)

    assert "run_campaign" not in writes(sandbox)
    assert dialled_once(sandbox)


def test_the_run_that_has_not_created_it_runs_it_when_the_other_does_not_and_logs_the_wait(sandbox, logged):
    first = DagRun("scheduled__2026-11-23")
    second = DagRun("manual__2026-11-23", run={"deferrable": True, "wait_for_completion": False})
    first.execute(first.create, first.add)
    second.execute(second.create, second.add)
    began = len(sandbox.requests)
    logged()

    second.execute(second.run)

    assert writes(sandbox).count("run_campaign") == 1
    (requested,) = [entry.at for entry in sandbox.requests if entry.call == "run_campaign"]
    assert requested - sandbox.requests[began].at >= 900
    assert (
        "Campaign 1 was created by another DAG run of this occasion, which is to run it: its status is read in this "
        "worker for up to 15 min (stall_timeout) before this task requests to run it"
    ) in logged()


def test_the_run_that_has_created_the_campaign_of_the_occasion_runs_it_at_once(sandbox, logged):
    first = DagRun("scheduled__2026-11-23", run={"wait_for_completion": False})

    first.execute()

    assert writes(sandbox).count("run_campaign") == 1
    assert "another DAG run of this occasion" not in logged()


def test_a_cleared_task_that_sends_again_has_a_second_campaign_which_later_runs_share(sandbox):
    finished(DagRun("scheduled__2026-11-23"), sandbox)
    again = DagRun("scheduled__2026-11-23", on_clear="send_again")
    again.execute(again.create, try_number=2, cleared_after=1)
    later = DagRun("manual__2026-11-23")

    later.execute(later.create)

    assert list(sandbox.world.campaigns) == [1, 2]
    assert later.xcoms["create"]["campaign_id"] == 2


@pytest.mark.parametrize("occasion", ["", "  "])
def test_an_empty_occasion_is_refused(sandbox, occasion):
    run = DagRun("scheduled__2026-11-23", occasion=occasion)

    with pytest.raises(AirflowFailException, match="occasion is empty"):
        run.execute(run.create)

    assert writes(sandbox) == []
