"""When a campaign would end, and whether that is before its calling window closes. No Airflow, no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.campaigns.history import PastCampaign, pace_of, recent_campaigns
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.formatting import amount

#: With fewer contacts than this, the pace of earlier campaigns is not read, since that takes seven requests.
MIN_FORECAST = 100
#: A campaign that starts up to this long after its window has opened counts as having the whole window.
SLACK = timedelta(minutes=10)


@dataclass(frozen=True)
class Forecast:
    """When a campaign would end.

    :param contacts: how many contacts it has.
    :param pace: how many of them are called in a minute.
    :param starts_at: when it starts.
    :param closes_at: when the window in which it starts closes; None for never.
    """

    contacts: int
    pace: float
    starts_at: datetime
    closes_at: datetime | None

    @property
    def length(self) -> timedelta:
        """How long the campaign takes."""
        return timedelta(minutes=self.contacts / self.pace)

    @property
    def ends_at(self) -> datetime:
        """When it ends."""
        return self.starts_at + self.length

    @property
    def fits(self) -> bool:
        """Whether it ends before its window closes, with a tolerance of `SLACK`."""
        return self.closes_at is None or self.ends_at <= self.closes_at + SLACK

    def __str__(self) -> str:
        """Return the forecast as a sentence without its full stop."""
        ends = f"{self.ends_at:%H:%M}" if self.ends_at.date() == self.starts_at.date() else f"{self.ends_at:%F %H:%M}"
        end = f"at {amount(round(self.pace, 1))} calls a minute the campaign would end at {ends}"
        if self.closes_at is None:
            return end
        same_day = self.closes_at.date() == self.ends_at.date()
        closes = f"{self.closes_at:%H:%M}" if same_day else f"{self.closes_at:%F %H:%M}"
        return f"{end}, {'before' if self.ends_at <= self.closes_at else 'after'} the window closes at {closes}"

    def to_json(self) -> dict[str, Any]:
        """Return the forecast as plain JSON."""
        return {
            "calls_per_minute": round(self.pace, 2),
            "starts_at": self.starts_at.isoformat(),
            "ends_at": self.ends_at.isoformat(),
            "closes_at": None if self.closes_at is None else self.closes_at.isoformat(),
            "fits": self.fits,
            "text": str(self),
        }


def forecast(window: CallingWindow, contacts: int, pace: float, begins: datetime | None = None) -> Forecast:
    """Return when a campaign would end that starts as soon as its window is open.

    :param window: its calling window.
    :param contacts: how many contacts it has.
    :param pace: how many of them are called in a minute.
    :param begins: from when it may start; None for now.
    :raises TingTingConfigError: the window does not open.
    """
    starts = window.opens_at(begins or datetime.fromtimestamp(wall_time(), timezone.utc))
    return Forecast(contacts, pace, starts, window.closes_at(starts))


def next_fitting(window: CallingWindow, contacts: int, pace: float) -> datetime | None:
    """Return when the next window opens in which a campaign ends in time; None if there is none within two weeks.

    :param window: the calling window; its current opening does not count.
    :param contacts: how many contacts the campaign has.
    :param pace: how many of them are called in a minute.
    """
    now = datetime.fromtimestamp(wall_time(), timezone.utc)
    length = timedelta(minutes=contacts / pace)
    later: Iterator[datetime] = (opens for opens, closes in window.openings(now) if now < opens <= closes - length)
    return next(later, None)


async def read_pace(services: str, contacts: int, expected_pace: float | None) -> float | None:
    """Return how many contacts a campaign calls in a minute; None when that is not known.

    :param services: the campaign's services.
    :param contacts: how many contacts it has.
    :param expected_pace: what the user expects; otherwise the account's last campaigns with the same services show it.
    """
    if expected_pace is not None:
        return float(expected_pace)
    if contacts < MIN_FORECAST:
        return None
    return pace_of(await recent_campaigns(services))


#: Past campaigns whose costs differ from the estimate by more than this share are worth a warning.
MAX_DRIFT = 0.2


def drift_of(past: list[PastCampaign], estimate: float, contacts: int) -> dict[str, Any] | None:
    """Return how the costs of past campaigns differ from an estimate, or None when they are not known.

    :param past: the campaigns.
    :param estimate: the estimated credits of the new campaign.
    :param contacts: how many contacts it has.
    :return: `{campaign_ids, credits_per_contact, estimated_per_contact, drift}`; `drift` is 0.5 when they have spent
        half as much again as the estimate says.
    """
    spent = [each for each in past if each.credits is not None and each.contacts]
    if not spent or not contacts or not estimate:
        return None
    each_estimated = estimate / contacts
    each_spent = sum(one.credits or 0.0 for one in spent) / sum(one.contacts for one in spent)
    return {
        "campaign_ids": [one.campaign_id for one in spent],
        "credits_per_contact": round(each_spent, 4),
        "estimated_per_contact": round(each_estimated, 4),
        "drift": round(each_spent / each_estimated - 1, 4),
    }


def drift_text(drift: dict[str, Any] | None) -> str | None:
    """Return a warning about an estimate that differs from what past campaigns have spent, or None.

    :param drift: what `drift_of` has returned.
    """
    if drift is None or abs(drift["drift"]) <= MAX_DRIFT:
        return None
    return (
        f"The last campaigns ({', '.join(map(str, drift['campaign_ids']))}) spent "
        f"{amount(round(drift['credits_per_contact'], 2))} credits a contact, and the estimate assumes "
        f"{amount(round(drift['estimated_per_contact'], 2))}: correct credits_per_call or credits_per_sms_part"
    )
