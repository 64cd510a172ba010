"""A campaign of an earlier attempt, and what its task wants otherwise by now. No Airflow, no I/O."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from airflow_provider_tingting import settling
from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.wire import Conversation
from airflow_provider_tingting.marking import CampaignSpec
from airflow_provider_tingting.schedule import is_past, read_schedule

log = logging.getLogger(__name__)

# A server may keep a schedule to the minute only.
_SAME = timedelta(minutes=1)


def bring_up_to_date(campaign: Campaign, spec: CampaignSpec) -> Conversation[Campaign]:
    """Give a campaign that has not begun the schedule that its task wants now, and say what stays as it was.

    The API page tells how to change a schedule; it does not tell how to take one away, or to change a credit limit.

    :raises TingTingAPIError: TingTing refuses the schedule, or it stays unknown whether it has it.
    """
    wanted, has = read_schedule(spec.schedule), campaign.scheduled_at
    if wanted is not None and not is_past(wanted):
        if not _is_same(wanted, has):
            log.warning(
                "Campaign %s was created with the schedule %s. The task wants %s now, and the campaign gets it",
                campaign.id,
                campaign.schedule,
                spec.schedule,
            )
            answer: Campaign | None = yield from settling.insist(
                calls.update_campaign(campaign.id, schedule=spec.schedule)
            )
            campaign = answer or campaign
    # One that has passed was left off, if that was wanted.
    elif has is not None and not (wanted is not None and _is_same(wanted, has)):
        _say_that_it_stays(campaign, "schedule", spec.schedule, campaign.schedule)
    if (spec.credit_limit or None) != (campaign.credit_limit or None):
        _say_that_it_stays(campaign, "credit limit", _digits(spec.credit_limit), _digits(campaign.credit_limit))
    return campaign


def _is_same(wanted: datetime, has: datetime | None) -> bool:
    return has is not None and abs(wanted - has) < _SAME


def _digits(amount: float | None) -> str | None:
    return None if amount is None else f"{amount:.15g}"


def _say_that_it_stays(campaign: Campaign, what: str, wanted: str | None, has: str | None) -> None:
    log.warning(
        "Campaign %s was created by an earlier attempt and keeps its %s: it is %s, though the task says %s now. Change "
        "it in TingTing, or clear the task with on_clear='send_again' for a new campaign",
        campaign.id,
        what,
        has or "none",
        wanted or "none",
    )
