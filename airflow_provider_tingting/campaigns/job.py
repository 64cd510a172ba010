"""The one place that decides whether TingTing is requested to run a campaign.

TingTing has no idempotency key and calls every contact each time it carries out a request to run a campaign. So
`run_once` decides by two tables: `DECISIONS` for what is known and seen, `KNOWN_AFTER` for what is known after a
response. Operators, the notifier and programs use the same job:

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
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_tingting.api import calls, lookups
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.protocol import Pause
from airflow_provider_tingting.campaigns.marker import CampaignSpec, Marker
from airflow_provider_tingting.campaigns.reconcile import reconcile
from airflow_provider_tingting.campaigns.state import (
    DECISIONS,
    KNOWN_AFTER,
    Decision,
    JobState,
    Response,
    RunRequest,
    Seen,
)
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

#: After a request to run without a usable response, the status is read for so many seconds before another request. A
#: server has been seen to carry out a request two minutes after it was sent.
RUN_SETTLES_WITHIN = 125.0
#: Seconds between two reads of the status during that time.
RUN_POLL_INTERVAL = 3.0
#: By so many seconds the clocks of two workers may differ.
MAX_CLOCK_SKEW = 600.0


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


class CampaignJob:
    """One campaign, from its creation to the request to run it.

    :param state: what an earlier try has saved, or None.
    :param save: saves a new state where a killed process cannot take it along; it is called before each request.
    :param load: returns what is saved now; another try may have saved since. None when nothing is shared.
    :param clock: returns the time in seconds since 1970.
    :param ticks: returns seconds of a clock that never jumps.
    """

    def __init__(
        self,
        state: JobState | None = None,
        save: Callable[[JobState], None] = lambda _: None,
        load: Callable[[], JobState | None] = lambda: None,
        clock: Callable[[], float] = wall_time,
        ticks: Callable[[], float] = monotonic,
    ) -> None:
        self._save = save
        self._load = load
        self._clock = clock
        self._ticks = ticks
        #: When this try has sent, or learned of, the latest request without a usable response, by `ticks`.
        self.unanswered_since: float | None = None
        self.state = JobState()
        self._set(state or JobState())

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
        :param exists: whether the campaign is known to exist: then a response 404 is an old one and is read again.
        :raises TingTingCampaignError: the campaign has no contacts, or is a draft.
        :raises TingTingConfigError: the campaign was run for something else.
        :raises TingTingOutcomeUnknownError: it stays unknown whether TingTing carries out a request.
        :raises TingTingAPIError: TingTing refuses, or the campaign cannot be read.
        """
        run = _Run(self, gate, is_ours, read_first_for, exists)
        try:
            return await reconcile(
                run.send, look=run.look, prepare=run.prepare, not_done=run.not_done, pause=RUN_POLL_INTERVAL
            )
        except TingTingError as error:
            if self.state.run is not RunRequest.MAYBE or (
                isinstance(error, TingTingOutcomeUnknownError) and error.call == run.call.name
            ):
                raise
            raise _outstanding(error, self.campaign_id) from error

    def update(self, **changes: Any) -> None:
        """Save a changed state; it counts once it is saved.

        :param changes: fields of `JobState`.
        """
        state = replace(self.state, **changes)
        if state != self.state:
            self._save(state)
            self._set(state)

    def learn(self) -> None:
        """Take the stronger of what this try knows and what is saved now."""
        saved = self._load()
        if saved is not None:
            self._set(self.state.merged(saved))

    def forget_request(self, before: JobState, unanswered_since: float | None) -> None:
        """Save that the latest request was certainly not carried out; keep what another try has saved meanwhile.

        :param before: the state before that request.
        :param unanswered_since: when the request before that one was learned of, by `ticks`.
        """
        saved = self._load()
        state = before if saved is None or saved == self.state else before.merged(saved)
        self._save(state)
        self._set(state)
        if state == before:
            self.unanswered_since = unanswered_since

    @property
    def settles_in(self) -> float:
        """Return the seconds until the latest request without a usable response counts as not carried out."""
        if self.unanswered_since is None:
            return 0.0
        return max(0.0, RUN_SETTLES_WITHIN - (self._ticks() - self.unanswered_since))

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return self._clock()

    def ticks(self) -> float:
        """Return seconds of a clock that never jumps."""
        return self._ticks()

    def _set(self, state: JobState) -> None:
        unanswered = state.run is RunRequest.MAYBE
        if unanswered and (self.unanswered_since is None or state.run_requested_at != self.state.run_requested_at):
            # Counted from here and not from the saved time, since the clock of the worker that saved it may differ.
            age = self._clock() - (state.run_requested_at or 0.0)
            long_ago = age > RUN_SETTLES_WITHIN + MAX_CLOCK_SKEW
            self.unanswered_since = self._ticks() - (RUN_SETTLES_WITHIN if long_ago else 0.0)
        self.state = state


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
        self._began_at = job.ticks()
        self._read_first_until: float | None = None
        self._last: Campaign | None = None
        self._before = job.state
        self._unanswered_since = job.unanswered_since
        self.call = calls.run_campaign(self._number)

    async def prepare(self) -> Started | None:
        """Learn, read and decide until a request is due; return the result when none is needed."""
        job = self._job
        while True:
            job.learn()
            seen, campaign, error = await self._read()
            decision = DECISIONS[job.state.run, seen]
            if decision is Decision.FAIL:
                assert error is not None
                if not self._is_stale(error):
                    raise error
                await Pause(RUN_POLL_INTERVAL)
                continue
            if decision is Decision.READ_ON:
                self._check_settling(error)
                await Pause(RUN_POLL_INTERVAL)
                continue
            if decision is Decision.RETURN:
                log.warning(
                    "TingTing has accepted the request to run campaign %s, and does not show it yet", self._number
                )
                return Started(campaign)
            assert campaign is not None
            if decision is Decision.ADOPT and not job.state.seen_not_started and not self._is_ours(campaign):
                raise _run_for_something_else(campaign)
            if decision in (Decision.ADOPT, Decision.DONE):
                return self._done(campaign, "it was run already, and is not run again")
            job.update(seen_not_started=True)
            if self._read_first_until is None:
                self._read_first_until = self._began_at + self._read_first_for(campaign)
            wait = job.settles_in if decision is Decision.SETTLE else self._read_first_until - job.ticks()
            if wait > 0:
                await Pause(min(RUN_POLL_INTERVAL, wait))
                continue
            _check_runnable(campaign)
            known = job.state.run, job.state.run_requested_at
            if self._gate is not None:
                campaign = await self._gate(campaign)
            # The gate takes time, and the process may have been suspended since the read.
            job.learn()
            if (job.state.run, job.state.run_requested_at) == known and not campaign.status.has_begun:
                return None

    async def send(self) -> Started:
        """Request the run once."""
        job = self._job
        self._before, self._unanswered_since = job.state, job.unanswered_since
        # Saved before the request: a try that follows a kill must know that it may have been sent.
        job.update(run=KNOWN_AFTER[job.state.run, Response.UNKNOWN], run_requested_at=job.now())
        try:
            message = await self.call
        except TingTingRateLimitedError:
            raise
        except TingTingRefusedError as refusal:
            self.not_done(refusal)
            # TingTing may refuse because another try was faster.
            seen, campaign, _ = await self._read()
            if campaign is None or seen is not Seen.BEGUN:
                raise
            return self._done(campaign, "another request was carried out before this one")
        # From here on nothing is a reason for another request, least of all a read that fails.
        job.update(run=KNOWN_AFTER[self._before.run, Response.ACCEPTED])
        log.info("Campaign %s: TingTing has accepted the request: %s", self._number, mask_text(message.message))
        _, campaign, error = await self._read()
        if error is not None:
            log.warning("Campaign %s cannot be read after the accepted request. %s", self._number, error)
        return Started(campaign or self._last)

    async def look(self, error: TingTingOutcomeUnknownError) -> Started | None:
        """Read the status until the campaign has begun, or the request counts as not carried out."""
        log.warning("Whether campaign %s was run is unknown; reading its status. %s", self._number, error)
        # Counted from here: the process may have been suspended before the request left, or have waited for long.
        self._job.unanswered_since = self._job.ticks()
        while True:
            seen, campaign, failed = await self._read()
            if campaign is not None and seen is Seen.BEGUN:
                return self._done(campaign, "the request was carried out")
            if failed is not None:
                self._check_settling(failed)
            elif not self._job.settles_in:
                return None
            await Pause(min(RUN_POLL_INTERVAL, self._job.settles_in or RUN_POLL_INTERVAL))

    def not_done(self, error: TingTingAPIError) -> None:
        """Save that the latest request was not carried out; an earlier one without a usable response still counts."""
        run = KNOWN_AFTER[self._before.run, Response.NOT_DONE]
        self._job.forget_request(replace(self._before, run=run), self._unanswered_since)

    async def _read(self) -> tuple[Seen, Campaign | None, TingTingAPIError | None]:
        """Read the campaign; a failed read is a result, too."""
        try:
            campaign = await calls.get_campaign(self._number)
        except TingTingAPIError as error:
            return Seen.NO_ANSWER, None, error
        self._last = campaign
        return (Seen.BEGUN if campaign.status.has_begun else Seen.NOT_STARTED), campaign, None

    def _is_stale(self, error: TingTingAPIError) -> bool:
        """Return whether a failed read is an old response: a server may show a new campaign late."""
        waited = self._job.ticks() - self._began_at
        return isinstance(error, TingTingNotFoundError) and waited < lookups.NEW_CAMPAIGN_WITHIN and self._exists()

    def _done(self, campaign: Campaign, why: str) -> Started:
        log.info("Campaign %s is %s: %s", campaign.id, campaign.status, why)
        self._job.update(run=RunRequest.ACCEPTED)
        return Started(campaign)

    def _check_settling(self, error: TingTingAPIError | None) -> None:
        """Raise when a failed read ends the wait for an earlier request: a refusal, or no time is left."""
        assert error is not None
        refused = isinstance(error, TingTingRefusedError) and not isinstance(error, TingTingRateLimitedError)
        if refused or not self._job.settles_in:
            raise error


def _run_for_something_else(campaign: Campaign) -> TingTingConfigError:
    return TingTingConfigError(
        f"Campaign {campaign.id} is {campaign.status} already: it was run before this task began, so this task would "
        "call no contact. A campaign runs once; create a new one for each round. To wait for one that others run, "
        "use TingTingCampaignSensor."
    )


def _outstanding(error: TingTingError, campaign_id: int) -> TingTingError:
    """Return an error that ends the wait for an earlier request, and says that the request is outstanding."""
    said = (
        "An earlier request to run it has had no usable response, and the campaign is not known to have begun: "
        "TingTing may still carry the request out. It is not sent again now."
    )
    remedy = "Check the campaign's status in TingTing before you call its contacts another way."
    if isinstance(error, TingTingAPIError):
        return type(error)(
            error.call,
            f"{error.message} {said}",
            remedy=remedy,
            campaign_id=campaign_id,
            status_code=error.status_code,
            retry_after=error.retry_after,
            fields=error.fields,
        )
    return TingTingCampaignError(f"{error} {said} {remedy}", campaign_id=campaign_id)


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
