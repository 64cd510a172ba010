"""A campaign as a job: created once, run once, whatever dies on the way. No Airflow, no I/O.

TingTing has no idempotency key and dials each time it is asked. So a campaign carries a marker in its description, by
which a later attempt finds it, and only a campaign that is `Not Started` is ever run. Each function is a
conversation that either client drives: `client.converse(run_once(79))`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.paging import Pager
from airflow_provider_tingting.api.wire import Call, Conversation, Pause, T
from airflow_provider_tingting.errors import (
    TingTingCampaignError,
    TingTingConfigError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingRefusedError,
)
from airflow_provider_tingting.masking import mask_text
from airflow_provider_tingting.schedule import is_past, read_schedule

log = logging.getLogger(__name__)

# A write whose outcome is unknown is looked for after each of these pauses (seconds) before it counts as not done: a
# server that answers slowly may still be at it.
LOOK_AGAIN_AFTER = (0.5, 1.5, 3.0, 5.0, 10.0)
# Running twice dials everybody twice, so an unanswered run is watched this long (seconds) before it is sent again.
RUN_SETTLES_WITHIN = 120.0
RUN_LOOKS_EVERY = 3.0
MOST_SENDS = 3
# A server that asks for a longer pause (seconds) is left to the task's own retry, which holds no worker.
LONGEST_PAUSE = 60.0
# The newest campaigns that are looked through when the search by name finds nothing.
NEWEST_LOOKED_THROUGH = 200


@dataclass(frozen=True)
class CampaignSpec:
    """What a campaign is to be; times as texts with their offset, the voice as an id.

    :param name: what people see in TingTing; the rest as in API page: Create a campaign and Set voice and category.
    :param run_if_late: whether a schedule that has passed is left off; otherwise nothing is created.
    """

    name: str
    services: str
    user_phone: tuple[int, ...]
    message: str
    sms_message: str | None = None
    description: str | None = None
    schedule: str | None = None
    credit_limit: float | None = None
    voice: int | None = None
    category: str = "Text"
    length_factor: str | None = None
    draft: bool | None = None
    run_if_late: bool = False

    def __repr__(self) -> str:
        return f"CampaignSpec(name={self.name!r}, services={self.services!r})"

    def fingerprint(self) -> str:
        """Return a short text that is the same for the same message and target, and tells nothing of them."""
        content = [self.name, self.services, list(self.user_phone), self.message, self.sms_message]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Marker:
    """The mark in a campaign's description by which a later attempt knows it as its own.

    :param key: who made the campaign: the same for each attempt of one task.
    :param fingerprint: what the campaign says, so that a task whose content has changed does not adopt it.
    """

    key: str
    fingerprint: str

    @classmethod
    def of(cls, spec: CampaignSpec, *parts: object) -> Marker:
        """Make the mark of a campaign from what identifies the task, such as DAG, run, task and map index."""
        return cls(hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:20], spec.fingerprint())

    def __str__(self) -> str:
        return f"[airflow:{self.key}/{self.fingerprint}]"

    def is_in(self, description: str) -> bool:
        """Whether a campaign with this description is this task's, whatever it says."""
        return f"[airflow:{self.key}/" in description


def attach_or_create(spec: CampaignSpec, marker: Marker, *, thorough: bool = False) -> Conversation[Campaign]:
    """Return the one campaign with this marker, creating it if there is none yet.

    After a create whose outcome is unknown the campaign is looked for, and created again only when it is proven
    absent. When two attempts have raced, both get the lowest id.

    :param thorough: look beyond its name first, because an earlier attempt may have created it and somebody renamed it.
    :raises TingTingCampaignError: the campaign with this marker has other content.
    :raises TingTingConfigError: there is none yet, and the schedule has passed.
    :raises TingTingAPIError: TingTing refuses, or it stays unknown whether there is a campaign.
    """
    campaign = yield from find(spec.name, marker, thorough=thorough or bool(spec.draft))
    if campaign is not None:
        if str(marker) not in campaign.description:
            raise TingTingCampaignError(
                "an earlier attempt of this task created it with another name, message or caller number. It is not "
                'used for this one, and nothing was created. Clear the task with on_clear="send_again" for a new '
                "campaign; if the task is mapped, its list has changed its order.",
                campaign_id=campaign.id,
                status=campaign.status.value,
            )
        log.info("Campaign %s was created by an earlier attempt and is used again", campaign.id)
    else:
        campaign = yield from _create(spec, marker)
    if spec.voice is not None and not campaign.status.has_begun:
        yield from insist(
            calls.set_campaign_message(
                campaign.id,
                voice=spec.voice,
                category=spec.category,
                message=spec.message,
                sms_message=spec.sms_message,
                length_factor=spec.length_factor,
                draft=spec.draft,
            )
        )
    return campaign


def _create(spec: CampaignSpec, marker: Marker) -> Conversation[Campaign]:
    for attempt in range(1, MOST_SENDS + 1):
        call = calls.create_campaign(
            name=spec.name,
            services=spec.services,
            user_phone=spec.user_phone,
            message=spec.message,
            sms_message=spec.sms_message,
            description=f"{spec.description} {marker}" if spec.description else str(marker),
            schedule=_schedule_to_come(spec),
            credit_limit=spec.credit_limit,
        )
        try:
            campaign: Campaign = yield call
            log.info("Campaign %s was created", campaign.id)
        except TingTingOutcomeUnknownError as error:
            log.warning("Nobody knows whether the campaign was created: looking for it. %s", error)
            found = yield from _look_for(spec.name, marker)
            if found is None and attempt == MOST_SENDS:
                raise
            if found is not None:
                log.info("Campaign %s had been created after all", found.id)
                return found
            continue
        except TingTingRateLimitedError as error:
            if attempt == MOST_SENDS:
                raise
            yield _as_told(error, LOOK_AGAIN_AFTER[-1])
            continue
        # Somebody else with the same marker may have been as fast: the lowest id is the one for everybody.
        return (yield from find(spec.name, marker)) or campaign
    raise AssertionError("unreachable")


def _schedule_to_come(spec: CampaignSpec) -> str | None:
    moment = read_schedule(spec.schedule)
    if moment is None or not is_past(moment):
        return spec.schedule
    if not spec.run_if_late:
        raise TingTingConfigError(
            f"The schedule {spec.schedule} has passed, and TingTing does not schedule into the past. Nothing was "
            'created. Give a later time, or on_past_schedule="run_now" to start when the campaign is run.'
        )
    log.warning("The schedule %s has passed: the campaign will start when it is run", spec.schedule)
    return None


def _look_for(name: str, marker: Marker) -> Conversation[Campaign | None]:
    for pause in LOOK_AGAIN_AFTER:
        yield Pause(pause)
        found = yield from find(name, marker, thorough=True)
        if found is not None:
            return found
    return None


def find(name: str, marker: Marker, *, thorough: bool = False) -> Conversation[Campaign | None]:
    """Return the campaign with this marker and the lowest id, or None.

    :param name: what it was created as; TingTing searches by it.
    :param thorough: look through the newest campaigns and the drafts too, in case the search misses it.
    """
    first_pages = [calls.list_campaigns(search=name)]
    if thorough:
        first_pages += [calls.list_campaigns(), calls.list_campaigns(search=name, draft=True)]
    for first in first_pages:
        pager, looked = Pager(first), 0
        matches: list[Campaign] = []
        for call in pager:
            page = pager.accept((yield call))
            matches += [campaign for campaign in page if marker.is_in(campaign.description)]
            looked += len(page)
            if looked >= NEWEST_LOOKED_THROUGH:
                break
        if matches:
            chosen, *others = sorted(matches, key=lambda campaign: campaign.id)
            if others:
                named = ", ".join(str(campaign.id) for campaign in others)
                log.warning("Several attempts created a campaign; %s is used, left un-run: %s", chosen.id, named)
            return chosen
    return None


def insist(call: Call[T]) -> Conversation[T]:
    """Send a write that may be repeated without harm until its outcome is known, a few times."""
    for pause in LOOK_AGAIN_AFTER:
        try:
            answer: T = yield call
            return answer
        except TingTingOutcomeUnknownError as error:
            log.warning("Sending %s again, which does no harm: %s", call.name, error)
            yield Pause(pause)
        except TingTingRateLimitedError as error:
            yield _as_told(error, pause)
    last: T = yield call
    return last


def _as_told(error: TingTingRateLimitedError, otherwise: float) -> Pause:
    """Return the pause that a server asks for; one too long for a worker to sit out stays an error."""
    if (error.retry_after or 0) > LONGEST_PAUSE:
        raise error
    return Pause(error.retry_after or otherwise)


def run_once(campaign_id: int, *, watch_first: float = 0.0) -> Conversation[Campaign]:
    """Run a campaign that has not begun; return it as it is when it has.

    Everybody is called each time TingTing is asked to run, so it is asked only after a fresh look that shows
    `Not Started`, and after an unknown outcome only when the status has not moved for two minutes.

    :param watch_first: seconds to watch the status before the first send, for an attempt that follows one of which
        nobody knows whether it ran the campaign.
    :raises TingTingCampaignError: the campaign has nobody to call, or is a draft.
    :raises TingTingAPIError: TingTing refuses, or the outcome stays unknown.
    """
    campaign: Campaign = yield calls.get_campaign(campaign_id)
    if watch_first and not campaign.status.has_begun:
        campaign = yield from _watch_for_start(campaign_id, watch_first)
    for attempt in range(1, MOST_SENDS + 1):
        if campaign.status.has_begun:
            log.info("Campaign %s has been run already and is %s: it is not run again", campaign_id, campaign.status)
            return campaign
        _check_runnable(campaign)
        try:
            said = yield calls.run_campaign(campaign_id)
            log.info("Campaign %s: TingTing says: %s", campaign_id, mask_text(said.message))
            campaign = yield calls.get_campaign(campaign_id)
            return campaign
        except TingTingRateLimitedError as error:
            if attempt == MOST_SENDS:
                raise
            yield _as_told(error, RUN_LOOKS_EVERY)
            campaign = yield calls.get_campaign(campaign_id)
        except TingTingRefusedError:
            # Perhaps refused because another attempt was faster.
            campaign = yield calls.get_campaign(campaign_id)
            if not campaign.status.has_begun:
                raise
        except TingTingOutcomeUnknownError as error:
            log.warning("Nobody knows whether campaign %s was run: watching its status. %s", campaign_id, error)
            campaign = yield from _watch_for_start(campaign_id, RUN_SETTLES_WITHIN)
            if not campaign.status.has_begun and attempt == MOST_SENDS:
                raise
    return campaign


def _watch_for_start(campaign_id: int, seconds: float) -> Conversation[Campaign]:
    waited = 0.0
    while True:
        campaign: Campaign = yield calls.get_campaign(campaign_id)
        if campaign.status.has_begun or waited >= seconds:
            return campaign
        yield Pause(min(RUN_LOOKS_EVERY, seconds))
        waited += RUN_LOOKS_EVERY


def _check_runnable(campaign: Campaign) -> None:
    if campaign.draft:
        raise TingTingCampaignError(
            "it is a draft, which TingTing does not run. Finish it (draft=False) first.",
            campaign_id=campaign.id,
            status=campaign.status.value,
        )
    if campaign.campaign_action_count == 0:
        raise TingTingCampaignError(
            "it has no contacts, so nobody would be called. Add contacts before running it.",
            campaign_id=campaign.id,
            status=campaign.status.value,
        )


def stop(campaign_id: int) -> Conversation[str]:
    """Stop a campaign for good, as well as can be, and return a sentence on what came of it. Never raises.

    A stopped campaign cannot go on: whoever was not called stays uncalled.
    """
    try:
        yield calls.stop_campaign(campaign_id)
    except TingTingRefusedError as error:
        if error.status_code in (404, 405):
            return f"Campaign {campaign_id} could not be stopped: TingTing offers no stop for it. It goes on."
        return f"Campaign {campaign_id} could not be stopped: {error.said} It may go on."
    except Exception as error:
        return f"Nobody knows whether campaign {campaign_id} was stopped ({type(error).__name__}). Look at TingTing."
    return f"Campaign {campaign_id} was stopped for good."


def delete(campaign_id: int) -> Conversation[None]:
    """Delete a campaign; after an unknown outcome a campaign that is gone counts as deleted.

    :raises TingTingNotFoundError: there was no such campaign.
    """
    unanswered = False
    for pause in LOOK_AGAIN_AFTER:
        try:
            yield calls.delete_campaign(campaign_id)
        except TingTingOutcomeUnknownError:
            unanswered = True
            yield Pause(pause)
        except TingTingRateLimitedError as error:
            yield _as_told(error, pause)
        except TingTingNotFoundError:
            if not unanswered:
                raise
            return
        else:
            return
    yield calls.delete_campaign(campaign_id)
