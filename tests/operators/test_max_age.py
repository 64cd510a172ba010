"""A run that is too old calls no contact: last year's, caught up or cleared. What has begun is still reported."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from enum import Enum
from types import SimpleNamespace

import pytest
from support.campaigns import a_campaign, dialled_once, writes
from support.task_context import context_of

from airflow_provider_tingting._compat import AirflowFailException, AirflowSkipException
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.operators.preview import TingTingDemoCallOperator

pytestmark = pytest.mark.usefixtures("tingting_conn", "fast_world")

NOW = datetime.now(timezone.utc)
LAST_YEAR = NOW - timedelta(days=365)
JUST_NOW = NOW - timedelta(minutes=5)
A_DAY = timedelta(days=1)


class RunType(str, Enum):
    """As Airflow has it."""

    SCHEDULED = "scheduled"
    BACKFILL = "backfill"
    MANUAL = "manual"
    ASSET = "asset_triggered"


def running(campaign_id, **changes):
    return TingTingRunCampaignOperator(
        **{"task_id": "run", "campaign_id": campaign_id, "poll_interval": 0.02, "max_age": A_DAY, **changes}
    )


def in_run(operator, kind=RunType.SCHEDULED, *, try_number=1, cleared_after=0, **dates):
    context = context_of(operator, try_number=try_number, cleared_after=cleared_after)
    return operator.execute({**context, "dag_run": SimpleNamespace(run_type=kind, **dates)})


FRESH = {
    "its data interval has just ended": (
        RunType.SCHEDULED,
        {"data_interval_end": JUST_NOW, "logical_date": LAST_YEAR},
    ),
    "started by hand, about an interval of last year": (
        RunType.MANUAL,
        {"data_interval_end": LAST_YEAR, "logical_date": JUST_NOW},
    ),
    "started by hand, without a logical date": (
        RunType.MANUAL,
        {"data_interval_end": None, "logical_date": None, "run_after": JUST_NOW},
    ),
    "started by an asset": (
        RunType.ASSET,
        {"data_interval_end": LAST_YEAR, "logical_date": None, "run_after": JUST_NOW, "start_date": JUST_NOW},
    ),
    "scheduled without a data interval": (
        RunType.SCHEDULED,
        {"data_interval_end": None, "logical_date": None, "run_after": JUST_NOW},
    ),
    "known by its start only": ("manual", {"start_date": JUST_NOW}),
    "without an offset": ("manual", {"logical_date": JUST_NOW.replace(tzinfo=None)}),
    "meant for tomorrow": (RunType.SCHEDULED, {"data_interval_end": NOW + A_DAY}),
}
OLD = {
    "caught up": (RunType.SCHEDULED, {"data_interval_end": LAST_YEAR, "run_after": JUST_NOW, "start_date": JUST_NOW}),
    "backfilled": (RunType.BACKFILL, {"data_interval_end": LAST_YEAR, "run_after": LAST_YEAR, "start_date": JUST_NOW}),
    "backfilled, as a plain word": ("backfill", {"data_interval_end": LAST_YEAR}),
    "started by hand with a logical date of last year": (RunType.MANUAL, {"logical_date": LAST_YEAR}),
    "started by hand last year and cleared": (
        RunType.MANUAL,
        {"logical_date": None, "run_after": LAST_YEAR, "start_date": JUST_NOW},
    ),
}


@pytest.mark.parametrize(("kind", "dates"), FRESH.values(), ids=FRESH)
def test_a_run_of_today_calls_each_contact(sandbox, kind, dates):
    campaign = a_campaign(sandbox)

    in_run(running(campaign), kind, **dates)

    assert dialled_once(sandbox)


@pytest.mark.parametrize("deferrable", [False, True], ids=["in a worker", "deferred"])
@pytest.mark.parametrize(("kind", "dates"), OLD.values(), ids=OLD)
def test_a_run_of_last_year_calls_no_contact_and_says_so(sandbox, kind, dates, deferrable):
    campaign = a_campaign(sandbox)

    with pytest.raises(AirflowFailException, match=r"52 weeks 1 day ago, and max_age is 1 day\. No contact was called"):
        in_run(running(campaign, deferrable=deferrable), kind, **dates)

    assert writes(sandbox) == []
    assert sandbox.world.campaigns[campaign].status == "Not Started"


def test_a_run_that_is_too_old_can_be_skipped_instead(sandbox):
    campaign = a_campaign(sandbox)

    with pytest.raises(AirflowSkipException, match="No contact was called"):
        in_run(running(campaign, on_too_old="skip"), data_interval_end=LAST_YEAR)

    assert writes(sandbox) == []


def test_without_max_age_the_age_does_not_matter(sandbox):
    in_run(running(a_campaign(sandbox), max_age=None), data_interval_end=LAST_YEAR)

    assert dialled_once(sandbox)


def test_a_run_of_unknown_age_calls_no_contact(sandbox):
    campaign = a_campaign(sandbox)

    with pytest.raises(AirflowFailException, match="does not show what time this run is for"):
        in_run(running(campaign), RunType.MANUAL)

    assert writes(sandbox) == []


@pytest.mark.parametrize("cleared_after", [0, 1], ids=["retry", "clear"])
def test_an_old_run_whose_campaign_has_begun_reports_its_outcome(sandbox, cleared_after):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)

    result = in_run(running(campaign), try_number=2, cleared_after=cleared_after, data_interval_end=LAST_YEAR)

    assert result["status"] == "Completed"
    assert writes(sandbox) == []
    assert dialled_once(sandbox)


def demo_call(sandbox, **changes):
    campaign = a_campaign(sandbox)
    (contact, *_) = sandbox.world.campaigns[campaign].contacts
    return TingTingDemoCallOperator(task_id="demo", contact_id=contact, max_age=3600, **changes)


def test_a_demo_call_of_an_old_run_does_not_ring(sandbox):
    with pytest.raises(AirflowFailException, match="max_age is 1 hour"):
        in_run(demo_call(sandbox), data_interval_end=LAST_YEAR)
    with pytest.raises(AirflowSkipException):
        in_run(demo_call(sandbox, on_too_old="skip"), data_interval_end=LAST_YEAR)
    assert writes(sandbox) == []

    assert in_run(demo_call(sandbox), data_interval_end=JUST_NOW)["called"] is True
