"""Says in the task's log how far a sending is: often enough to be watched, seldom enough to be read."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from airflow_provider_tingting.clock import monotonic

log = logging.getLogger(__name__)

#: Seconds between two lines.
LOG_INTERVAL = 10.0


@dataclass
class ProgressLog:
    """Logs what was sent, how fast, and how long the rest will take: every ten seconds and at the end.

    :param campaign_id: the campaign.
    :param total: contacts in all.
    :param already: how many of them an earlier try has sent.
    """

    campaign_id: int
    total: int
    already: int = 0
    _started_at: float = field(default_factory=monotonic)
    _logged_at: float = field(default_factory=monotonic)

    def update(self, sent: int) -> None:
        """Take note of how many contacts this try has sent so far."""
        now = monotonic()
        done = self.already + sent
        if done < self.total and now - self._logged_at < LOG_INTERVAL:
            return
        self._logged_at = now
        rate = sent / max(now - self._started_at, 0.001)
        left = self.total - done
        ending = f", about {_span(left / rate)} to go" if left and rate else ""
        # Of a few contacts nobody wants to know how fast.
        speed = f", {rate:,.0f} a second" if now - self._started_at >= 1 else ""
        log.info(
            "Campaign %s: %s of %s contacts sent%s%s", self.campaign_id, f"{done:,}", f"{self.total:,}", speed, ending
        )


def _span(seconds: float) -> str:
    return f"{max(seconds, 1):.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
