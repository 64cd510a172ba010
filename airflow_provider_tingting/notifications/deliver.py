"""Gives a notice: one campaign with one contact for each number that is tried. A conversation; no I/O.

TingTing itself is the memory: the campaign's description holds a mark with the notice's key and time. So forty
failures in forty processes on ten machines see one another, with no store of Airflow's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timezone

from airflow_provider_tingting.api import calls, idempotent_writes
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.protocol import Pause
from airflow_provider_tingting.campaigns import reconcile
from airflow_provider_tingting.campaigns.job import CampaignJob, RunRequest
from airflow_provider_tingting.campaigns.schedule import wire_format
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingCampaignError,
    TingTingError,
    TingTingOutcomeUnknownError,
    TingTingRefusedError,
)
from airflow_provider_tingting.masking import mask_number
from airflow_provider_tingting.notifications.account import check_credits, first_caller, voice_of
from airflow_provider_tingting.notifications.dedupe import given_for, is_run_by_its_maker, lower
from airflow_provider_tingting.notifications.notice import Notice, NoticeMark
from airflow_provider_tingting.timezones import as_nepal_time

log = logging.getLogger(__name__)

# How often (seconds) to look whether somebody has picked up.
LOOKS_EVERY = 5.0
# Who watches the last number has so many seconds to try the next one before somebody else does.
GRACE = 30.0


async def tell(notice: Notice, *, clock: Callable[[], float] = wall_time) -> tuple[int, ...]:
    """Give a notice unless it was given already; return the ids of the campaigns that were run for it.

    The first number is called. When there are more, the campaign is watched for `escalate_after` seconds, and the next
    number is called unless somebody has picked up. When this process dies meanwhile, the next notice with the same key
    goes on where it ended. Each time it is asked anew whether these are quiet hours.

    :raises TingTingConfigError: the account has no caller number, no such voice or no credits.
    :raises TingTingAPIError: TingTing refuses or does not answer.
    """
    if _at_this_hour(notice, clock()) is None:
        return ()
    gone: set[int] = set()
    first = await _first_step(notice, clock, gone)
    if first is None:
        return ()
    await check_credits(notice.services)
    callers = notice.user_phone or await first_caller()
    ran: list[int] = []
    for step in range(first, len(notice.to)):
        last = step + 1 == len(notice.to)
        try:
            called = await _call(notice, step, callers, clock, gone)
        except (TingTingCampaignError, TingTingRefusedError) as error:
            # What TingTing refuses for one number it may take for the next.
            if last or isinstance(error, TingTingAuthError):
                raise
            log.error("%s could not be told: %s", mask_number(notice.to[step]), error)
            continue
        if called is None:
            break
        campaign_id, at = called
        ran.append(campaign_id)
        if last or at is not None or await _reached(campaign_id, notice.escalate_after, clock):
            break
        log.warning("Campaign %s has not reached %s: trying the next number", campaign_id, mask_number(notice.to[step]))
    return tuple(ran)


def _at_this_hour(notice: Notice, now: float) -> Notice | None:
    told = notice.at_hour(now)
    if told is None:
        log.info("It is between %s: nobody is told now", notice.quiet_hours)
    return told


async def _first_step(notice: Notice, clock: Callable[[], float], gone: set[int]) -> int | None:
    """Return which number is to be tried now, or None when there is nothing to do.

    :param gone: gets the ids of campaigns that nobody runs any more.
    """
    if notice.cooldown <= 0:
        return 0
    while True:
        now = clock()
        given = await given_for(notice, now, without=gone)
        if not given:
            return 0
        latest = max(given, key=lambda one: (one.mark.step, -one.campaign.id))
        if latest.campaign.status.has_begun:
            break
        if await is_run_by_its_maker(latest, clock):
            log.info("Campaign %s gives this notice just now", latest.campaign.id)
            return None
        gone.add(latest.campaign.id)
    following = latest.mark.step + 1
    left_alone = following < len(notice.to) and now - latest.dialled > notice.escalate_after + GRACE
    if left_alone and not await _reached(latest.campaign.id, 0.0, clock):
        log.info("Campaign %s has reached nobody, and nobody has tried the next number", latest.campaign.id)
        return following
    until = datetime.fromtimestamp(latest.mark.quiet_until, timezone.utc)
    log.info(
        "Campaign %s has this notice already: nobody is told again before %s", latest.campaign.id, f"{until:%F %T %Z}"
    )
    return None


async def _call(
    notice: Notice,
    step: int,
    callers: tuple[int, ...],
    clock: Callable[[], float],
    gone: set[int],
) -> tuple[int, float | None] | None:
    """Make the campaign of one step and run it.

    :returns: its id and when TingTing calls (None for now); or None when another process was faster, or nobody is to be
        told at this hour.
    """
    while True:
        now = clock()
        told = _at_this_hour(notice, now)
        if told is None:
            return None
        voice = await voice_of(told) if "PHONE" in told.services else None
        campaign = await _create(told, NoticeMark.of(told, step, now), callers)
        job = CampaignJob()
        job.attach_to(campaign.id)
        try:
            rival = None
            if notice.cooldown > 0:
                rival = await lower(notice, step, campaign.id, now, without=gone)
        except TingTingError:
            await _discard(campaign.id)
            raise
        if rival is None:
            break
        log.info("Campaign %s has this notice already: campaign %s is not run", rival.campaign.id, campaign.id)
        await _discard(campaign.id)
        if await is_run_by_its_maker(rival, clock):
            return None
        gone.add(rival.campaign.id)
    try:
        if voice is not None:
            message = calls.set_campaign_message(campaign.id, voice=voice, message=told.text, sms_message=_sms(told))
            await idempotent_writes.retry_idempotent(message)
        # The call for many, which skips a number that is there: the one for a single contact refuses to be repeated.
        await idempotent_writes.retry_idempotent(calls.add_contacts(campaign.id, [{"number": notice.to[step]}]))
        started = await job.run_once()
    except TingTingError:
        # Left behind, an un-run campaign would keep others waiting.
        if job.state.run is RunRequest.NEVER:
            await _discard(campaign.id)
        raise
    shown = mask_number(notice.to[step])
    log.info(
        "Campaign %s tells %s (%s); it is %s",
        campaign.id,
        shown,
        told.services,
        started.campaign.status if started.campaign else "requested",
    )
    return campaign.id, told.at


async def _create(notice: Notice, mark: NoticeMark, callers: tuple[int, ...]) -> Campaign:
    schedule = None
    if notice.at is not None:
        schedule = wire_format(as_nepal_time(datetime.fromtimestamp(notice.at, timezone.utc)))
    call = calls.create_campaign(
        name=notice.name,
        services=notice.services,
        user_phone=callers,
        message=notice.text,
        sms_message=_sms(notice),
        description=f"{mark} A notice from Airflow.",
        schedule=schedule,
    )

    async def send() -> Campaign:
        return await call

    async def look(error: TingTingOutcomeUnknownError) -> Campaign | None:
        return await reconcile.find_after_unknown(notice.name, mark)

    return await reconcile.reconcile(send, look=look, pause=LOOKS_EVERY)


def _sms(notice: Notice) -> str | None:
    return notice.text if "SMS" in notice.services else None


async def _discard(campaign_id: int) -> None:
    """Delete a campaign that was never run, as well as can be."""
    try:
        await reconcile.delete(campaign_id)
    except TingTingError as error:
        log.info("Campaign %s was not run and could not be deleted: %s", campaign_id, error)


async def _reached(campaign_id: int, seconds: float, clock: Callable[[], float]) -> bool:
    """Watch until somebody has picked up, nobody can any more, or the time is up."""
    give_up = clock() + seconds
    while True:
        try:
            page = await calls.list_contacts(campaign_id)
        except TingTingAPIError as error:
            log.warning("Whether campaign %s has reached anybody is not known: %s", campaign_id, error)
        else:
            if any(contact.status.is_reached for contact in page.results):
                return True
            if page.results and all(contact.status.is_final for contact in page.results):
                return False
        left = give_up - clock()
        if left <= 0:
            return False
        await Pause(min(LOOKS_EVERY, left))
