"""Gives the campaign of an earlier try the schedule that its task has now. No Airflow, no I/O."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from airflow_provider_tingting.api import calls, idempotent_writes
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.stale_reads import read_existing_until
from airflow_provider_tingting.campaigns.marker import CampaignSpec
from airflow_provider_tingting.campaigns.schedule import is_past, read_schedule
from airflow_provider_tingting.errors import TingTingCampaignError, TingTingValidationError

log = logging.getLogger(__name__)

# A server may keep a schedule to the minute only.
_SAME = timedelta(minutes=1)


async def apply_schedule(campaign: Campaign, spec: CampaignSpec) -> Campaign:
    """Give a campaign that has not begun the schedule that its task wants now, and say what stays as it was.

    The API page says how to change a schedule; it does not say how to remove one, or how to change a credit limit.

    :param campaign: the campaign.
    :param spec: the campaign that the task wants.
    :raises TingTingCampaignError: TingTing has taken the schedule, and the campaign does not have it.
    :raises TingTingValidationError: TingTing refuses the schedule.
    :raises TingTingAPIError: it stays unknown whether the campaign has it.
    """
    wanted, has = read_schedule(spec.schedule), campaign.scheduled_at
    if wanted is not None and not is_past(wanted):
        if not _is_same(wanted, has):
            campaign = await _rescheduled(campaign, spec.schedule, wanted)
    # A schedule that had passed was omitted when the campaign was created, so its absence is no difference.
    elif has is not None and not (wanted is not None and _is_same(wanted, has)):
        _say_that_it_stays(campaign, "schedule", spec.schedule, campaign.schedule)
    if (spec.credit_limit or None) != (campaign.credit_limit or None):
        _say_that_it_stays(campaign, "credit limit", _digits(spec.credit_limit), _digits(campaign.credit_limit))
    return campaign


async def _rescheduled(campaign: Campaign, schedule: str | None, wanted: datetime) -> Campaign:
    """Give a campaign another schedule and check that it has it; leave it alone if that moment passes meanwhile."""
    try:
        await idempotent_writes.retry_idempotent(calls.update_campaign(campaign.id, schedule=schedule))
    except TingTingValidationError as error:
        if is_past(wanted):
            _say_that_it_stays(campaign, "schedule", schedule, campaign.schedule)
            return campaign
        raise TingTingValidationError(
            error.call,
            error.message,
            remedy=f"The campaign exists and keeps its schedule: it is {campaign.schedule or 'none'}, though the task "
            f"says {schedule} now. Give the task a schedule that TingTing takes, or the old one, and clear it.",
            campaign_id=campaign.id,
            status_code=error.status_code,
            fields=error.fields,
        ) from error
    # The API page shows no response to an update, and a response that repeats the request proves nothing.
    now = await read_existing_until(campaign.id, lambda read: _is_same(wanted, read.scheduled_at))
    if not _is_same(wanted, now.scheduled_at):
        raise TingTingCampaignError(
            f"TingTing has taken the schedule {schedule}, which the task says now, but the campaign keeps its own: it "
            f"is {now.schedule or 'none'}. Change it in TingTing, or give the task the old one; then clear the task.",
            campaign_id=campaign.id,
            status=now.status.value,
        )
    log.warning(
        "Campaign %s was created with the schedule %s. The task wants %s now, and the campaign has got it",
        campaign.id,
        campaign.schedule,
        schedule,
    )
    return now


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
