"""Whether a campaign fits into the credits that may be spent in one day, in Nepal time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_tingting.api.lookups import read_credits_used
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.campaigns.concurrency import other_running_campaigns
from airflow_provider_tingting.formatting import amount
from airflow_provider_tingting.timezones import NEPAL

#: When to check again while only running campaigns, or TingTing's own figure, use the day's credits up.
CHECK_AGAIN_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class OverLimit:
    """Why a campaign does not fit into the day's credits.

    :param figures: the estimate, what was spent and the limit, as a part of a sentence.
    :param until: when to check again; None when the campaign alone passes the limit.
    """

    figures: str
    until: datetime | None


@dataclass(frozen=True)
class DailyCredits:
    """The credits that may be spent in a day.

    :param limit: the most credits of a day.
    :param estimate: returns the credits that a campaign is estimated to spend.
    :param recorded_since: returns the credits of the campaigns that have ended since a moment (seconds since 1970).
    """

    limit: float
    estimate: Callable[[Campaign], float]
    recorded_since: Callable[[float], float]

    async def over(self, campaign: Campaign, now: datetime, begins: datetime | None = None) -> OverLimit | None:
        """Return why a campaign may not be run today, or None when it may.

        What is spent is the larger of two figures: the recorded credits with the estimates of the campaigns that run
        now, and what TingTing's dashboard says of one day, where the account may read it.

        :param campaign: the campaign.
        :param now: the time, with its zone.
        :param begins: when TingTing starts the campaign by its own schedule; None for now. What will have been spent
            on a later day is unknown, so only the campaign's own estimate counts then.
        """
        today = now.astimezone(NEPAL).replace(hour=0, minute=0, second=0, microsecond=0)
        own = self.estimate(campaign)
        if own > self.limit:
            return OverLimit(self._figures(own, 0.0), None)
        if begins is not None and begins.astimezone(NEPAL).date() != today.date():
            return None
        recorded = self.recorded_since(today.timestamp())
        running = await other_running_campaigns(campaign.id, every_page=True)
        spent = max(recorded + sum(map(self.estimate, running)), await read_credits_used(days=1) or 0.0)
        if own + spent <= self.limit:
            return None
        tomorrow = today + timedelta(days=1)
        return OverLimit(
            self._figures(own, spent),
            tomorrow if own + recorded > self.limit else min(tomorrow, now + CHECK_AGAIN_AFTER),
        )

    def _figures(self, own: float, spent: float) -> str:
        today = f", today's campaigns take {amount(spent)}" if spent else ""
        return (
            f"it is estimated at {amount(own)} credits{today}, and daily_credit_limit of the connection is "
            f"{amount(self.limit)}"
        )
