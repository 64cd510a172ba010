"""The one place that decides whether TingTing is requested to run a campaign.

TingTing has no idempotency key and calls every contact each time it carries out a request to run a campaign. So a job
decides by two tables: `DECISIONS` for what is known and seen, `KNOWN_AFTER` for what is known after a response. Before
each request it loads what is saved, reads the campaign, decides and acts. Operators, the notifier and programs use
the same job:

```python
job = CampaignJob()
with TingTingClient("token") as client:
    run_flow(client, attach_or_create(job, spec, Marker.of(spec, "water notice", "2026-11-23")))
    ...
    run_flow(client, job.run_once())
```
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.protocol import Pause
from airflow_provider_tingting.api.stale_reads import StalePeriod
from airflow_provider_tingting.campaigns.marker import CampaignSpec, Marker
from airflow_provider_tingting.campaigns.reconcile import reconcile
from airflow_provider_tingting.campaigns.state import JobState, RunRequest, SharedState
from airflow_provider_tingting.clock import monotonic, wall_time
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingCampaignError,
    TingTingConfigError,
    TingTingError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingRefusedError,
)
from airflow_provider_tingting.masking import mask_text

__all__ = ["CampaignJob", "CampaignSpec", "JobState", "Marker", "RunRequest", "Started"]

log = logging.getLogger(__name__)

#: Seconds between two reads of the status before a request, and after one without a usable response.
RUN_POLL_INTERVAL = 3.0


class Seen(Enum):
    """What a read of the campaign shows."""

    NOT_STARTED = "Not Started"
    BEGUN = "begun"
    NO_ANSWER = "no usable answer"


class Decision(Enum):
    """What `run_once` does next."""

    REQUEST = "pass the start gate, then request the run"
    ADOPT = "adopt the campaign if it is this task's, otherwise refuse it"
    FAIL = "raise the error of the read"
    WAIT_THEN_REQUEST = "read on until the earlier request has settled, then request again"
    WAIT_THEN_RAISE = "read on until the earlier request has settled, then raise"
    RETURN_BEGUN = "return the campaign"
    RETURN_UNCONFIRMED = "return: the campaign is never requested again, the wait sees it begin"


DECISIONS: Final[Mapping[tuple[RunRequest, Seen], Decision]] = {
    (RunRequest.NEVER, Seen.NOT_STARTED): Decision.REQUEST,
    (RunRequest.NEVER, Seen.BEGUN): Decision.ADOPT,
    (RunRequest.NEVER, Seen.NO_ANSWER): Decision.FAIL,
    (RunRequest.MAYBE, Seen.NOT_STARTED): Decision.WAIT_THEN_REQUEST,
    (RunRequest.MAYBE, Seen.BEGUN): Decision.RETURN_BEGUN,
    (RunRequest.MAYBE, Seen.NO_ANSWER): Decision.WAIT_THEN_RAISE,
    (RunRequest.ACCEPTED, Seen.NOT_STARTED): Decision.RETURN_UNCONFIRMED,
    (RunRequest.ACCEPTED, Seen.BEGUN): Decision.RETURN_BEGUN,
    (RunRequest.ACCEPTED, Seen.NO_ANSWER): Decision.RETURN_UNCONFIRMED,
}


class Response(Enum):
    """The kinds of response to a request to run a campaign."""

    ACCEPTED = "accepted"
    UNKNOWN = "no usable response"
    NOT_DONE = "never sent, 429, or refused"


#: An earlier request without a usable response is not forgotten when a later one was certainly not carried out.
KNOWN_AFTER: Final[Mapping[tuple[RunRequest, Response], RunRequest]] = {
    (RunRequest.NEVER, Response.ACCEPTED): RunRequest.ACCEPTED,
    (RunRequest.NEVER, Response.UNKNOWN): RunRequest.MAYBE,
    (RunRequest.NEVER, Response.NOT_DONE): RunRequest.NEVER,
    (RunRequest.MAYBE, Response.ACCEPTED): RunRequest.ACCEPTED,
    (RunRequest.MAYBE, Response.UNKNOWN): RunRequest.MAYBE,
    (RunRequest.MAYBE, Response.NOT_DONE): RunRequest.MAYBE,
}


@dataclass(frozen=True)
class Started:
    """The result of `run_once`: TingTing has accepted the request, or the campaign has begun.

    :param campaign: the campaign as it was read last; None when no read has succeeded since.
    """

    campaign: Campaign | None

    @property
    def has_begun(self) -> bool:
        """Return whether TingTing has shown the campaign as begun."""
        return self.campaign is not None and self.campaign.status.has_begun


Gate = Callable[[Campaign], Awaitable[Campaign]]


class CampaignJob(SharedState):
    """One campaign, from its creation to the request to run it; the parameters are those of `SharedState`."""

    @property
    def campaign_id(self) -> int:
        """Return the campaign's id.

        :raises TingTingConfigError: the job has no campaign yet.
        """
        if self.state.campaign_id is None:
            raise TingTingConfigError("This job has no campaign yet: create it first, or give its id.")
        return self.state.campaign_id

    def attach_to(self, campaign_id: int) -> None:
        """Make this the job of an existing campaign, and forget what was saved of another one."""
        if self.state.campaign_id not in (None, campaign_id):
            log.info("Campaign %s takes the place of campaign %s", campaign_id, self.state.campaign_id)
            self.state, self.unanswered_since = JobState(), None
        self.update(campaign_id=campaign_id)

    async def run_once(
        self,
        *,
        gate: Gate | None = None,
        is_ours: Callable[[Campaign], bool] = lambda campaign: True,
        read_first_for: Callable[[Campaign], float] = lambda campaign: 0.0,
        exists: Callable[[], bool] = lambda: False,
    ) -> Started:
        """Request the run of the campaign unless it was requested or has begun; decide by `DECISIONS`.

        The job reads the campaign and the saved state again right before each request. A campaign is requested only
        while it is `Not Started`, and after a request without a usable response only when the status has not changed
        for `RUN_SETTLES_WITHIN` seconds. Once TingTing has accepted a request, the job sends none any more.

        :param gate: runs right before each request and returns the campaign as it is then. What it raises leaves the
            campaign as it is, to be run another time.
        :param is_ours: whether a campaign that has begun, and that no try of this task is known to have seen
            `Not Started`, was run for this task.
        :param read_first_for: returns for how many seconds to read the status before the first request, for a try that
            follows another one: the other one may be alive and about to send its request, or may have sent it without
            saving it.
        :param exists: whether the campaign is known to exist: then a response 404 is an older one and is read again, as
            it is after this try has read the campaign.
        :raises TingTingCampaignError: the campaign has no contacts, or is a draft.
        :raises TingTingConfigError: the campaign was run for something else.
        :raises TingTingOutcomeUnknownError: it stays unknown whether TingTing carries out a request.
        :raises TingTingAPIError: TingTing refuses, or the campaign cannot be read.
        """
        run = _Run(self, gate, is_ours, read_first_for, exists)
        try:
            return await reconcile(
                run.send, check=run.check, prepare=run.prepare, not_done=run.not_done, pause=RUN_POLL_INTERVAL
            )
        except TingTingError as error:
            if self.state.run is not RunRequest.MAYBE or (
                isinstance(error, TingTingOutcomeUnknownError) and error.call == run.call.name
            ):
                raise
            raise _outstanding(error, self.campaign_id) from error


class _Run:
    """The steps of `CampaignJob.run_once` for `reconcile`.

    :param job: the job; it holds what is known.
    :param gate: see `run_once`, as the other parameters.
    """

    def __init__(
        self,
        job: CampaignJob,
        gate: Gate | None,
        is_ours: Callable[[Campaign], bool],
        read_first_for: Callable[[Campaign], float],
        exists: Callable[[], bool],
    ) -> None:
        self._job = job
        self._number = job.campaign_id
        self._gate = gate
        self._is_ours = is_ours
        self._read_first_for = read_first_for
        self._exists = exists
        self._began_at = monotonic()
        self._read_first_until: float | None = None
        self._not_found = StalePeriod()
        self._last: Campaign | None = None
        # What was known before the latest request, from right before it on.
        self._before: JobState
        self._unanswered_since: float | None
        self.call = calls.run_campaign(self._number)

    async def prepare(self) -> Started | None:
        """Load the state, read the campaign, decide and act until a request is due; return the result when none is."""
        job = self._job
        while True:
            job.reload()
            latest = await self._read()
            match DECISIONS[job.state.run, _seen(latest)], latest:
                case Decision.ADOPT, Campaign() as campaign:
                    if not job.state.seen_not_started and not self._is_ours(campaign):
                        raise _run_for_something_else(campaign)
                    return self._done(campaign, "it was run already, and is not run again")
                case Decision.RETURN_BEGUN, Campaign() as campaign:
                    return self._done(campaign, "it was run already, and is not run again")
                case Decision.RETURN_UNCONFIRMED, _:
                    log.warning(
                        "TingTing has accepted the request to run campaign %s, and does not show it yet", self._number
                    )
                    return Started(latest if isinstance(latest, Campaign) else None)
                case Decision.FAIL, TingTingAPIError() as error:
                    pause = self._until_shown(error)
                case Decision.WAIT_THEN_RAISE, TingTingAPIError() as error:
                    pause = self._until_settled(error)
                case (Decision.REQUEST | Decision.WAIT_THEN_REQUEST) as decision, Campaign() as campaign:
                    known = job.state.run, job.state.run_requested_at
                    job.update(seen_not_started=True)
                    is_first = decision is Decision.REQUEST
                    pause = self._until_earlier_try_is_seen(campaign) if is_first else job.settles_in
                    if pause <= 0 and await self._may_request(campaign, known):
                        return None
            if pause > 0:
                await Pause(min(RUN_POLL_INTERVAL, pause))

    async def send(self) -> Started:
        """Request the run once."""
        job = self._job
        self._before, self._unanswered_since = job.state, job.unanswered_since
        # Saved before the request: a try that follows a kill must know that it may have been sent.
        job.update(run=KNOWN_AFTER[job.state.run, Response.UNKNOWN], run_requested_at=wall_time())
        try:
            message = await self.call
        except TingTingRateLimitedError:
            raise
        except TingTingRefusedError:
            self.not_done()
            # TingTing may refuse because another try was faster.
            latest = await self._read()
            if not isinstance(latest, Campaign) or not latest.status.has_begun:
                raise
            return self._done(latest, "another request was carried out before this one")
        # From here on nothing is a reason for another request, least of all a read that fails.
        job.update(run=KNOWN_AFTER[self._before.run, Response.ACCEPTED])
        log.info("Campaign %s: TingTing has accepted the request: %s", self._number, mask_text(message.message))
        latest = await self._read()
        if isinstance(latest, TingTingAPIError):
            log.warning("Campaign %s cannot be read after the accepted request. %s", self._number, latest)
        return Started(self._last)

    async def check(self, error: TingTingOutcomeUnknownError) -> Started | None:
        """Read the status until the campaign has begun, or the request counts as not carried out."""
        log.warning("Whether campaign %s was run is unknown; reading its status. %s", self._number, error)
        # Counted from here: the process may have been suspended before the request left, or have waited for long.
        self._job.count_from_now()
        while True:
            latest = await self._read()
            if isinstance(latest, TingTingAPIError):
                pause = self._until_settled(latest)
            elif latest.status.has_begun:
                return self._done(latest, "the request was carried out")
            elif not (pause := self._job.settles_in):
                return None
            await Pause(min(RUN_POLL_INTERVAL, pause))

    def not_done(self) -> None:
        """Save that the latest request was not carried out; an earlier one without a usable response still counts."""
        run = KNOWN_AFTER[self._before.run, Response.NOT_DONE]
        self._job.forget_request(replace(self._before, run=run), self._unanswered_since)

    async def _read(self) -> Campaign | TingTingAPIError:
        """Read the campaign; a failed read is a result, too."""
        try:
            self._last = await calls.get_campaign(self._number)
        except TingTingAPIError as error:
            return error
        self._not_found.end()
        return self._last

    async def _may_request(self, campaign: Campaign, known: tuple[RunRequest, float | None]) -> bool:
        """Return whether the request is to be sent now: the gate allows it, and nothing has changed meanwhile.

        :param known: what was known of requests when the status was judged.
        """
        _check_runnable(campaign)
        job = self._job
        if self._gate is not None:
            campaign = await self._gate(campaign)
        # The gate takes time, and the process may have been suspended since the read.
        job.reload()
        return (job.state.run, job.state.run_requested_at) == known and not campaign.status.has_begun

    def _until_earlier_try_is_seen(self, campaign: Campaign) -> float:
        """Return for how many seconds more to read the status, because an earlier try may have sent a request."""
        if self._read_first_until is None:
            self._read_first_until = self._began_at + self._read_first_for(campaign)
        return self._read_first_until - monotonic()

    def _until_shown(self, error: TingTingAPIError) -> float:
        """Return for how many seconds more to read again after a response 404 that may be an older one; else raise."""
        state = self._job.state
        was_read = self._last is not None or state.seen_not_started or state.run is not RunRequest.NEVER
        is_known = isinstance(error, TingTingNotFoundError) and (was_read or self._exists())
        if not (is_known and (left := self._not_found.left())):
            raise error
        return left

    def _until_settled(self, error: TingTingAPIError) -> float:
        """Return the seconds until an earlier request has settled; raise after them, and when the read is refused."""
        if error.is_final_refusal:
            return self._until_shown(error)
        if not (left := self._job.settles_in):
            raise error
        return left

    def _done(self, campaign: Campaign, why: str) -> Started:
        log.info("Campaign %s is %s: %s", campaign.id, campaign.status, why)
        self._job.update(run=RunRequest.ACCEPTED)
        return Started(campaign)


def _seen(latest: Campaign | TingTingAPIError) -> Seen:
    if isinstance(latest, TingTingAPIError):
        return Seen.NO_ANSWER
    return Seen.BEGUN if latest.status.has_begun else Seen.NOT_STARTED


def _run_for_something_else(campaign: Campaign) -> TingTingConfigError:
    return TingTingConfigError(
        f"Campaign {campaign.id} is {campaign.status} already: it was run before this task began, so this task would "
        "call no contact. A campaign runs once; create a new one for each round. To wait for one that others run, "
        "use TingTingCampaignSensor."
    )


def _outstanding(error: TingTingError, campaign_id: int) -> TingTingError:
    """Return an error that ends the wait for an earlier request, and says that the request is outstanding."""
    outstanding = (
        "An earlier request to run it has had no usable response, and the campaign is not known to have begun: "
        "TingTing may still carry the request out. It is not sent again now."
    )
    remedy = "Check the campaign's status in TingTing before you call its contacts another way."
    if isinstance(error, TingTingAPIError):
        return type(error)(
            error.call,
            f"{error.message} {outstanding}",
            remedy=remedy,
            campaign_id=campaign_id,
            status_code=error.status_code,
            retry_after=error.retry_after,
            fields=error.fields,
        )
    return TingTingCampaignError(f"{error} {outstanding} {remedy}", campaign_id=campaign_id)


def _check_runnable(campaign: Campaign) -> None:
    if campaign.draft:
        raise TingTingCampaignError(
            "it is a draft, which TingTing does not run. Finish it (draft=False) first.",
            campaign_id=campaign.id,
            status=campaign.status.value,
        )
    if campaign.campaign_action_count == 0:
        raise TingTingCampaignError(
            "it has no contacts, so it would call no contact. Add contacts before running it.",
            campaign_id=campaign.id,
            status=campaign.status.value,
        )
