"""Simulates the calls of campaigns: a queue of events, processed up to the current time at each access.

Events are processed in the order of their time. The result therefore does not depend on how often the world is read.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from airflow_provider_tingting.contacts.message import fill, sms_size
from airflow_provider_tingting.sandbox.ledger import Dialled, Ledger
from airflow_provider_tingting.sandbox.outcomes import Outcomes, call_credits, speech_seconds
from airflow_provider_tingting.sandbox.records import (
    COMPLETED,
    RUNNING,
    TERMINATED,
    Call,
    Campaign,
    Contact,
    Run,
)
from airflow_provider_tingting.sandbox.refusals import forbidden_now, invalid

if TYPE_CHECKING:
    from airflow_provider_tingting.sandbox.account import Account

#: Seconds from the start of a run to its first call.
SECONDS_BEFORE_FIRST_CALL = 1.0


class Simulator:
    """Dials the contacts of every run, one after the other, at a constant rate.

    A campaign for which the account's balance does not suffice becomes Terminated.

    :param account: the account whose campaigns are called, and which pays.
    :param outcomes: decides how each call ends.
    :param ledger: the list to which each call and SMS is added.
    :param calls_per_second: how many contacts of a run are dialled in one second.
    """

    def __init__(self, account: Account, outcomes: Outcomes, ledger: Ledger, calls_per_second: float) -> None:
        self._account = account
        self._outcomes = outcomes
        self._ledger = ledger
        self._interval = 1.0 / calls_per_second
        # (time, sequence number, run, contact whose call ends; None for the run's next step)
        self._events: list[tuple[float, int, Run, int | None]] = []
        self._scheduled = 0

    @property
    def next_event(self) -> float | None:
        """The time of the next event, seconds since 1970; None when there is none."""
        return self._events[0][0] if self._events else None

    def add(self, run: Run) -> None:
        """Schedule a run; it begins at `run.starts_at`.

        :param run: the run.
        """
        self._schedule(run.starts_at, run, None)

    def advance(self, now: float) -> None:
        """Process every event up to a time, seconds since 1970.

        :param now: the world's time, in seconds since 1970.
        """
        while self._events and self._events[0][0] <= now:
            at, _, run, contact_id = heapq.heappop(self._events)
            campaign = self._account.campaigns.get(run.campaign_id)
            if run.over or campaign is None:
                continue
            if contact_id is not None:
                run.talking.discard(contact_id)
                run.ended += 1
                self._fail_over(campaign, run, contact_id, at)
                self._close_if_done(campaign, run, at)
            elif not run.started:
                self._start(campaign, run, at)
            else:
                self._dial_next(campaign, run, at)

    def stop(self, campaign: Campaign, now: float) -> None:
        """End every open run: end the calls in progress and dial no further contact.

        :param campaign: the campaign.
        :param now: the world's time, in seconds since 1970.
        """
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

    def _schedule(self, at: float, run: Run, contact_id: int | None) -> None:
        self._scheduled += 1
        heapq.heappush(self._events, (at, self._scheduled, run, contact_id))

    def _start(self, campaign: Campaign, run: Run, at: float) -> None:
        run.started = True
        run.queue = list(campaign.contacts)
        for contact in campaign.contacts.values():
            contact.terminated_at = None
        campaign.status = RUNNING
        campaign.updated_at = at
        self._schedule(at + SECONDS_BEFORE_FIRST_CALL, run, None)

    def _dial_next(self, campaign: Campaign, run: Run, at: float) -> None:
        while run.next < len(run.queue) and run.queue[run.next] not in campaign.contacts:
            run.next += 1
            run.ended += 1
        if run.next < len(run.queue):
            contact = campaign.contacts[run.queue[run.next]]
            if self._dial(campaign, run, contact, at):
                run.next += 1
                self._schedule(at + self._interval, run, None)
                return
            run.out_of_credits = True
            _terminate(campaign, run.queue[run.next :], at)
        self._close_if_done(campaign, run, at)

    def _dial(self, campaign: Campaign, run: Run, contact: Contact, at: float) -> bool:
        """Call and text one contact; False when the credits do not suffice."""
        credits = sms_credits = 0
        if campaign.phones:
            spoken = fill(campaign.message, contact.variables)
            length = speech_seconds(spoken, float(campaign.length_factor))
            plan = self._outcomes.plan_call(campaign.id, run.number, contact.number, length)
            credits = call_credits(plan.duration, premium=self._is_premium(campaign.voice))
        else:
            plan = self._outcomes.plan_sms(campaign.id, run.number, contact.number)
        if campaign.texts:
            sms_credits = sms_size(fill(campaign.sms_message, contact.variables)).parts
        available = float(self._account.balance)
        if campaign.credit_limit is not None:
            available = min(available, campaign.credit_limit - campaign.spent)
        if available <= 0 or credits + sms_credits > available:
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
            self._record(campaign, contact, run.number, at, "call", plan.status, credits)
        if campaign.texts:
            self._record(campaign, contact, run.number, at, "sms", plan.status, sms_credits)
        run.talking.add(contact.id)
        self._schedule(contact.call.ended_at, run, contact.id)
        return True

    def _fail_over(self, campaign: Campaign, run: Run, contact_id: int, at: float) -> None:
        """Send the campaign's SMS to a contact whose call has ended with a status of `failover_target`."""
        contact = campaign.contacts.get(contact_id)
        if not campaign.failover_target or contact is None or contact.call is None or contact.call.run != run.number:
            return
        parts = sms_size(fill(campaign.sms_message, contact.variables)).parts
        wanted = contact.call.status in campaign.failover_target
        contact.failover_sms_sent = wanted and parts <= self._account.balance
        if contact.failover_sms_sent:
            self._charge(campaign, parts)
            contact.call.sms_credits += parts
            self._record(campaign, contact, run.number, at, "sms", "completed", parts)

    def demo_call(self, campaign: Campaign, contact: Contact, now: float) -> None:
        """Call one contact once, outside any run.

        :param campaign: the campaign.
        :param contact: the contact.
        :param now: the world's time, in seconds since 1970.
        :raises Refused: 400; the campaign has no voice, or the credits do not suffice.
        """
        voice = self._account.voices.get(campaign.voice or 0)
        if voice is None:
            raise invalid(voice="Select a voice before you make a demo call.")
        length = speech_seconds(fill(campaign.message, contact.variables), float(campaign.length_factor))
        cost = call_credits(length, premium=voice.is_premium)
        if self._account.balance < cost:
            raise forbidden_now("Insufficient credits.")
        self._account.balance -= cost
        self._record(campaign, contact, 0, now, "demo", "completed", cost)

    def _record(
        self, campaign: Campaign, contact: Contact, run: int, at: float, channel: str, status: str, credits: int
    ) -> None:
        """Add a call or an SMS to the ledger."""
        template = campaign.sms_message if channel == "sms" else campaign.message
        self._ledger.dialled.append(
            Dialled(
                contact.number, campaign.id, contact.id, run, at, channel, template, contact.variables, status, credits
            )
        )

    def _is_premium(self, voice_id: int | None) -> bool:
        voice = self._account.voices.get(voice_id) if voice_id is not None else None
        return voice is not None and voice.is_premium

    def _charge(self, campaign: Campaign, credits: int) -> None:
        campaign.spent += credits
        self._account.balance -= credits

    def _cut(self, campaign: Campaign, call: Call, now: float) -> None:
        """End a call that is in progress; the account pays only for the seconds heard."""
        paid = call.credits
        if not campaign.phones:
            pass  # A sent SMS cannot be undone.
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
        if run.talking or (run.next < len(run.queue) and not run.out_of_credits):
            return
        run.over = True
        if not any(other.started for other in campaign.open_runs):
            campaign.status = TERMINATED if run.out_of_credits else COMPLETED
            campaign.updated_at = at


def _terminate(campaign: Campaign, contact_ids: list[int], at: float) -> None:
    for contact_id in contact_ids:
        contact = campaign.contacts.get(contact_id)
        if contact is not None:
            contact.terminated_at = at
