"""What a real scheduler and triggerer make of the guards of the start: a backfill of old runs, and two campaigns."""

from __future__ import annotations

import pytest
from durability.lives import Fleet
from support.campaigns import a_campaign, writes

pytestmark = [pytest.mark.durability, pytest.mark.timeout(900)]


def test_a_backfill_of_ten_old_runs_calls_no_contact(fleet: Fleet) -> None:
    with fleet.life("ten_old_days", "backfill") as life:
        airflow, sandbox = life.airflow, life.sandbox
        airflow.backfill("ten_old_days", "2025-01-01", "2025-01-10", {"connection": life.lane.connection})

        def ended() -> bool:
            states = airflow.runs("ten_old_days").values()
            return len(states) == 10 and set(states) <= {"success", "failed"}

        life.until(ended, "the end of all ten runs")

        runs = airflow.runs("ten_old_days")
        assert set(runs.values()) == {"failed"}
        for run_id in runs:
            tasks = airflow.tasks("ten_old_days", run_id)
            assert (tasks["add"].state, tasks["run"].state, tasks["run"].tries) == ("success", "failed", 1)
            assert "and max_age is 1 day. No contact was called." in airflow.tail(run_id)
        sandbox.play_out()
        assert len(sandbox.world.campaigns) == 10
        assert {campaign.status for campaign in sandbox.world.campaigns.values()} == {"Not Started"}
        assert "run_campaign" not in writes(sandbox)
        assert not sandbox.ledger.dialled


def test_a_deferred_task_waits_for_another_campaign_and_then_calls_each_contact_once(fleet: Fleet) -> None:
    with fleet.life("one_after_the_other", "its-turn") as life:
        airflow, sandbox = life.airflow, life.sandbox
        other = a_campaign(sandbox, life.audience[:3])
        sandbox.world.run_campaign(other)
        campaign = a_campaign(sandbox, life.audience[3:])
        life.is_held = True

        conf = {"connection": life.lane.connection, "campaign": str(campaign)}
        airflow.trigger("one_after_the_other", life.name, conf)
        life.until(lambda: sandbox.ledger.times_called("list_campaigns") > 3, "a second read by the triggerer")
        assert airflow.tasks("one_after_the_other", life.name)["run"].state == "deferred"
        assert "run_campaign" not in writes(sandbox)
        sandbox.play_out()
        life.is_held = False
        remains = life.end()

        assert remains.state == "success", remains.story
        assert remains.runs == 2
        assert dict(remains.dialled) == dict.fromkeys(life.audience, 1)
        assert [entry.campaign_id for entry in sandbox.ledger.dialled] == [other] * 3 + [campaign] * 3
        assert writes(sandbox) == ["run_campaign"]
