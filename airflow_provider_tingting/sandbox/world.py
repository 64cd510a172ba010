"""The sandbox's world: one TingTing account with its campaigns, people, voices, numbers, credits and time.

Every change goes through a method marked `recorded`: it sees the world as it is at that moment, and is written to the
state file if there is one. Standard library only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.sandbox.campaign_changes import CampaignChanges
from airflow_provider_tingting.sandbox.clock import Clock
from airflow_provider_tingting.sandbox.contact_changes import ContactChanges
from airflow_provider_tingting.sandbox.refusals import Refused
from airflow_provider_tingting.sandbox.samples import SAMPLE_TIME
from airflow_provider_tingting.sandbox.state import RECORDED, Settings, recorded
from airflow_provider_tingting.sandbox.store import Change, Journal


class World(CampaignChanges, ContactChanges):
    """One account, and all that can be done to it.

    :param settings: how the world begins; None means the defaults of `Settings`.
    :param speed: seconds of the world in one real second; None means what the state file says, else 1.
    :param journal: where changes are kept; None keeps nothing.
    :raises TingTingConfigError: the state file cannot be used.
    """

    def __init__(
        self, settings: Settings | None = None, *, speed: float | None = None, journal: Journal | None = None
    ) -> None:
        saved = journal.read() if journal else None
        settings = Settings(**saved.settings) if saved else settings or Settings()
        began = settings.start or (SAMPLE_TIME if settings.samples else None)
        start = datetime.fromisoformat(began) if began else None
        super().__init__(settings, Clock(start=start, speed=1.0 if speed is None else speed))
        if saved:
            self._replay(saved.changes, saved.real_time)
        self.clock.changed = self._clock_changed
        self.journal = journal
        if journal and not saved:
            journal.begin(self._lasting())
        if speed is not None:
            self.clock.speed = speed

    @classmethod
    def with_samples(cls, **settings: Any) -> World:
        """Make a world that holds what the API page's samples show: campaigns 79 and 858, contact 42, survey 12."""
        return cls(Settings(samples=True, **settings))

    @recorded
    def remember_preview(self, name: str, seconds: int) -> None:
        """Remember a voice preview, so that its file can be fetched."""
        self.previews[name] = seconds

    @recorded
    def rotate_token(self, token: str) -> None:
        """Replace the API token; the old one is refused from now on."""
        self.token = token

    @recorded
    def set_credits(self, credits: int) -> None:
        """Set the account's balance."""
        self._purse.credits = credits

    @recorded
    def script_outcome(self, number: str, status: str) -> None:
        """Make every later call to a number end with this status.

        :raises ValueError: there is no such ending.
        """
        self._outcomes.script(number, status)

    def push_to_next_event(self) -> bool:
        """Push the clock to the moment when something happens next; False when every campaign has ended."""
        due = self.next_event
        if due is not None:
            self.clock.push(max(0.0, due - self.clock.time()))
        return due is not None

    def reset(self) -> None:
        """Begin again, with the settings and the clock's time of now; the state file is emptied too."""
        with self.lock:
            self._begin()
            if self.journal:
                self.journal.begin(self._lasting())
                self._clock_changed("speed", self.clock.speed)

    def _lasting(self) -> dict[str, Any]:
        return {**asdict(self.settings), "start": self.clock.now().isoformat()}

    def _replay(self, changes: Sequence[Change], began: float) -> None:
        """Do again what the state file says; the time that has passed since then has passed in the world too."""
        world_time, real_time = self.clock.time(), began
        for change in changes:
            world_time, real_time = change.world_time, change.real_time
            self._replayed = world_time
            try:
                if change.what == "clock":
                    self.clock.resume(world_time, speed=change.arguments["speed"])
                elif change.what in RECORDED:
                    getattr(self, change.what)(*change.arguments["args"], **change.arguments["kwargs"])
                else:
                    raise ValueError(change.what)
            except (LookupError, TypeError, ValueError, Refused) as error:
                raise TingTingConfigError(
                    f"The sandbox's state file holds a change that cannot be made again: {change.what} "
                    f"({type(error).__name__}). Give another file, or remove it."
                ) from error
        self._replayed = None
        self.clock.resume(world_time, speed=self.clock.speed, real_seconds_ago=time.time() - real_time)

    def _clock_changed(self, what: str, value: float) -> None:
        with self.lock:
            self.write_down("clock", {what: value, "speed": self.clock.speed}, self.clock.time())
