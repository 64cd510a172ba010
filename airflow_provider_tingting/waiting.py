"""Waits for a campaign without ever changing it, and says in one observation how the wait ended.

The conversation here is driven by a worker, a sensor and the trigger alike, so they wait in the same way. The
observation crosses from the triggerer to the worker as an event; what it means is judged there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any, Protocol

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.wire import Conversation, Pause
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingRefusedError,
)

EVENT_VERSION = 1
DEFAULT_POLL_INTERVAL = 30.0
DEFAULT_TOLERATED_OUTAGE = 600.0


class Teller(Protocol):
    """What log lines are told to: any logger."""

    def info(self, message: str, /, *values: object) -> Any:
        """Tell what is as expected."""

    def warning(self, message: str, /, *values: object) -> Any:
        """Tell what is not."""


class Reason(str, Enum):
    """Why a wait has ended."""

    REACHED = "reached"
    TIMED_OUT = "timed_out"
    OUTAGE = "outage"
    REFUSED = "refused"


@dataclass(frozen=True)
class Observation:
    """How a wait has ended: ids, status and counts, nothing personal.

    :param reason: why it has ended.
    :param campaign_id: the campaign waited for.
    :param status: its last known status, in TingTing's words.
    :param progress_percent: its last known progress.
    :param contacts: how many contacts it has.
    :param detail: a masked sentence, when something went wrong.
    """

    reason: Reason
    campaign_id: int
    status: str | None = None
    progress_percent: float | None = None
    contacts: int | None = None
    detail: str = ""

    def to_event(self) -> dict[str, Any]:
        """Return the observation as the trigger's event."""
        return {"version": EVENT_VERSION, **asdict(self), "reason": self.reason.value}

    def raise_trouble(self) -> None:
        """Raise when the wait has ended because TingTing did not answer or refused, rather than with the campaign.

        :raises TingTingOutcomeUnknownError: TingTing did not answer for too long.
        :raises TingTingRefusedError: TingTing refused to tell.
        """
        remedy = "The campaign may still be running. A retry looks again and calls nobody a second time."
        if self.reason is Reason.OUTAGE:
            raise TingTingOutcomeUnknownError(
                "get_campaign",
                f"TingTing has not answered for longer than tolerated. Last: {self.detail}",
                remedy=remedy,
                campaign_id=self.campaign_id,
            )
        if self.reason is Reason.REFUSED:
            raise TingTingRefusedError("get_campaign", self.detail, remedy=remedy, campaign_id=self.campaign_id)

    @classmethod
    def from_event(cls, event: Any) -> Observation:
        """Read a trigger's event.

        :raises TingTingError: there is none, or it is not one of this provider's: never taken for a success.
        """
        try:
            if not isinstance(event, Mapping) or event["version"] != EVENT_VERSION:
                raise ValueError
            return cls(
                reason=Reason(event["reason"]),
                campaign_id=int(event["campaign_id"]),
                status=event.get("status"),
                progress_percent=event.get("progress_percent"),
                contacts=event.get("contacts"),
                detail=str(event.get("detail") or ""),
            )
        except (KeyError, TypeError, ValueError):
            raise TingTingError(
                "The triggerer sent an event that this version of the provider does not understand, so the campaign's "
                "outcome is unknown here. Run the same version in triggerer and workers and let the task try again: "
                "it re-attaches to the campaign."
            ) from None


@dataclass(frozen=True)
class WaitPlan:
    """What to wait for and how patiently; plain values that travel into the trigger.

    :param campaign_id: the campaign.
    :param until: statuses that end the wait besides the final ones.
    :param poll_interval: seconds between two looks.
    :param deadline: when to give up, in seconds since 1970; None for never.
    :param tolerate_outage: seconds for which TingTing may fail to answer before the wait ends.
    """

    campaign_id: int
    until: tuple[str, ...] = ()
    poll_interval: float = DEFAULT_POLL_INTERVAL
    deadline: float | None = None
    tolerate_outage: float = DEFAULT_TOLERATED_OUTAGE


def watch(plan: WaitPlan, tell: Teller, *, clock: Callable[[], float] = time.time) -> Conversation[Observation]:
    """Look at a campaign until it is final or in one of the wanted statuses; return how the wait has ended.

    Faults that may pass are waited out for `tolerate_outage`; a refusal ends the wait at once. A log line is written
    only when the status or the progress changes, or an outage begins or ends.

    :param tell: where log lines go.
    :param clock: seconds since 1970; a wall clock, since a trigger may move to another machine.
    :raises TingTingAuthError: the token is not accepted (any more), so that the caller can read the connection again.
    """
    seen = Observation(Reason.TIMED_OUT, plan.campaign_id)
    outage_since: float | None = None
    while True:
        try:
            campaign = yield calls.get_campaign(plan.campaign_id)
        except TingTingAuthError:
            raise
        except TingTingAPIError as error:
            if isinstance(error, TingTingRefusedError) and not isinstance(error, TingTingRateLimitedError):
                return replace(seen, reason=Reason.REFUSED, detail=str(error))
            if outage_since is None:
                outage_since = clock()
                tell.warning("TingTing does not answer; waiting on for %.0f s. %s", plan.tolerate_outage, error)
            if clock() - outage_since >= plan.tolerate_outage:
                return replace(seen, reason=Reason.OUTAGE, detail=str(error))
        else:
            if outage_since is not None:
                tell.info("TingTing answers again")
                outage_since = None
            now = observe(campaign)
            _tell_change(seen, now, campaign.status.is_known, tell)
            seen = now
            if campaign.status.is_final or now.status in plan.until:
                return seen
        # Spread, so that many waits begun together do not ask together.
        pause = plan.poll_interval * random.uniform(0.9, 1.1)
        if plan.deadline is not None:
            left = plan.deadline - clock()
            if left <= 0:
                return replace(seen, reason=Reason.TIMED_OUT)
            pause = min(pause, left)
        yield Pause(pause)


def observe(campaign: Campaign) -> Observation:
    """Return what one look at a campaign shows."""
    return Observation(
        Reason.REACHED,
        campaign.id,
        campaign.status.value,
        campaign.progress_percent,
        campaign.campaign_action_count,
    )


def _tell_change(before: Observation, now: Observation, known: bool, tell: Teller) -> None:
    percent = now.progress_percent or 0
    if now.status == before.status and percent // 10 == (before.progress_percent or 0) // 10:
        return
    tell.info("Campaign %s is %s, %.0f %% done", now.campaign_id, now.status, percent)
    if not known and now.status != before.status:
        tell.warning("Campaign %s: %r is a status this provider does not know", now.campaign_id, now.status)
