"""The sandbox's world: an account whose campaigns run by a clock, and which a state file can keep.

`World` is safe to use from any thread. A method marked `recorded` first processes every event that is due, then changes
the world, then writes the change to the state file, if there is one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from airflow_provider_tingting.bikram_sambat import bikram_sambat
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.sandbox.account import Account, Settings
from airflow_provider_tingting.sandbox.clock import Clock
from airflow_provider_tingting.sandbox.journal import RECORDED, Journal, Saved, recorded
from airflow_provider_tingting.sandbox.ledger import Ledger
from airflow_provider_tingting.sandbox.outcomes import Outcomes
from airflow_provider_tingting.sandbox.records import RUNNING, SCHEDULED, Campaign, Contact, Run
from airflow_provider_tingting.sandbox.refusals import forbidden_now, invalid, not_found
from airflow_provider_tingting.sandbox.samples import SAMPLE_TIME
from airflow_provider_tingting.sandbox.simulator import Simulator
from airflow_provider_tingting.timezones import NEPAL


class World(Account):
    """One account, its clock and every operation on it.

    :param settings: the initial state; None means the defaults of `Settings`. A state file that exists replaces them.
    :param speed: seconds of the world in one real second; None means the speed in the state file, else 1.
    :param journal: the state file; None keeps the world in memory only.
    :raises TingTingConfigError: the state file cannot be used.
    """

    def __init__(
        self, settings: Settings | None = None, *, speed: float | None = None, journal: Journal | None = None
    ) -> None:
        saved = journal.read() if journal else None
        self.ledger = Ledger()
        self.journal: Journal | None = None
        self._lock = threading.RLock()
        # How many nested `reading()` blocks are open; the inner ones use the time of the outermost.
        self._depth = 0
        # The time of a change that is read from the state file; None outside a replay.
        self._replayed: float | None = None
        if journal and saved:
            self._restore(journal, saved, speed)
        else:
            self._start(settings or Settings(), speed)
        self.clock.changed = self._clock_changed
        self.journal = journal
        if journal and not saved:
            journal.begin(self._current_settings())
        if speed is not None:
            self.clock.speed = speed

    @contextmanager
    def reading(self) -> Iterator[float]:
        """Process every event that is due, then keep the world unchanged for the block; yields the world's time."""
        with self._lock:
            if not self._depth:
                self._now = self.clock.time() if self._replayed is None else self._replayed
                self._simulator.advance(self._now)
            self._depth += 1
            try:
                yield self._now
            finally:
                self._depth -= 1

    def campaign(self, campaign_id: int) -> Campaign:
        """Return a campaign in its current state.

        :raises Refused: 404, the account has no such campaign.
        """
        with self.reading():
            campaign = self.campaigns.get(campaign_id)
            if campaign is None:
                raise not_found()
            return campaign

    def contact(self, contact_id: int) -> Contact:
        """Return a contact in its current state.

        :raises Refused: 404, the account has no such contact.
        """
        with self.reading():
            campaign = self.campaign_of(contact_id)
            if campaign is None:
                raise not_found()
            return campaign.contacts[contact_id]

    @property
    def credits(self) -> int:
        """The account's current balance."""
        with self.reading():
            return self.balance

    @property
    def next_event(self) -> float | None:
        """The time of the next event of a campaign; None when every campaign has ended."""
        with self.reading():
            return self._simulator.next_event

    @recorded
    def create_campaign(
        self,
        /,
        *,
        name: str,
        services: str,
        user_phone: Sequence[int],
        message: str,
        schedule: float | None = None,
        voice: int | None = None,
        **fields: Any,
    ) -> Campaign:
        """Create a campaign and return it.

        :param name: the campaign's name.
        :param services: `PHONE`, `SMS` or `SMS & PHONE`.
        :param user_phone: the ids of caller numbers.
        :param message: what a call says.
        :param schedule: seconds since 1970; None starts the campaign when it is run.
        :param voice: the id of the voice; None for none.
        :param fields: further fields of `Campaign`, such as `sms_message`.
        :raises Refused: 400; an unknown voice or caller number, a past schedule, an SMS without text.
        """
        self.check_fields(self._now, services, fields.get("sms_message", ""), schedule, voice, user_phone)
        campaign = Campaign(
            id=self.next_campaign_id,
            name=name,
            services=services,
            user_phone=list(user_phone),
            message=message,
            updated_at=self._now,
            schedule=schedule,
            voice=voice,
            **{"sms_message": "", "description": "", **fields},
        )
        self.keep_campaign(campaign)
        return campaign

    @recorded
    def update_campaign(self, campaign_id: int, /, **changes: Any) -> Campaign:
        """Change fields of a campaign, by the names that `Campaign` has, and return it.

        :raises Refused: 404, or 400 as for `create_campaign`.
        """
        campaign = self.campaign(campaign_id)
        after = {
            key: changes.get(key, getattr(campaign, key)) for key in ("services", "sms_message", "voice", "user_phone")
        }
        self.check_fields(self._now, schedule=changes.get("schedule"), **after)
        for key, value in changes.items():
            setattr(campaign, key, value)
        campaign.updated_at = self._now
        return campaign

    @recorded
    def delete_campaign(self, campaign_id: int) -> None:
        """Delete a campaign with its contacts and the calls that it has not made yet.

        :raises Refused: 404.
        """
        self.drop_campaign(self.campaign(campaign_id))

    @recorded
    def run_campaign(self, campaign_id: int) -> str:
        """Run a campaign and return TingTing's message. Each request dials every contact, also after the first one.

        :raises Refused: 404, or 400: a draft, no contacts, or no voice for a campaign that calls.
        """
        campaign = self.campaign(campaign_id)
        if campaign.draft:
            raise forbidden_now("The campaign is a draft.")
        if not campaign.contacts:
            raise forbidden_now("The campaign has no contacts.")
        if campaign.phones and campaign.voice is None:
            raise invalid(voice="Select a voice before you run the campaign.")
        later = campaign.schedule is not None and campaign.schedule > self._now
        starts_at = campaign.schedule if later and campaign.schedule is not None else self._now
        run = Run(len(campaign.runs) + 1, campaign.id, starts_at)
        campaign.runs.append(run)
        if campaign.status != RUNNING:
            campaign.status = SCHEDULED if later else RUNNING
        campaign.updated_at = self._now
        self._simulator.add(run)
        self._simulator.advance(self._now)
        if not later:
            return "Campaign Began Successfully!!"
        due = datetime.fromtimestamp(starts_at, NEPAL)
        return f"Campaign Scheduled successfully for {bikram_sambat(due.date())} at {due:%H:%M:%S}"

    @recorded
    def set_survey_steps(self, campaign_id: int, steps: Sequence[dict[str, Any]]) -> None:
        """Replace the steps of a survey campaign.

        :param steps: the steps, as TingTing's survey page sends them.
        """
        self.campaign(campaign_id).survey_steps = list(steps)

    @recorded
    def stop_campaign(self, campaign_id: int) -> None:
        """Terminate a campaign: end the calls in progress and dial no further contact.

        :raises Refused: 404, or 400: the campaign is neither Running nor Scheduled.
        """
        campaign = self.campaign(campaign_id)
        if campaign.status not in (RUNNING, SCHEDULED):
            raise forbidden_now("Only a running or scheduled campaign can be stopped.")
        self._simulator.stop(campaign, self._now)

    @recorded
    def add_contacts(
        self,
        campaign_id: int,
        rows: Sequence[tuple[str, dict[str, Any]]],
        *,
        replace: bool = False,
        repeat: bool = False,
    ) -> tuple[list[Contact], int]:
        """Add contacts, skip numbers that the campaign has, and return the new contacts and the number skipped.

        :param rows: (number, variables) of each contact.
        :param replace: remove the campaign's contacts first.
        :param repeat: add numbers that the campaign has a second time instead of skipping them.
        :raises Refused: 404.
        """
        campaign = self.campaign(campaign_id)
        if replace:
            for contact in list(campaign.contacts.values()):
                self.drop_contact(campaign, contact)
        added = []
        for number, variables in rows:
            if number in campaign.numbers and not repeat:
                continue
            contact = Contact(self.next_contact_id, campaign.id, number, dict(variables), self._now)
            self.keep_contact(contact)
            added.append(contact)
        if added or replace:
            campaign.updated_at = self._now
        return added, len(rows) - len(added)

    @recorded
    def set_bulk_file(self, campaign_id: int, url: str) -> None:
        """Set the address of the workbook that was uploaded last.

        :param url: the address.
        :raises Refused: 404.
        """
        self.campaign(campaign_id).bulk_file = url

    @recorded
    def update_attributes(self, contact_id: int, attributes: Mapping[str, Any]) -> Contact:
        """Change some of a contact's variables and return the contact.

        :param attributes: the variables that change.
        :raises Refused: 404.
        """
        contact = self.contact(contact_id)
        # A new dict, because the ledger refers to the variables of earlier calls.
        contact.variables = {**contact.variables, **attributes}
        contact.updated_at = self._now
        return contact

    @recorded
    def update_number(self, contact_id: int, number: str) -> Contact:
        """Change a contact's number and return the contact.

        :param number: the number.
        :raises Refused: 404, or 400: the campaign has that number already.
        """
        contact = self.contact(contact_id)
        self.change_number(contact, number)
        contact.updated_at = self._now
        return contact

    @recorded
    def delete_contact(self, contact_id: int) -> None:
        """Remove a contact from its campaign.

        :raises Refused: 404.
        """
        contact = self.contact(contact_id)
        self.drop_contact(self.campaigns[contact.campaign_id], contact)
        self.campaigns[contact.campaign_id].updated_at = self._now

    @recorded
    def demo_call(self, contact_id: int) -> None:
        """Call one contact once, outside any run of the campaign.

        :raises Refused: 404, or 400: the campaign has no voice, or the credits do not suffice.
        """
        contact = self.contact(contact_id)
        self._simulator.demo_call(self.campaigns[contact.campaign_id], contact, self._now)

    @recorded
    def add_preview(self, name: str, seconds: int) -> None:
        """Keep a voice preview of so many seconds, by its file name without the suffix.

        :param name: the file's name without the suffix.
        :param seconds: the length of the audio.
        """
        self.previews[name] = seconds

    @recorded
    def rotate_token(self, token: str) -> None:
        """Replace the API token; the old one is refused from now on.

        :param token: the new token.
        """
        self.token = token

    @recorded
    def set_credits(self, credits: int) -> None:
        """Set the account's balance.

        :param credits: the balance.
        """
        self.balance = credits

    @recorded
    def script_outcome(self, number: str, status: str) -> None:
        """Make every later call to a number end with this status.

        :param number: the number.
        :param status: `completed`, `hungup`, `unanswered` or `failed`.
        :raises ValueError: there is no such status.
        """
        self._outcomes.script(number, status)

    def push_to_next_event(self) -> bool:
        """Push the clock to the next event of a campaign; False when every campaign has ended."""
        if (due := self.next_event) is not None:
            self.clock.push(max(0.0, due - self.clock.time()))
        return due is not None

    def reset(self) -> None:
        """Return to the initial settings, at the clock's current time; the state file is emptied too."""
        with self._lock:
            self.begin()
            if self.journal:
                self.journal.begin(self._current_settings())
                self._clock_changed("speed", self.clock.speed)

    def begin(self) -> None:
        """Return to the initial state, at the clock's current time; the ledger is emptied too."""
        super().begin()
        self._now = self.clock.time()
        self.ledger.clear()
        self._outcomes = Outcomes(self.settings.seed, self.settings.shares)
        self._simulator = Simulator(self, self._outcomes, self.ledger, self.settings.calls_per_second)

    def _current_settings(self) -> dict[str, Any]:
        return {**asdict(self.settings), "start": self.clock.now().isoformat()}

    def append_to_journal(self, what: str, arguments: Mapping[str, Any], now: float) -> None:
        """Write a change to the state file, if there is one and it is not being replayed.

        :param what: the name of the change.
        :param arguments: what it was called with.
        :param now: the world's time of the change, in seconds since 1970.
        """
        if self.journal is not None and self._replayed is None:
            self.journal.append(what, arguments, now)

    def _start(self, settings: Settings, speed: float | None) -> None:
        began = settings.start or (SAMPLE_TIME if settings.samples else None)
        start = datetime.fromisoformat(began) if began else None
        self.clock = Clock(start=start, speed=1.0 if speed is None else speed)
        super().__init__(settings)

    def _restore(self, journal: Journal, saved: Saved, speed: float | None) -> None:
        """Apply the changes of the state file, then let the world's clock run for the time since the last of them."""
        line, real_time = 1, saved.real_time
        try:
            self._start(Settings(**saved.settings), speed)
            world_time = self.clock.time()
            for change in saved.changes:
                line += 1
                self._replayed, world_time, real_time = change.world_time, change.world_time, change.real_time
                if change.what == "clock":
                    self.clock.resume(world_time, speed=change.arguments["speed"])
                elif change.what in RECORDED:
                    getattr(self, change.what)(*change.arguments["args"], **change.arguments["kwargs"])
                else:
                    raise ValueError(f"{change.what} is not a change")
            self._replayed = None
            self.clock.resume(world_time, speed=self.clock.speed, real_seconds_ago=wall_time() - real_time)
        except Exception as error:
            # Any value of a damaged file can be of any type, and fail anywhere.
            raise journal.unusable(f"cannot be applied from line {line} on ({type(error).__name__})") from error

    def _clock_changed(self, what: str, value: float) -> None:
        with self._lock:
            self.append_to_journal("clock", {what: value, "speed": self.clock.speed}, self.clock.time())
