"""A notice: who is to be told what; and the mark by which any later one knows that it was given. Pure values."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field, replace

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.notifications.quiet_hours import QuietHours

# A notice whose campaign was not run in so many seconds is taken for given up: its process has died. A live one may
# watch for two minutes whether TingTing has heard that it is to run.
GIVEN_UP_AFTER = 180.0
# TingTing refuses to schedule into the past, and a call that is made in the last minute rings after it.
_AS_GOOD_AS_OVER = 60.0

_MARK = re.compile(r"\[airflow-notice:([0-9a-f]{16})/(\d{1,4})/(\d{1,12})/(\d{1,12})/([0-9a-f]{8})\]")


@dataclass(frozen=True)
class Notice:
    """One thing to tell.

    :param key: what it is about, see `key_of`: a notice with the same key within the cooldown is the same notice.
    :param about: the same for people: it begins the campaign's name.
    :param to: ten-digit numbers, in the order in which they are tried.
    :param text: what is spoken or written.
    :param services: `PHONE`, `SMS` or `SMS & PHONE`.
    :param user_phone: ids of the caller numbers; empty for the account's first.
    :param voice: id or display name; None for the account's first.
    :param at: when to call, in seconds since 1970; None for now.
    :param cooldown: seconds for which nobody is told again.
    :param escalate_after: seconds after which the next number is tried.
    :param quiet_hours: in which no phone is to ring; None for none.
    :param in_quiet_hours: what is done instead: `sms`, `wait` or `silent`.
    """

    key: str
    about: str
    to: tuple[str, ...] = field(repr=False)
    text: str = field(repr=False)
    services: str = "PHONE"
    user_phone: tuple[int, ...] = ()
    voice: str | int | None = None
    at: float | None = None
    cooldown: float = 1800.0
    escalate_after: float = 120.0
    quiet_hours: QuietHours | None = None
    in_quiet_hours: str = "sms"

    def at_hour(self, now: float) -> Notice | None:
        """Return how it is given at this moment: as it is; in quiet hours as an SMS, at their end, or not at all."""
        end = self.quiet_hours.end_of(now) if self.quiet_hours else None
        if end is None or end - now < _AS_GOOD_AS_OVER:
            return self
        if self.in_quiet_hours == "silent":
            return None
        return replace(self, services="SMS") if self.in_quiet_hours == "sms" else replace(self, at=end)

    @property
    def name(self) -> str:
        """The campaign's name; the part of the key in it is what later notices search for."""
        return f"Airflow {self.about[:60]} {self.search}"

    @property
    def search(self) -> str:
        """What the names of all campaigns with this key have in them."""
        return self.key[:8]


def key_of(*parts: object) -> str:
    """Make a key of what a notice is about and who is told; it tells nothing of them."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()[:16]


@dataclass(frozen=True)
class NoticeMark:
    """The mark in the description of a notice's campaign.

    :param key: the notice's key.
    :param step: which of its numbers, from 0.
    :param made: when it was made, in whole seconds since 1970.
    :param quiet_until: until when it is the last word.
    :param nonce: tells two marks apart that were made in the same second.
    """

    key: str
    step: int
    made: int
    quiet_until: int
    nonce: str

    @classmethod
    def of(cls, notice: Notice, step: int, now: float) -> NoticeMark:
        """Make the mark of one step."""
        return cls(notice.key, step, int(now), int(max(now, notice.at or now) + notice.cooldown), secrets.token_hex(4))

    @classmethod
    def read(cls, description: str) -> NoticeMark | None:
        """Find a mark in a description."""
        found = _MARK.search(description)
        return cls(found[1], int(found[2]), int(found[3]), int(found[4]), found[5]) if found else None

    def __str__(self) -> str:
        return f"[airflow-notice:{self.key}/{self.step}/{self.made}/{self.quiet_until}/{self.nonce}]"

    def is_in(self, description: str) -> bool:
        """Whether a campaign with this description was made for this very step."""
        return str(self) in description


@dataclass(frozen=True)
class Given:
    """A notice that TingTing knows of.

    :param campaign: its campaign.
    :param mark: the mark in it.
    """

    campaign: Campaign
    mark: NoticeMark

    @property
    def dialled(self) -> float:
        """When TingTing calls at the earliest, in seconds since 1970: what is told at night may ring in the morning."""
        scheduled = self.campaign.scheduled_at
        return max(float(self.mark.made), scheduled.timestamp() if scheduled else 0.0)

    def counts(self, now: float) -> bool:
        """Whether it keeps others quiet: within its cooldown, and run, or about to be."""
        alive = self.campaign.status.has_begun or now - self.mark.made < GIVEN_UP_AFTER
        return alive and self.mark.quiet_until > now
