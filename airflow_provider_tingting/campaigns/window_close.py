"""Stops a campaign when its calling window closes, because the user has chosen so. No Airflow, no I/O."""

from __future__ import annotations

import logging
from datetime import datetime, timezone

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.protocol import Pause
from airflow_provider_tingting.api.stale_reads import read_existing, read_existing_until
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.campaigns.reconcile import request_stop
from airflow_provider_tingting.campaigns.run import CampaignJob
from airflow_provider_tingting.campaigns.watch import Outage
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingCampaignError,
    TingTingConfigError,
    TingTingRefusedError,
)

log = logging.getLogger(__name__)

# Seconds between two requests while TingTing does not respond.
_OUTAGE_PAUSE = 10.0
# How many seconds the status of a stopped campaign is read until it is final.
_ENDS_WITHIN = 30.0


def stops_at(window: CallingWindow, campaign: Campaign | None) -> float | None:
    """Return when a campaign is to be stopped, in seconds since 1970: now outside the window, None for never.

    :param window: the calling window.
    :param campaign: the campaign as it was read last; the window in which its schedule lies counts.
    """
    begins = wall_time()
    if campaign is not None and campaign.status is CampaignStatus.SCHEDULED and campaign.scheduled_at:
        begins = max(begins, campaign.scheduled_at.timestamp())
    moment = datetime.fromtimestamp(begins, timezone.utc)
    closes = window.closes_at(moment)
    # A datetime is rounded to microseconds, so that of now may lie in the future.
    return None if closes is None else begins if closes == moment else closes.timestamp()


async def stop_at_close(job: CampaignJob, window: CallingWindow, *, tolerate_outage: float) -> Campaign:
    """Stop a campaign outside its calling window, and return it as it has ended; it goes on when the window is open.

    The campaign is read right before the request, and the request is saved before it is sent, so that a later try
    knows why the campaign was terminated. Stopping it again does no harm.

    Source: the vendor's client, Stop a campaign; it is not on the API page.

    :param job: the job of the campaign.
    :param window: the calling window.
    :param tolerate_outage: seconds for which TingTing may fail to respond.
    :raises TingTingConfigError: TingTing has no stop for the campaign, which goes on.
    :raises TingTingCampaignError: TingTing has accepted the request, and the campaign has not ended.
    :raises TingTingAPIError: TingTing refuses, or does not respond for too long.
    """
    outage = Outage(tolerate_outage, log, f"the stop of campaign {job.campaign_id} is tried again")
    while True:
        try:
            return await _stop(job, window)
        except TingTingAPIError as error:
            if not outage.tolerates(error):
                raise
            await Pause(max(_OUTAGE_PAUSE, error.retry_after or 0.0))


async def _stop(job: CampaignJob, window: CallingWindow) -> Campaign:
    number = job.campaign_id
    campaign = await read_existing(number)
    if campaign.status.is_final:
        return campaign
    # The deadline may be that of another machine's clock, or the task may have waited for a worker until the morning.
    stops = stops_at(window, campaign)
    if stops is None or stops > wall_time():
        return campaign
    log.warning("Campaign %s is %s outside its calling window, %s: stopping it", number, campaign.status, window)
    job.update(stop_requested_at=wall_time())
    try:
        ended = await request_stop(number)
    except TingTingRefusedError as refusal:
        if refusal.status_code not in (404, 405):
            raise
        raise TingTingConfigError(
            f"Campaign {number} is {campaign.status} outside its calling window and goes on: TingTing offers no stop "
            'for it, so at_window_close="stop" does not work with this server. Stop it in TingTing.'
        ) from refusal
    if ended is not None:
        return ended
    campaign = await read_existing_until(number, lambda read: read.status.is_final, _ENDS_WITHIN)
    if not campaign.status.is_final:
        raise TingTingCampaignError(
            f"its calling window has closed, TingTing accepted the request to stop it, and it still is "
            f"{campaign.status}. A retry requests it again.",
            campaign_id=number,
            status=campaign.status.value,
        )
    return campaign


def was_stopped_at_close(job: CampaignJob, window: CallingWindow, campaign: Campaign, *, is_saved: bool) -> bool:
    """Return whether a campaign that has ended was stopped because its calling window had closed.

    :param job: the job of the campaign.
    :param window: the calling window.
    :param campaign: the campaign.
    :param is_saved: whether the job holds what earlier tries have done. Otherwise the time of the campaign's last
        change decides: a campaign that was terminated outside its window was stopped by an earlier try.
    """
    if campaign.status is not CampaignStatus.TERMINATED:
        return False
    if job.state.stop_requested_at is not None:
        return True
    return not is_saved and campaign.changed_at is not None and not window.is_open(campaign.changed_at)
