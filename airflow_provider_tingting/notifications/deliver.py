"""The flow that delivers a notification: one campaign with one contact for each number that is tried.

TingTing itself holds the state: the marker in the campaign's description has the notification's key and time. So forty
failures in forty processes on ten machines find one another without a store of Airflow's.
"""

from __future__ import annotations

import logging
from datetime import datetime, timezone

from airflow_provider_tingting.api import calls, idempotent_writes
from airflow_provider_tingting.api.lookups import choose_voice, list_caller_numbers, read_balance
from airflow_provider_tingting.api.models import Campaign, Contact
from airflow_provider_tingting.api.protocol import Pause
from airflow_provider_tingting.campaigns import reconcile
from airflow_provider_tingting.campaigns.run import CampaignJob, RunRequest
from airflow_provider_tingting.campaigns.schedule import wire_format
from airflow_provider_tingting.clock import monotonic, wall_time
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingCampaignError,
    TingTingConfigError,
    TingTingError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRefusedError,
)
from airflow_provider_tingting.masking import mask_number
from airflow_provider_tingting.notifications import notification as lease
from airflow_provider_tingting.notifications.dedupe import find_claims, find_earlier_claim, is_run_by_its_holder
from airflow_provider_tingting.notifications.notification import Notification, NotificationMarker
from airflow_provider_tingting.timezones import as_nepal_time

log = logging.getLogger(__name__)

#: Seconds between two reads that check whether the contact has answered.
CONTACT_POLL_INTERVAL = 5.0
#: The notifier that watches a contact has this many seconds to try the next number before another notifier does.
ESCALATION_GRACE = 30.0
#: A notifier whose lease is over claims the notification again at most this many times.
MAX_CLAIMS = 3


class ClaimLostError(TingTingCampaignError):
    """The lease on a notification is over before its campaign was run, or TingTing does not show it any more."""


async def deliver(notification: Notification) -> tuple[int, ...]:
    """Deliver a notification unless that was done already; return the ids of the campaigns that were run for it.

    The first number is called, and its campaign is watched for `escalate_after` seconds. Then the next number is called
    unless the contact has answered. When this process dies meanwhile, the next notification with the same key goes on
    with the next number. Before each number the quiet hours are checked again.

    :param notification: the notification.
    :raises TingTingConfigError: the account has no caller number, no such voice or no credits, or no number may be
        called.
    :raises TingTingAPIError: TingTing refuses or does not respond.
    """
    if _at_this_hour(notification, wall_time()) is None:
        return ()
    allowed = [step for step, number in enumerate(notification.to) if number not in notification.do_not_call]
    if not allowed:
        raise TingTingConfigError("All numbers of `to` are on the do-not-call list of the connection.")
    dead: set[int] = set()
    first = await _first_step(notification, dead)
    if first is None:
        return ()
    await _check_credits(notification.services)
    callers = notification.user_phone or await _first_caller()
    ran: list[int] = []
    for step in range(first, len(notification.to)):
        last = step == allowed[-1]
        number = mask_number(notification.to[step])
        if step not in allowed:
            log.warning("%s is not notified: it is on the do-not-call list", number)
            continue
        try:
            called = await _call(notification, step, callers, dead)
        except (TingTingCampaignError, TingTingRefusedError) as error:
            # TingTing may accept the next number although it refuses this one.
            if last or isinstance(error, TingTingAuthError):
                raise
            log.error("%s was not notified: %s", number, error)
            continue
        if called is None:
            break
        campaign_id, at = called
        ran.append(campaign_id)
        if at is not None:
            break
        contact = await _watch_contact(campaign_id, notification.escalate_after)
        _log_end(campaign_id, number, contact, notification.escalate_after)
        if contact is not None and contact.status.is_reached:
            break
        if not last:
            log.warning("Campaign %s has not reached %s: trying the next number", campaign_id, number)
    return tuple(ran)


def _at_this_hour(notification: Notification, now: float) -> Notification | None:
    adapted = notification.at_hour(now)
    if adapted is None:
        log.info("It is between %s: no notification is sent now", notification.quiet_hours)
    return adapted


def _log_quiet_hours(notification: Notification, adapted: Notification) -> None:
    """Log what the quiet hours change, if anything."""
    if adapted.at != notification.at:
        change = "the call is scheduled for the end of these quiet hours"
    elif adapted.services != notification.services:
        change = "in these quiet hours an SMS is sent and no call is placed"
    else:
        return
    log.info("It is between %s: %s", notification.quiet_hours, change)


async def _first_step(notification: Notification, dead: set[int]) -> int | None:
    """Return the index of the number to try now, or None when there is nothing to do.

    :param dead: gets the ids of campaigns whose notifier runs them no more.
    """
    if notification.cooldown <= 0:
        return 0
    while True:
        now = wall_time()
        claims = await find_claims(notification, now, without=dead)
        if not claims:
            return 0
        latest = max(claims, key=lambda one: (one.marker.step, one.campaign.status.has_begun, -one.campaign.id))
        if latest.campaign.status.has_begun:
            break
        if await is_run_by_its_holder(latest):
            log.info("Campaign %s delivers this notification now", latest.campaign.id)
            return None
        await _take_over(latest.campaign.id, dead)
    following = latest.marker.step + 1
    is_abandoned = (
        following < len(notification.to) and now - latest.dialled_at > notification.escalate_after + ESCALATION_GRACE
    )
    if is_abandoned:
        contact = await _watch_contact(latest.campaign.id, 0.0)
        if contact is None or not contact.status.is_reached:
            log.info("Campaign %s has reached no contact, and no other number was tried", latest.campaign.id)
            return following
    until = datetime.fromtimestamp(latest.marker.quiet_until, timezone.utc)
    log.info(
        "Campaign %s has delivered this notification: it is not sent again before %s",
        latest.campaign.id,
        f"{until:%F %T %Z}",
    )
    return None


async def _take_over(campaign_id: int, dead: set[int]) -> None:
    """Delete the un-run campaign of a claim whose lease is over, so that a late request of its holder runs nothing."""
    dead.add(campaign_id)
    await _discard(campaign_id)


async def _call(
    notification: Notification, step: int, callers: tuple[int, ...], dead: set[int]
) -> tuple[int, float | None] | None:
    """Create the campaign of one step and run it.

    :returns: its id and when TingTing calls (None for now); or None when another notifier was faster, or the hour
        forbids it.
    """
    for claims_left in reversed(range(MAX_CLAIMS)):
        now = wall_time()
        adapted = _at_this_hour(notification, now)
        if adapted is None:
            return None
        _log_quiet_hours(notification, adapted)
        voice = await _voice_of(adapted) if "PHONE" in adapted.services else None
        lease_ends = monotonic() + lease.LEASE - lease.LEASE_MARGIN
        campaign = await _create(adapted, NotificationMarker.of(adapted, step, now), callers)
        try:
            other = None
            if notification.cooldown > 0:
                other = await find_earlier_claim(notification, step, campaign.id, now, without=dead)
        except TingTingError:
            await _discard(campaign.id)
            raise
        if other is not None:
            log.info("Campaign %s delivers this notification: campaign %s is not run", other.campaign.id, campaign.id)
            await _discard(campaign.id)
            if await is_run_by_its_holder(other):
                return None
            await _take_over(other.campaign.id, dead)
            continue
        try:
            await _run(adapted, step, campaign, voice, lease_ends)
        except ClaimLostError as error:
            if not claims_left:
                raise
            log.warning("%s The notification is claimed again", error)
            await _take_over(campaign.id, dead)
            continue
        return campaign.id, adapted.at
    raise ClaimLostError("other notifiers have claimed the notification again and again.", campaign_id=campaign.id)


async def _run(notification: Notification, step: int, campaign: Campaign, voice: int | None, lease_ends: float) -> None:
    """Complete the campaign of one step and run it, as long as the lease lasts.

    :param lease_ends: monotonic seconds after which no request to run is sent.
    :raises ClaimLostError: the lease is over, or the campaign was deleted, and no request is known to be carried out.
    """

    lost: list[str] = []

    async def check_lease(latest: Campaign) -> Campaign:
        if monotonic() >= lease_ends:
            lost.append("it was not run before its notifier's lease was over.")
            raise ClaimLostError(lost[0], campaign_id=campaign.id)
        return latest

    job = CampaignJob()
    job.attach_to(campaign.id)
    try:
        if voice is not None:
            message = calls.set_campaign_message(
                campaign.id, voice=voice, message=notification.text, sms_message=notification.sms_message
            )
            await idempotent_writes.retry_idempotent(message)
        # The call for many contacts skips a number that exists; the one for a single contact cannot be repeated.
        await idempotent_writes.retry_idempotent(calls.add_contacts(campaign.id, [{"number": notification.to[step]}]))
        started = await job.run_once(gate=check_lease, exists=lambda: True)
    except TingTingError as error:
        # With an unanswered request outstanding the job raises an error of its own, with the first one as its cause.
        if isinstance(error, TingTingNotFoundError) or isinstance(error.__cause__, TingTingNotFoundError):
            lost.append("TingTing does not show it any more.")
        if lost:
            raise ClaimLostError(lost[0], campaign_id=campaign.id) from error
        # An un-run campaign that is left behind makes other notifiers wait.
        if job.state.run is RunRequest.NEVER:
            await _discard(campaign.id)
        raise
    log.info(
        "Campaign %s notifies %s (%s); it is %s",
        campaign.id,
        mask_number(notification.to[step]),
        notification.services,
        started.campaign.status if started.campaign else "requested",
    )


async def _create(notification: Notification, marker: NotificationMarker, callers: tuple[int, ...]) -> Campaign:
    schedule = None
    if notification.at is not None:
        schedule = wire_format(as_nepal_time(datetime.fromtimestamp(notification.at, timezone.utc)))
    call = calls.create_campaign(
        name=notification.name,
        services=notification.services,
        user_phone=callers,
        message=notification.text,
        sms_message=notification.sms_message,
        description=f"{marker} A notification from Airflow.",
        schedule=schedule,
    )

    async def send() -> Campaign:
        return await call

    async def check(error: TingTingOutcomeUnknownError) -> Campaign | None:
        return await reconcile.find_after_unknown(notification.name, marker)

    return await reconcile.reconcile(send, check=check, pause=CONTACT_POLL_INTERVAL)


async def _discard(campaign_id: int) -> None:
    """Delete a campaign if it still is `Not Started`; a failure is only logged."""
    try:
        campaign = await calls.get_campaign(campaign_id)
        if not campaign.status.has_begun:
            await reconcile.delete(campaign_id)
    except TingTingNotFoundError:
        return
    except TingTingError as error:
        log.info("Campaign %s is not used any more and could not be deleted: %s", campaign_id, error)


async def _watch_contact(campaign_id: int, seconds: float) -> Contact | None:
    """Watch until the contact has answered, cannot answer any more, or the time is up; return it as it is then.

    :returns: the contact; None when TingTing has not shown it.
    """
    give_up = wall_time() + seconds
    contact: Contact | None = None
    while True:
        try:
            page = await calls.list_contacts(campaign_id)
        except TingTingAPIError as error:
            log.warning("Whether campaign %s has reached its contact is not known: %s", campaign_id, error)
        else:
            contact = next(iter(page.results), None)
            if contact is not None and contact.status.is_final:
                return contact
        left = give_up - wall_time()
        if left <= 0:
            return contact
        await Pause(min(CONTACT_POLL_INTERVAL, left))


def _log_end(campaign_id: int, number: str, contact: Contact | None, seconds: float) -> None:
    if contact is None:
        log.warning("Campaign %s: whether %s was reached is not known", campaign_id, number)
    elif contact.status.is_reached:
        log.info("Campaign %s has reached %s: %s", campaign_id, number, contact.status)
    elif contact.status.is_final:
        log.warning("Campaign %s has not reached %s: %s", campaign_id, number, contact.status)
    else:
        log.warning("Campaign %s has not reached %s within %.0f s: %s", campaign_id, number, seconds, contact.status)


async def _first_caller() -> tuple[int, ...]:
    """Return the id of the account's first caller number.

    :raises TingTingConfigError: the account has none.
    """
    found = await list_caller_numbers()
    if not found:
        raise TingTingConfigError(
            "The TingTing account has no caller number, so no call is possible. Ask TingTing for one, or give its id "
            "as user_phone."
        )
    return (found[0].id,)


async def _check_credits(services: str) -> None:
    """Raise when the account has no credits; an unknown balance is taken for a sufficient one.

    :param services: `PHONE`, `SMS` or `SMS & PHONE`.
    :raises TingTingConfigError: the account has no credits for these services.
    """
    dashboard = await read_balance()
    credits = dashboard.credits_for(services) if dashboard else None
    if credits is not None and credits <= 0:
        raise TingTingConfigError("The TingTing account has no credits left, so no notification is sent. Buy credits.")


async def _voice_of(notification: Notification) -> int:
    """Return the id of the voice that speaks: the wanted one, or the account's first.

    :param notification: its `voice` is an id, a display name or None.
    :raises TingTingConfigError: there is no such voice, or none at all.
    """
    voices = await calls.list_voice_models()
    if notification.voice is not None:
        return choose_voice(voices, notification.voice).id
    if not voices:
        raise TingTingConfigError('The TingTing account has no voice. Ask TingTing, or use services="SMS".')
    return int(voices[0].id)
