"""The statuses of a campaign and of a contact. An unknown status is a value of its own and never a success."""

from __future__ import annotations

from enum import Enum

_LONGEST_STATUS = 80


class _OpenStatus(str, Enum):
    """An enum that keeps an unknown value, so that a new status of TingTing stays visible."""

    @classmethod
    def _missing_(cls, value: object) -> _OpenStatus | None:
        if not isinstance(value, str):
            return None
        # A status is written to logs as it is. Not a space: "Not\tStarted" must stay another status.
        shown = "".join(char if char.isprintable() else "?" for char in value[:_LONGEST_STATUS])
        unknown = str.__new__(cls, shown)
        unknown._name_ = "UNKNOWN"
        unknown._value_ = shown
        return unknown

    def __str__(self) -> str:
        return str(self.value)

    @property
    def is_known(self) -> bool:
        """Whether this provider knows the status."""
        return self._name_ in type(self).__members__


class CampaignStatus(_OpenStatus):
    """The status of a campaign, as TingTing writes it (API page: List campaigns)."""

    NOT_STARTED = "Not Started"
    SCHEDULED = "Scheduled"
    RUNNING = "Running"
    COMPLETED = "Completed"
    TERMINATED = "Terminated"

    @classmethod
    def from_text(cls, text: str) -> CampaignStatus:
        """Return the status with this name, without regard to case: `completed` is `Completed`.

        :param text: the name.
        :raises ValueError: no status has this name; the text lists the statuses.
        """
        for status in cls:
            if status.value.casefold() == " ".join(str(text).split()).casefold():
                return status
        raise ValueError(f"there is no campaign status {text!r}; the statuses are {', '.join(map(str, cls))}")

    @property
    def is_final(self) -> bool:
        """Whether the status does not change any more. An unknown status is not final."""
        return self in (CampaignStatus.COMPLETED, CampaignStatus.TERMINATED)

    @property
    def has_begun(self) -> bool:
        """Whether the campaign has been run: anything but `Not Started`, unknown statuses included."""
        return self is not CampaignStatus.NOT_STARTED


class ContactStatus(_OpenStatus):
    """The status of one contact of a campaign."""

    NOT_STARTED = "not started"
    DIALING = "dialing"
    RINGING = "ringing"
    ANSWERED = "answered"
    HUNGUP = "hungup"
    UNANSWERED = "unanswered"
    FAILED = "failed"
    TERMINATED = "terminated"
    COMPLETED = "completed"

    @property
    def is_reached(self) -> bool:
        """Whether the contact took the call: completed, or hung up after answering."""
        return self in (ContactStatus.COMPLETED, ContactStatus.HUNGUP)

    @property
    def is_final(self) -> bool:
        """Whether the status does not change any more. An unknown status is not final."""
        return self.is_reached or self in (ContactStatus.UNANSWERED, ContactStatus.FAILED, ContactStatus.TERMINATED)
