"""What somebody who waits for a campaign has seen: how the wait ended, in ids, status and counts. No Airflow.

An observation crosses from the triggerer to the worker as an event. What it means is judged there, after a check
that it is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRefusedError,
)
from airflow_provider_tingting.timezones import as_nepal_time

EVENT_VERSION = 1


class Reason(str, Enum):
    """Why a wait has ended."""

    REACHED = "reached"
    TIMED_OUT = "timed_out"
    OUTAGE = "outage"
    REFUSED = "refused"
    NOT_BEGUN = "not_begun"


@dataclass(frozen=True, slots=True)
class Observation:
    """How a wait has ended: ids, status and counts, nothing personal.

    :param reason: why it has ended.
    :param campaign_id: the campaign waited for.
    :param status: its last known status, in TingTing's words.
    :param progress_percent: its last known progress.
    :param contacts: how many contacts it has.
    :param detail: what TingTing or the network said, masked, when something went wrong.
    :param status_code: the HTTP status of a refusal.
    """

    reason: Reason
    campaign_id: int
    status: str | None = None
    progress_percent: float | None = None
    contacts: int | None = None
    detail: str = ""
    status_code: int | None = None

    def to_event(self) -> dict[str, Any]:
        """Return the observation as the trigger's event."""
        return {"version": EVENT_VERSION, **asdict(self), "reason": self.reason.value}

    def ended_by(self, reason: Reason, error: TingTingError) -> Observation:
        """Return what was seen last, with the error that has ended the wait."""
        said, code = (error.message, error.status_code) if isinstance(error, TingTingAPIError) else (str(error), None)
        return replace(self, reason=reason, detail=said, status_code=code)

    def raise_trouble(self) -> None:
        """Raise when the wait has ended because TingTing did not answer or refused, rather than with the campaign.

        :raises TingTingOutcomeUnknownError: TingTing did not answer for too long.
        :raises TingTingRefusedError: TingTing refused to tell; the leaf that fits.
        """
        goes_on = "The campaign may still be running. A retry re-attaches to it and calls nobody a second time."
        if self.reason is Reason.OUTAGE:
            raise TingTingOutcomeUnknownError(
                "get_campaign",
                f"TingTing has not answered for longer than tolerated. Last: {self.detail}",
                remedy=goes_on,
                campaign_id=self.campaign_id,
                status_code=self.status_code,
            )
        if self.reason is Reason.REFUSED:
            kind = _REFUSALS.get(self.status_code or 0, TingTingRefusedError)
            if kind is TingTingAuthError:
                remedy = f"{kind.default_remedy} {goes_on}"
            elif kind is TingTingNotFoundError:
                remedy = f"{kind.default_remedy} Perhaps it was deleted meanwhile."
            else:
                remedy = goes_on
            raise kind(
                "get_campaign",
                self.detail,
                remedy=remedy,
                campaign_id=self.campaign_id,
                status_code=self.status_code,
            )

    @classmethod
    def from_event(cls, event: Any, *, campaign_id: int) -> Observation:
        """Read a trigger's event.

        :param campaign_id: the campaign that was waited for.
        :raises TingTingError: there is none, or it is not one of this provider's for this campaign: never taken for a
            success.
        """
        try:
            if not isinstance(event, Mapping) or event["version"] != EVENT_VERSION:
                raise ValueError
            seen = cls(
                reason=Reason(event["reason"]),
                campaign_id=_typed(event["campaign_id"], int),
                status=_typed(event.get("status"), str, None),
                progress_percent=_typed(event.get("progress_percent"), float, int, None),
                contacts=_typed(event.get("contacts"), int, None),
                detail=_typed(event.get("detail"), str, None) or "",
                status_code=_typed(event.get("status_code"), int, None),
            )
            if seen.reason is Reason.REACHED and not seen.status:
                raise ValueError
        except (KeyError, TypeError, ValueError):
            raise TingTingError(
                f"Campaign {campaign_id}: the triggerer sent an event that this version of the provider does not "
                "understand, so the outcome is unknown here. Run the same version in triggerer and workers and let "
                "the task try again: it re-attaches to the campaign."
            ) from None
        if seen.campaign_id != campaign_id:
            raise TingTingError(
                f"This task has waited for campaign {seen.campaign_id}, and its campaign_id now is {campaign_id}: the "
                "task before it was cleared meanwhile, and has created another. Campaign "
                f"{seen.campaign_id} may still be running: look at it in TingTing. A retry of this task takes "
                f"care of campaign {campaign_id}."
            )
        return seen


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one look shows of a campaign, on its own page or on a list of many; small, since many are kept.

    :param campaign_id: the campaign.
    :param status: its status, in TingTing's words.
    :param progress_percent: its progress, if it was said.
    :param contacts: how many contacts it has, if it was said.
    :param starts_at: when it is scheduled to start, in seconds since 1970, if it is.
    :param updated_at: when it was changed last, in TingTing's words.
    """

    campaign_id: int
    status: str
    progress_percent: float | None
    contacts: int | None
    starts_at: float | None
    updated_at: str | None

    @classmethod
    def of(cls, campaign: Campaign) -> Snapshot:
        """Return what a campaign shows."""
        starts = campaign.scheduled_at if campaign.schedule else None
        return cls(
            campaign.id,
            campaign.status.value,
            campaign.progress_percent,
            campaign.campaign_action_count,
            None if starts is None else as_nepal_time(starts).timestamp(),
            campaign.updated_at,
        )


def observe(sight: Snapshot) -> Observation:
    """Return what one look at a campaign shows, as an observation."""
    return Observation(Reason.REACHED, sight.campaign_id, sight.status, sight.progress_percent, sight.contacts)


# The refusals that a reader reacts to in different ways, by the HTTP status that an event can carry.
_REFUSALS: Mapping[int, type[TingTingRefusedError]] = {
    401: TingTingAuthError,
    403: TingTingAuthError,
    404: TingTingNotFoundError,
}


def _typed(value: Any, *kinds: type | None) -> Any:
    """Return a value of an event that is of one of the kinds.

    :raises ValueError: it is not.
    """
    if (None if value is None else type(value)) not in kinds:
        raise ValueError
    return value
