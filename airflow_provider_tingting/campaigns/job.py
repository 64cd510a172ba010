"""A campaign as a job: created once, run once, whatever dies on the way. No Airflow, no I/O.

TingTing has no idempotency key and dials each time it is asked. So a campaign carries a marker in its description, by
which a later attempt finds it, and only a campaign that is `Not Started` is ever run. What a job does is a
conversation that either client drives; operators, sensor, trigger and a notebook use the same job:

```python
job = CampaignJob()
with TingTingClient("token") as client:
    run_flow(client, job.attach_or_create(spec, Marker.of(spec, "water notice", "2026-11-23")))
    ...
    run_flow(client, job.run_once())
```
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting.api import calls, idempotent_writes
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.protocol import Flow, Pause
from airflow_provider_tingting.campaigns import reconcile
from airflow_provider_tingting.campaigns.marker import CampaignSpec, Marker
from airflow_provider_tingting.campaigns.reschedule import bring_up_to_date
from airflow_provider_tingting.campaigns.schedule import is_past, read_schedule
from airflow_provider_tingting.campaigns.state import JobState
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingCampaignError,
    TingTingConfigError,
    TingTingNeverSentError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingRefusedError,
)
from airflow_provider_tingting.masking import mask_text

if TYPE_CHECKING:
    from airflow_provider_tingting.campaigns.outcome import SuccessWhen
    from airflow_provider_tingting.reports.summary import CampaignSummary

__all__ = ["CampaignJob", "CampaignSpec", "JobState", "Marker"]

log = logging.getLogger(__name__)

# Running twice dials everybody twice, so an unanswered run is watched this long (seconds) before it is sent again.
RUN_SETTLES_WITHIN = 120.0
RUN_LOOKS_EVERY = 3.0
# A create that an earlier attempt sent this long ago (seconds) has arrived, or never will.
CREATE_SETTLES_WITHIN = 20.0
MOST_SENDS = 3


class CampaignJob:
    """One campaign, from its creation to its end.

    :param state: what an earlier attempt left, or None.
    :param remember: called with each new state before the job goes on, to keep it where a kill cannot reach it.
    :param clock: seconds since 1970.
    """

    def __init__(
        self,
        state: JobState | None = None,
        remember: Callable[[JobState], None] = lambda _: None,
        clock: Callable[[], float] = wall_time,
    ) -> None:
        self.state = state or JobState()
        self._keep = remember
        self._clock = clock

    @property
    def campaign_id(self) -> int:
        """The campaign's id.

        :raises TingTingConfigError: the job has no campaign yet.
        """
        if self.state.campaign_id is None:
            raise TingTingConfigError("This job has no campaign yet: create it first, or give its id.")
        return self.state.campaign_id

    def attach_to(self, campaign_id: int) -> None:
        """Make this the job of a campaign that exists; what was remembered of another one is forgotten."""
        if self.state.campaign_id not in (None, campaign_id):
            log.info("Campaign %s takes the place of campaign %s", campaign_id, self.state.campaign_id)
            self.state = JobState()
        self._remember(campaign_id=campaign_id)

    async def attach_or_create(self, spec: CampaignSpec, marker: Marker, *, thorough: bool = False) -> Campaign:
        """Return the one campaign with this marker, creating it if there is none yet.

        After a create whose outcome is unknown the campaign is looked for, and created again only when it is proven
        absent. When two attempts have raced, both get the lowest id. A campaign of an earlier attempt that has not
        begun gets the voice and the schedule that are wanted now; another credit limit only shows in the log.

        :param thorough: look beyond its name first, because an earlier attempt may have created it and somebody
            renamed it.
        :raises TingTingCampaignError: the job's campaign has other content, was deleted, or keeps another schedule.
        :raises TingTingConfigError: there is none yet, and the schedule has passed.
        :raises TingTingAPIError: TingTing refuses, or it stays unknown whether there is a campaign.
        """
        earlier: Campaign | None = await self._attached(spec, marker, thorough=thorough)
        campaign = earlier or await self._create(spec, marker)
        # Never a step back: that it was asked to run must not be forgotten when a job is gone through from its start.
        phase = self.state.phase if self.state.phase in ("running", "begun") else "created"
        self._remember(phase=phase, campaign_id=campaign.id, fingerprint=marker.fingerprint)
        if earlier is not None and phase == "created" and not campaign.status.has_begun:
            campaign = await bring_up_to_date(campaign, spec)
        if spec.voice is not None and not campaign.status.has_begun:
            await idempotent_writes.retry_idempotent(
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

    async def _attached(self, spec: CampaignSpec, marker: Marker, *, thorough: bool) -> Campaign | None:
        """Return the campaign that an earlier attempt created, or None."""
        if self.state.campaign_id is not None:
            if self.state.fingerprint != marker.fingerprint:
                raise _other_content(self.state.campaign_id)
            try:
                campaign: Campaign | None = await calls.get_campaign(self.state.campaign_id)
            except TingTingNotFoundError:
                raise TingTingCampaignError(
                    "an earlier attempt of this task created it, and it does not exist any more. Whether it was run is "
                    'not known, so no other takes its place. Clear the task with on_clear="send_again" for a new one.',
                    campaign_id=self.state.campaign_id,
                ) from None
        elif self._since_asked("creating") < CREATE_SETTLES_WITHIN:
            campaign = await reconcile.find_by_marker(spec.name, marker)
        else:
            thorough = thorough or self.state.phase == "creating" or bool(spec.draft)
            campaign = await reconcile.find(spec.name, marker, thorough=thorough)
        if campaign is not None:
            # The mark may have been edited away by a person; the id that was remembered is proof enough then.
            if self.state.campaign_id is None and str(marker) not in campaign.description:
                raise _other_content(campaign.id, campaign.status.value)
            log.info("Campaign %s was created by an earlier attempt and is used again", campaign.id)
        return campaign

    async def _create(self, spec: CampaignSpec, marker: Marker) -> Campaign:
        for attempt in range(1, MOST_SENDS + 1):
            call = calls.create_campaign(
                name=spec.name,
                services=spec.services,
                user_phone=spec.user_phone,
                message=spec.message,
                sms_message=spec.sms_message,
                # The mark comes first, so that a server that shortens descriptions keeps it.
                description=f"{marker} {spec.description}" if spec.description else str(marker),
                schedule=_schedule_to_come(spec),
                credit_limit=spec.credit_limit,
            )
            self._remember(phase="creating", asked_at=self._clock())
            try:
                campaign: Campaign = await call
                log.info("Campaign %s was created", campaign.id)
                if campaign.description and not marker.is_in(campaign.description):
                    log.warning(
                        "TingTing has not kept the mark in the description of campaign %s: without a task state store "
                        "a later attempt cannot find it again. Shorten the description.",
                        campaign.id,
                    )
            except TingTingOutcomeUnknownError as error:
                log.warning("Nobody knows whether the campaign was created: looking for it. %s", error)
                found = await reconcile.find_by_marker(spec.name, marker)
                if found is None and attempt == MOST_SENDS:
                    raise
                if found is not None:
                    log.info("Campaign %s had been created after all", found.id)
                    return found
                continue
            except TingTingNeverSentError:
                self._remember(asked_at=None)
                raise
            except TingTingRateLimitedError as error:
                if attempt == MOST_SENDS:
                    raise
                await idempotent_writes.rate_limit_pause(error, idempotent_writes.RETRY_PAUSES[-1])
                continue
            # Somebody else with the same marker may have been as fast: the lowest id is the one for everybody.
            return await reconcile.find(spec.name, marker) or campaign
        raise AssertionError("unreachable")

    async def run_once(
        self,
        *,
        watch_first: float = 0.0,
        is_first: bool = False,
        gate: Callable[[Campaign], Flow[Campaign]] | None = None,
    ) -> Campaign:
        """Run the campaign if it has not begun; return it as it is when it has.

        Everybody is called each time TingTing is asked to run, so it is asked only after a fresh look that shows
        `Not Started`, and after an unknown outcome only when the status has not moved for two minutes. Once TingTing
        has said yes it is never asked again, whatever the status says.

        :param watch_first: seconds to watch the status before the first send, for an attempt that follows another:
            that one may be alive and about to ask, or may have asked without remembering it.
        :param is_first: whether no attempt can have been before this one: then a campaign that has ended was run for
            something else, and is not taken for a success of this job.
        :param gate: a conversation that is had right before each request to run, and returns the campaign as it is
            then; what it raises leaves the campaign as it is, to be run another time.
        :raises TingTingCampaignError: the campaign has nobody to call, or is a draft.
        :raises TingTingConfigError: it had ended before anybody could ask.
        :raises TingTingAPIError: TingTing refuses, or the outcome stays unknown.
        """
        number = self.campaign_id
        campaign: Campaign = await calls.get_campaign(number)
        if self.state.phase == "begun":
            if not campaign.status.has_begun:
                log.warning("Campaign %s was run by an earlier attempt, though it still is %s", number, campaign.status)
            return campaign
        if is_first and self.state.phase != "running" and campaign.status.is_final:
            raise TingTingConfigError(
                f"Campaign {number} is {campaign.status} already: it was run before this task began, so nobody would "
                "be called. A campaign runs once; create a new one for each round. To wait for one that others run, "
                "use TingTingCampaignSensor."
            )
        # An earlier attempt asked, and nobody knows whether it was heard: what is left of its two minutes; and a
        # little more, since that attempt asks again itself when they are over, if it still lives.
        unsettled = watch_first + max(0.0, RUN_SETTLES_WITHIN - self._since_asked("running"))
        if unsettled > 0 and not campaign.status.has_begun:
            log.info("An earlier attempt may have run campaign %s: watching its status first", number)
            campaign = await watch_for_start(number, unsettled)
        for attempt in range(1, MOST_SENDS + 1):
            if campaign.status.has_begun:
                if attempt > 1:
                    log.info(
                        "Campaign %s is %s: the request has arrived and is not sent again", number, campaign.status
                    )
                else:
                    log.info("Campaign %s was run already and is %s: it is not run again", number, campaign.status)
                break
            _check_runnable(campaign)
            if gate is not None:
                campaign = await gate(campaign)
                if campaign.status.has_begun:
                    log.info("Campaign %s was run by somebody else meanwhile: it is not run again", number)
                    break
            self._remember(phase="running", asked_at=self._clock())
            try:
                said = await calls.run_campaign(number)
            except TingTingRateLimitedError as error:
                self._remember(asked_at=None)
                if attempt == MOST_SENDS:
                    raise
                await idempotent_writes.rate_limit_pause(error, RUN_LOOKS_EVERY)
                campaign = await calls.get_campaign(number)
            except TingTingNeverSentError:
                self._remember(asked_at=None)
                if attempt == MOST_SENDS:
                    raise
                await Pause(RUN_LOOKS_EVERY)
                campaign = await calls.get_campaign(number)
            except TingTingRefusedError:
                self._remember(asked_at=None)
                # Perhaps refused because another attempt was faster.
                campaign = await calls.get_campaign(number)
                if not campaign.status.has_begun:
                    raise
            except TingTingOutcomeUnknownError as error:
                log.warning("Nobody knows whether campaign %s was run: watching its status. %s", number, error)
                campaign = await watch_for_start(number, RUN_SETTLES_WITHIN)
                if not campaign.status.has_begun and attempt == MOST_SENDS:
                    raise
            else:
                # From here on nothing is a reason to ask again, a look that fails least of all.
                self._remember(phase="begun")
                log.info("Campaign %s: TingTing says: %s", number, mask_text(said.message))
                return await _look_if_it_can_be(campaign)
        self._remember(phase="begun")
        return campaign

    async def status(self) -> Campaign:
        """Look at the campaign."""
        return await calls.get_campaign(self.campaign_id)

    async def stop(self) -> str:
        """Stop the campaign for good, as well as can be; see `reconcile.stop`."""
        return await reconcile.stop(self.campaign_id)

    def judge(self, campaign: Campaign, summary: CampaignSummary, success_when: SuccessWhen = None) -> None:
        """Raise unless the campaign is a success; see `outcome.judge`."""
        from airflow_provider_tingting.campaigns.outcome import judge

        judge(campaign, summary, success_when)

    def _remember(self, **news: Any) -> None:
        state = replace(self.state, **news)
        if state != self.state:
            self.state = state
            self._keep(state)

    def _since_asked(self, phase: str) -> float:
        """Return the seconds since an earlier attempt asked for this, or infinity when none did."""
        if self.state.phase != phase or self.state.asked_at is None:
            return float("inf")
        return max(0.0, self._clock() - self.state.asked_at)


def _other_content(campaign_id: int, status: str | None = None) -> TingTingCampaignError:
    return TingTingCampaignError(
        "an earlier attempt of this task created it with another name, message or caller number. It is not used for "
        'this one, and nothing was created. Clear the task with on_clear="send_again" for a new campaign; if the task '
        "is mapped, its list has changed its order.",
        campaign_id=campaign_id,
        status=status,
    )


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


async def _look_if_it_can_be(campaign: Campaign) -> Campaign:
    """Return the campaign as it is now, or as it was if TingTing cannot tell: whoever waits for it looks on."""
    try:
        return await calls.get_campaign(campaign.id)
    except TingTingAPIError as error:
        log.warning("Campaign %s was run, and cannot be looked at now. %s", campaign.id, error)
        return campaign


async def watch_for_start(campaign_id: int, seconds: float) -> Campaign:
    """Look at a campaign until it has begun, or so many seconds have passed; return it."""
    waited = 0.0
    while True:
        campaign: Campaign = await calls.get_campaign(campaign_id)
        if campaign.status.has_begun or waited >= seconds:
            return campaign
        await Pause(min(RUN_LOOKS_EVERY, seconds))
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
