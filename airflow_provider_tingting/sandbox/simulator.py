"""Makes campaigns happen: a queue of events, worked off up to a moment whenever somebody looks.

Events are taken in the order of their time whatever was asked when, so that looking often or seldom, by one reader or
by many, gives the same world. Standard library only.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_tingting.sandbox.ledger import Dialled, Ledger
from airflow_provider_tingting.sandbox.outcomes import Outcomes, call_credits
from airflow_provider_tingting.sandbox.records import (
    COMPLETED,
    RUNNING,
    TERMINATED,
    Call,
    Campaign,
    Contact,
    Run,
    Voice,
)
from airflow_provider_tingting.sandbox.wording import fill, sms_parts, speech_seconds

#: Seconds from the start of a run to its first call.
BEFORE_THE_FIRST = 1.0


@dataclass
class Balance:
    """The credits of the account."""

    credits: int


class Simulator:
    """Dials the contacts of every run, one after the other, at a steady pace.

    :param campaigns: the world's campaigns by id, shared with the world.
    :param voices: the world's voices by id.
    :param purse: the account's credits; empty means Terminated.
    :param calls_per_second: how many contacts of a run are dialled in a second.
    """

    def __init__(
        self,
        campaigns: Mapping[int, Campaign],
        voices: Mapping[int, Voice],
        purse: Balance,
        outcomes: Outcomes,
        ledger: Ledger,
        calls_per_second: float,
    ) -> None:
        self.campaigns = campaigns
        self.voices = voices
        self.purse = purse
        self.outcomes = outcomes
        self.ledger = ledger
        self.pause = 1.0 / calls_per_second
        # (time, order of arrival, run, contact whose call ends; None for the run's next step)
        self._events: list[tuple[float, int, Run, int | None]] = []
        self._arrived = 0

    @property
    def next_event(self) -> float | None:
        """When something happens next; None when all is quiet."""
        return self._events[0][0] if self._events else None

    def add(self, run: Run) -> None:
        """Take up a run; it begins at its own time."""
        self._expect(run.starts_at, run, None)

    def advance(self, now: float) -> None:
        """Let everything happen that is due."""
        while self._events and self._events[0][0] <= now:
            at, _, run, contact_id = heapq.heappop(self._events)
            campaign = self.campaigns.get(run.campaign_id)
            if run.over or campaign is None:
                continue
            if contact_id is not None:
                run.talking.discard(contact_id)
                run.ended += 1
                self._close_if_done(campaign, run, at)
            elif not run.started:
                self._start(campaign, run, at)
            else:
                self._dial_next(campaign, run, at)

    def stop(self, campaign: Campaign, now: float) -> None:
        """End every open run: calls under way are cut, contacts not yet dialled stay undialled."""
        for run in campaign.open_runs:
            for contact_id in run.talking:
                contact = campaign.contacts.get(contact_id)
                if contact is not None and contact.call is not None and contact.call.run == run.number:
                    self._cut(campaign, contact.call, now)
            run.ended += len(run.talking)
            run.talking.clear()
            waiting = run.queue[run.next :] if run.started else list(campaign.contacts)
            _terminate(campaign, waiting, now)
            run.over = True
        campaign.status = TERMINATED
        campaign.updated_at = now

    def _expect(self, at: float, run: Run, contact_id: int | None) -> None:
        self._arrived += 1
        heapq.heappush(self._events, (at, self._arrived, run, contact_id))

    def _start(self, campaign: Campaign, run: Run, at: float) -> None:
        run.started = True
        run.queue = list(campaign.contacts)
        for contact in campaign.contacts.values():
            contact.terminated_at = None
        campaign.status = RUNNING
        campaign.updated_at = at
        self._expect(at + BEFORE_THE_FIRST, run, None)

    def _dial_next(self, campaign: Campaign, run: Run, at: float) -> None:
        while run.next < len(run.queue) and run.queue[run.next] not in campaign.contacts:
            run.next += 1
            run.ended += 1
        if run.next < len(run.queue):
            contact = campaign.contacts[run.queue[run.next]]
            if self._dial(campaign, run, contact, at):
                run.next += 1
                self._expect(at + self.pause, run, None)
                return
            run.dry = True
            _terminate(campaign, run.queue[run.next :], at)
        self._close_if_done(campaign, run, at)

    def _dial(self, campaign: Campaign, run: Run, contact: Contact, at: float) -> bool:
        """Call and text one contact; False when there are no credits for it."""
        credits = sms_credits = 0
        if campaign.phones:
            spoken = fill(campaign.message, contact.variables)
            length = speech_seconds(spoken, float(campaign.length_factor))
            plan = self.outcomes.plan_call(campaign.id, run.number, contact.number, length)
            credits = call_credits(plan.duration, premium=self._is_premium(campaign.voice))
        else:
            plan = self.outcomes.plan_sms(campaign.id, run.number, contact.number)
        if campaign.texts:
            sms_credits = sms_parts(fill(campaign.sms_message, contact.variables))
        room = float(self.purse.credits)
        if campaign.credit_limit is not None:
            room = min(room, campaign.credit_limit - campaign.spent)
        if room <= 0 or credits + sms_credits > room:
            return False
        self._charge(campaign, credits + sms_credits)
        contact.call = Call(
            run=run.number,
            dialled_at=at,
            rings_at=None if plan.rings_after is None else at + plan.rings_after,
            answered_at=None if plan.answered_after is None else at + plan.answered_after,
            ended_at=at + plan.ends_after,
            status=plan.status,
            duration=plan.duration,
            playback=plan.playback,
            credits=credits,
            sms_credits=sms_credits,
        )
        if campaign.phones:
            self.note(campaign, contact, run.number, at, "call", plan.status, credits)
        if campaign.texts:
            self.note(campaign, contact, run.number, at, "sms", plan.status, sms_credits)
        run.talking.add(contact.id)
        self._expect(contact.call.ended_at, run, contact.id)
        return True

    def note(
        self, campaign: Campaign, contact: Contact, run: int, at: float, channel: str, status: str, credits: int
    ) -> None:
        """Write a call or an SMS into the ledger."""
        template = campaign.sms_message if channel == "sms" else campaign.message
        self.ledger.dialled.append(
            Dialled(
                contact.number, campaign.id, contact.id, run, at, channel, template, contact.variables, status, credits
            )
        )

    def _is_premium(self, voice_id: int | None) -> bool:
        voice = self.voices.get(voice_id) if voice_id is not None else None
        return voice is not None and voice.is_premium

    def _charge(self, campaign: Campaign, credits: int) -> None:
        campaign.spent += credits
        self.purse.credits -= credits

    def _cut(self, campaign: Campaign, call: Call, now: float) -> None:
        """End a call that is under way: the unused part is not paid for."""
        paid = call.credits
        if not campaign.phones:
            pass  # an SMS that was sent cannot be called back
        elif call.answered_at is not None and call.answered_at <= now:
            heard = (now - call.answered_at) / max(1, call.duration)
            call.status = "hungup"
            call.playback = min(call.playback or 0, round(100 * heard))
            call.duration = min(call.duration, round(now - call.answered_at))
            call.credits = min(paid, call_credits(call.duration, premium=self._is_premium(campaign.voice)))
        else:
            call.status, call.playback, call.duration, call.credits = "terminated", None, 0, 0
            call.answered_at = None
        call.ended_at = now
        self._charge(campaign, call.credits - paid)

    def _close_if_done(self, campaign: Campaign, run: Run, at: float) -> None:
        if run.talking or (run.next < len(run.queue) and not run.dry):
            return
        run.over = True
        if not any(other.started for other in campaign.open_runs):
            campaign.status = TERMINATED if run.dry else COMPLETED
            campaign.updated_at = at


def _terminate(campaign: Campaign, contact_ids: list[int], at: float) -> None:
    for contact_id in contact_ids:
        contact = campaign.contacts.get(contact_id)
        if contact is not None:
            contact.terminated_at = at
