"""What a wait for a campaign has seen: how it ended, in ids, status and counts. No Airflow.

An observation crosses from the triggerer to the worker as an event. The worker checks that the event is one, and then
judges what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingError,
    TingTingForbiddenError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRefusedError,
)

#: The version of the triggers' events; a worker refuses any other.
EVENT_VERSION = 1
#: Seconds after a deferral in which a trigger fires no event.
EVENT_DELAY = 10.0


class Reason(str, Enum):
    """Why a wait has ended."""

    #: The campaign has ended, or is in a wanted status.
    REACHED = "reached"
    #: The deadline of the wait has passed.
    TIMED_OUT = "timed_out"
    #: TingTing has not responded for longer than `tolerate_outage`.
    OUTAGE = "outage"
    #: TingTing refuses to show the campaign.
    REFUSED = "refused"
    #: The campaign has not begun within `stall_timeout`.
    NOT_BEGUN = "not_begun"


@dataclass(frozen=True, slots=True)
class Observation:
    """How a wait has ended: ids, status and counts, nothing personal.

    :param reason: why it has ended.
    :param campaign_id: the campaign.
    :param status: its last known status, as TingTing writes it, or None.
    :param progress_percent: its last known progress, or None.
    :param contacts: how many contacts it has, or None.
    :param detail: the masked text of the error that has ended the wait, or an empty text.
    :param status_code: the HTTP status of that error, or None.
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
        """Return what was seen last, with the error that has ended the wait.

        :param reason: why the wait has ended.
        :param error: the error.
        """
        detail, code = (error.message, error.status_code) if isinstance(error, TingTingAPIError) else (str(error), None)
        return replace(self, reason=reason, detail=detail, status_code=code)

    def raise_for_reason(self) -> None:
        """Raise when the wait has ended with an outage or a refusal, and not with the campaign.

        :raises TingTingOutcomeUnknownError: TingTing did not respond for longer than `tolerate_outage`.
        :raises TingTingRefusedError: TingTing refused the read; the leaf that fits.
        """
        goes_on = "The campaign may still be running. A retry re-attaches to it and calls no contact a second time."
        if self.reason is Reason.OUTAGE:
            raise TingTingOutcomeUnknownError(
                "get_campaign",
                f"TingTing has not responded for longer than tolerate_outage. Last error: {self.detail}",
                remedy=goes_on,
                campaign_id=self.campaign_id,
                status_code=self.status_code,
            )
        if self.reason is Reason.REFUSED:
            kind = _REFUSALS.get(self.status_code, TingTingRefusedError)
            if issubclass(kind, TingTingAuthError):
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
    def from_event(cls, event: object, *, campaign_id: int) -> Observation:
        """Return the observation in a trigger's event.

        :param event: the event's payload.
        :param campaign_id: the campaign that the task waits for.
        :raises TingTingError: the payload is not an observation, or not one of this campaign. It is never taken for
            a success.
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
                f"{seen.campaign_id} may still be running: check it in TingTing. A retry of this task takes "
                f"care of campaign {campaign_id}."
            )
        return seen


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one read shows of a campaign, on its own page or on the list; small, since a triggerer keeps many.

    :param campaign_id: the campaign.
    :param status: its status, as TingTing writes it.
    :param progress_percent: its progress, or None when TingTing does not report it.
    :param contacts: how many contacts it has, or None when TingTing does not report it.
    :param starts_at: when it is scheduled to start, in seconds since 1970, or None.
    :param updated_at: when it changed last, as TingTing writes it, or None.
    """

    campaign_id: int
    status: str
    progress_percent: float | None
    contacts: int | None
    starts_at: float | None
    updated_at: str | None

    @classmethod
    def of(cls, campaign: Campaign) -> Snapshot:
        """Return the snapshot of a campaign that was read.

        :param campaign: the campaign.
        """
        starts = campaign.scheduled_at
        return cls(
            campaign.id,
            campaign.status.value,
            campaign.progress_percent,
            campaign.campaign_action_count,
            None if starts is None else starts.timestamp(),
            campaign.updated_at,
        )

    def is_older_than(self, other: Snapshot) -> bool:
        """Return whether this read shows an earlier state than another one.

        :param other: an earlier read of the same campaign.
        """
        if self.updated_at and other.updated_at and self.updated_at < other.updated_at:
            return True
        return (self.progress_percent or 0) < (other.progress_percent or 0)

    def contradicts(self, earlier: Snapshot) -> bool:
        """Return whether this read cannot follow an earlier one, because a server responded with an old state.

        :param earlier: an earlier read of the same campaign.
        """
        if self.updated_at and earlier.updated_at and self.updated_at < earlier.updated_at:
            return True
        before, now = CampaignStatus(earlier.status), CampaignStatus(self.status)
        if before.is_final:
            return not now.is_final
        return before is CampaignStatus.RUNNING and now in (CampaignStatus.NOT_STARTED, CampaignStatus.SCHEDULED)

    def observe(self) -> Observation:
        """Return the observation of a wait that this read has ended."""
        return Observation(Reason.REACHED, self.campaign_id, self.status, self.progress_percent, self.contacts)


# HTTP status in an event → the error that the worker raises.
_REFUSALS: Mapping[int | None, type[TingTingRefusedError]] = {
    401: TingTingAuthError,
    403: TingTingForbiddenError,
    404: TingTingNotFoundError,
}


def _typed(value: object, *kinds: type | None) -> Any:
    """Return a value of an event; a ValueError when it has another type than those given."""
    if (None if value is None else type(value)) not in kinds:
        raise ValueError
    return value
