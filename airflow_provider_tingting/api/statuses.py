"""The statuses of a campaign and of a contact, as types. An unknown one is a value of its own, never a success."""

from __future__ import annotations

from enum import Enum


class _OpenStatus(str, Enum):
    """An enum that keeps a value it does not know, so that a new status at TingTing is seen and not swallowed."""

    @classmethod
    def _missing_(cls, value: object) -> _OpenStatus | None:
        if not isinstance(value, str):
            return None
        stranger = str.__new__(cls, value)
        stranger._name_ = "UNKNOWN"
        stranger._value_ = value
        return stranger

    def __str__(self) -> str:
        return str(self.value)

    @property
    def is_known(self) -> bool:
        """Whether this provider knows what the status means."""
        return self._name_ in type(self).__members__


class CampaignStatus(_OpenStatus):
    """Where a campaign is in its life, in TingTing's exact words (API page: List campaigns)."""

    NOT_STARTED = "Not Started"
    SCHEDULED = "Scheduled"
    RUNNING = "Running"
    COMPLETED = "Completed"
    TERMINATED = "Terminated"

    @classmethod
    def named(cls, text: str) -> CampaignStatus:
        """Return the status a person means, whatever the case: `completed` is `Completed`.

        :raises ValueError: there is no such status; the text lists those that there are.
        """
        for status in cls:
            if status.value.casefold() == " ".join(str(text).split()).casefold():
                return status
        raise ValueError(f"there is no campaign status {text!r}; there are {', '.join(map(str, cls))}")

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen. An unknown status is not final."""
        return self in (CampaignStatus.COMPLETED, CampaignStatus.TERMINATED)

    @property
    def has_begun(self) -> bool:
        """Whether the campaign has been run: anything but `Not Started`, unknown statuses included."""
        return self is not CampaignStatus.NOT_STARTED


class ContactStatus(_OpenStatus):
    """What has become of one contact of a campaign."""

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
        """Whether nothing more will happen to this contact. An unknown status is not final."""
        return self.is_reached or self in (ContactStatus.UNANSWERED, ContactStatus.FAILED, ContactStatus.TERMINATED)
