"""The sandbox's records: campaigns, contacts, runs, calls, voices, caller numbers. Times are seconds since 1970.

The simulator writes the plan of each call; the status at a given time is computed from that plan.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

NOT_STARTED, SCHEDULED, RUNNING, COMPLETED, TERMINATED = (
    "Not Started",
    "Scheduled",
    "Running",
    "Completed",
    "Terminated",
)
SERVICES = ("PHONE", "SMS", "SMS & PHONE", "SURVEY")


@dataclass(frozen=True)
class Voice:
    """A voice of the account (API page: List voice models)."""

    id: int
    display_name: str
    internal_name: str
    is_premium: bool

    def as_json(self) -> dict[str, Any]:
        """Write it as the API does."""
        return {
            "id": self.id,
            "voice_display_name": self.display_name,
            "voice_internal_name": self.internal_name,
            "is_premium": self.is_premium,
        }


@dataclass(frozen=True)
class Caller:
    """A caller number of a campaign; `owned` by the account, otherwise shared by TingTing."""

    id: int
    phone_number: str = field(repr=False)
    owned: bool


@dataclass(slots=True)
class Call:
    """The call or SMS to one contact in one run, from dialling to its end."""

    run: int
    dialled_at: float
    rings_at: float | None
    answered_at: float | None
    ended_at: float
    status: str
    duration: int
    playback: int | None
    credits: int
    sms_credits: int

    def status_at(self, now: float) -> str:
        """Return the contact's status at a time.

        :param now: the world's time, in seconds since 1970.
        """
        if now >= self.ended_at:
            return self.status
        if self.answered_at is not None and now >= self.answered_at:
            return "answered"
        if self.rings_at is not None and now >= self.rings_at:
            return "ringing"
        return "dialing"

    def changed_at(self, now: float) -> float:
        """Return when the status at a time began.

        :param now: the world's time, in seconds since 1970.
        """
        moments = (self.ended_at, self.answered_at, self.rings_at)
        return next((moment for moment in moments if moment is not None and moment <= now), self.dialled_at)


@dataclass(slots=True)
class Contact:
    """One contact of one campaign."""

    id: int
    campaign_id: int
    number: str = field(repr=False)
    variables: dict[str, Any] = field(repr=False)
    updated_at: float
    call: Call | None = None
    #: When the campaign was terminated, if that was before this contact was dialled.
    terminated_at: float | None = None
    #: Whether the campaign's SMS was sent after the call; None where the campaign has no `failover_target`.
    failover_sms_sent: bool | None = None

    def status_at(self, now: float) -> str:
        """Return the status at a time.

        :param now: the world's time, in seconds since 1970.
        """
        if self.call is not None and (self.terminated_at is None or self.call.dialled_at >= self.terminated_at):
            return self.call.status_at(now)
        return "not started" if self.terminated_at is None else "terminated"

    def changed_at(self, now: float) -> float:
        """Return when the contact changed last.

        :param now: the world's time, in seconds since 1970.
        """
        happened = self.call.changed_at(now) if self.call else self.updated_at
        return max(self.updated_at, happened, self.terminated_at or 0.0)


@dataclass(slots=True)
class Run:
    """One accepted request to run a campaign. Each one dials every contact."""

    number: int
    campaign_id: int
    starts_at: float
    #: Contact ids in the order of dialling; fixed when the run starts.
    queue: list[int] = field(default_factory=list, repr=False)
    next: int = 0
    ended: int = 0
    talking: set[int] = field(default_factory=set, repr=False)
    started: bool = False
    #: The credits of the campaign or of the account did not suffice for the next contact.
    out_of_credits: bool = False
    over: bool = False


@dataclass(slots=True)
class Campaign:
    """A campaign with its contacts and runs."""

    id: int
    name: str
    services: str
    user_phone: list[int]
    message: str = field(repr=False)
    sms_message: str = field(repr=False)
    description: str
    updated_at: float
    #: None starts the campaign when it is run.
    schedule: float | None = None
    voice: int | None = None
    category: str | None = None
    credit_limit: float | None = None
    draft: bool = False
    failover_target: list[str] = field(default_factory=list)
    length_factor: str = "1.00"
    survey_steps: list[dict[str, Any]] = field(default_factory=list, repr=False)
    bulk_file: str | None = None
    status: str = NOT_STARTED
    spent: int = 0
    contacts: dict[int, Contact] = field(default_factory=dict, repr=False)
    numbers: dict[str, int] = field(default_factory=dict, repr=False)
    carriers: Counter[str] = field(default_factory=Counter, repr=False)
    runs: list[Run] = field(default_factory=list)

    @property
    def phones(self) -> bool:
        """Whether contacts are called."""
        return "PHONE" in self.services or self.services == "SURVEY"

    @property
    def texts(self) -> bool:
        """Whether contacts get an SMS."""
        return "SMS" in self.services

    @property
    def open_runs(self) -> list[Run]:
        """The runs that are not over, scheduled ones included."""
        return [run for run in self.runs if not run.over]

    @property
    def progress_percent(self) -> int:
        """The share of contacts whose call has ended, in percent; 100 once completed."""
        if self.status == COMPLETED:
            return 100
        runs = self.open_runs or self.runs[-1:]
        planned = sum(len(run.queue) for run in runs)
        if not planned or self.status in (NOT_STARTED, SCHEDULED):
            return 0
        percent = 100 * sum(run.ended for run in runs) // planned
        return percent if self.status == TERMINATED else min(99, percent)

    def statuses_at(self, now: float) -> Counter[str]:
        """Return the number of contacts by status at a time.

        :param now: the world's time, in seconds since 1970.
        """
        return Counter(contact.status_at(now) for contact in self.contacts.values())
