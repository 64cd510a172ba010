"""A notification: who is to be called and what is said; and the marker by which later ones find it. Pure values."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.timezones import NEPAL

#: A claim on a notification is a lease of this many seconds: its holder sends no request to run after it, and other
#: notifiers wait for as long before they take over. The holder reads for two minutes whether an unanswered request was
#: carried out.
LEASE = 180.0
#: The holder stops this many seconds earlier, because a request takes time to arrive.
LEASE_MARGIN = 15.0
#: The clocks of two machines may differ by this much (seconds). By another clock than its own, a claim is over only
#: when it is older than its lease and this.
CLOCK_SKEW = 300.0
# TingTing refuses a schedule in the past, and a call that is created in the last minute of the quiet hours rings after
# them.
_NEARLY_OVER = 60.0

_MARKER = re.compile(r"\[airflow-notification:([0-9a-f]{16})/(\d{1,4})/(\d{1,12})/(\d{1,12})/([0-9a-f]{8})\]")


@dataclass(frozen=True)
class QuietHours:
    """The part of each day, in Nepal time, in which no phone is to ring.

    :param begin: when it begins.
    :param end: when it ends, perhaps on the next day.
    """

    begin: time
    end: time

    @classmethod
    def read(cls, hours: Sequence[str]) -> QuietHours:
        """Return the quiet hours between two times of day, such as `("22:00", "06:00")`.

        :param hours: the two times.
        :raises TingTingConfigError: they are not two different times of day.
        """
        try:
            begin, end = (time.fromisoformat(hour) for hour in hours)
            if begin == end or begin.tzinfo or end.tzinfo or isinstance(hours, str):
                raise ValueError
        except (TypeError, ValueError):
            raise TingTingConfigError(
                f'quiet_hours must be two times of day in Nepal, such as ("22:00", "06:00"); it is {hours!r}.'
            ) from None
        return cls(begin, end)

    def __str__(self) -> str:
        return f"{self.begin:%H:%M} and {self.end:%H:%M} in Nepal"

    def end_of(self, moment: float) -> float | None:
        """Return when the quiet hours end that a moment lies in, in seconds since 1970; None when it lies in none.

        :param moment: the moment, in seconds since 1970.
        """
        here = datetime.fromtimestamp(moment, NEPAL)
        clock = here.time()
        over_midnight = self.begin > self.end
        within = (clock >= self.begin or clock < self.end) if over_midnight else self.begin <= clock < self.end
        if not within:
            return None
        day = here.date() + timedelta(days=1 if over_midnight and clock >= self.begin else 0)
        return datetime.combine(day, self.end, NEPAL).timestamp()


@dataclass(frozen=True)
class Notification:
    """One message to one or several recipients.

    :param key: what it is about, see `key_of`. Notifications with the same key within the cooldown are the same one.
    :param about: the same in words; the campaign's name begins with it.
    :param to: ten-digit numbers, in the order in which they are tried.
    :param text: what is spoken or written.
    :param services: `PHONE`, `SMS` or `SMS & PHONE`.
    :param user_phone: ids of the caller numbers; empty for the account's first.
    :param voice: id or display name; None for the account's first.
    :param at: when to call, in seconds since 1970; None for now.
    :param cooldown: seconds for which the same notification is not sent again.
    :param escalate_after: seconds after which the next number is tried.
    :param quiet_hours: when no phone is to ring; None for never.
    :param in_quiet_hours: what happens instead: `sms`, `wait` or `silent`.
    :param do_not_call: those of the numbers that must not be called or texted.
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
    do_not_call: frozenset[str] = field(default=frozenset(), repr=False)

    def at_hour(self, now: float) -> Notification | None:
        """Return the notification as it is sent at a moment: in quiet hours as an SMS, at their end, or not at all.

        :param now: the moment, in seconds since 1970.
        """
        end = self.quiet_hours.end_of(now) if self.quiet_hours else None
        if end is None or end - now < _NEARLY_OVER:
            return self
        if self.in_quiet_hours == "silent":
            return None
        return replace(self, services="SMS") if self.in_quiet_hours == "sms" else replace(self, at=end)

    @property
    def sms_message(self) -> str | None:
        """The text of the SMS; None when there is none."""
        return self.text if "SMS" in self.services else None

    @property
    def name(self) -> str:
        """The campaign's name; it holds `search`."""
        return f"Airflow {self.about[:60]} {self.search}"

    @property
    def search(self) -> str:
        """What the names of all campaigns with this key contain."""
        return self.key[:8]


def key_of(*parts: object) -> str:
    """Return a key for what a notification is about and who receives it; it reveals nothing of them.

    :param parts: texts, in a fixed order.
    """
    return hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()[:16]


@dataclass(frozen=True)
class NotificationMarker:
    """The marker in the description of a notification's campaign.

    :param key: the notification's key.
    :param step: the index of the number that the campaign calls.
    :param made: when the campaign was created, in whole seconds since 1970, by its creator's clock.
    :param quiet_until: until when the same notification is not sent again, in seconds since 1970.
    :param nonce: distinguishes markers of the same second.
    """

    key: str
    step: int
    made: int
    quiet_until: int
    nonce: str

    @classmethod
    def of(cls, notification: Notification, step: int, now: float) -> NotificationMarker:
        """Return a new marker.

        :param notification: the notification.
        :param step: the index of the number that is called.
        :param now: seconds since 1970.
        """
        quiet_until = max(now, notification.at or now) + notification.cooldown
        return cls(notification.key, step, int(now), int(quiet_until), secrets.token_hex(4))

    @classmethod
    def read(cls, description: str) -> NotificationMarker | None:
        """Return the marker in a campaign's description, or None.

        :param description: the description.
        """
        found = _MARKER.search(description)
        return cls(found[1], int(found[2]), int(found[3]), int(found[4]), found[5]) if found else None

    def __str__(self) -> str:
        return f"[airflow-notification:{self.key}/{self.step}/{self.made}/{self.quiet_until}/{self.nonce}]"

    def is_in(self, description: str) -> bool:
        """Return whether a campaign with this description carries this very marker.

        :param description: the description of a campaign.
        """
        return str(self) in description


@dataclass(frozen=True)
class Claim:
    """A campaign that a notifier has created for a notification, and its marker.

    :param campaign: the campaign.
    :param marker: its marker.
    """

    campaign: Campaign
    marker: NotificationMarker

    @property
    def dialled_at(self) -> float:
        """When TingTing calls at the earliest, in seconds since 1970: the schedule of a call that waits for morning."""
        scheduled = self.campaign.scheduled_at
        return max(float(self.marker.made), scheduled.timestamp() if scheduled else 0.0)

    def holds(self, now: float) -> bool:
        """Return whether the claim keeps other notifiers from sending: within its cooldown, and run or about to be.

        :param now: seconds since 1970, by the reader's clock.
        """
        may_be_run = self.campaign.status.has_begun or now - self.marker.made < LEASE + CLOCK_SKEW
        return may_be_run and self.marker.quiet_until > now
