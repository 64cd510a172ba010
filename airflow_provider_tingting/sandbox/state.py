"""The state of the sandbox's world and the way to look at it; the rooms beside it change it.

Safe from any thread: whoever reads or changes holds the world still meanwhile. Standard library only.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from airflow_provider_tingting.sandbox.clock import Clock
from airflow_provider_tingting.sandbox.ledger import Ledger
from airflow_provider_tingting.sandbox.outcomes import Outcomes, carrier_of
from airflow_provider_tingting.sandbox.records import Caller, Campaign, Contact, Voice
from airflow_provider_tingting.sandbox.refusals import not_found
from airflow_provider_tingting.sandbox.samples import CALLERS, SURVEYS, VOICES, fill_world
from airflow_provider_tingting.sandbox.simulator import Balance, Simulator
from airflow_provider_tingting.sandbox.store import Journal

DEFAULT_TOKEN = "tingting-sandbox-token"

#: The names of the changes that a state file may hold.
RECORDED: set[str] = set()

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="State")


@dataclass(frozen=True)
class Settings:
    """How a world begins; all of it is kept in the state file.

    :param seed: decides how every call ends.
    :param credits: the account's balance.
    :param token: the API token.
    :param shares: weights of the endings, see `outcomes.USUAL_SHARES`.
    :param calls_per_second: how many contacts of a run are dialled in a second.
    :param first_campaign_id: the id of the first campaign that is created.
    :param samples: whether the campaigns of the API page's samples exist.
    :param start: when the world begins, ISO 8601; None means now.
    """

    seed: int = 7
    credits: int = 10_000
    token: str = DEFAULT_TOKEN
    shares: Mapping[str, float] | None = None
    calls_per_second: float = 4.0
    first_campaign_id: int = 1
    samples: bool = False
    start: str | None = None


def recorded(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Bring the world up to now, change it, and write the change down; a refused change leaves no trace."""

    @wraps(method)
    def changing(world: S, *args: P.args, **kwargs: P.kwargs) -> R:
        with world.reading() as now:
            result = method(world, *args, **kwargs)
            world.write_down(method.__name__, {"args": args, "kwargs": kwargs}, now)
            return result

    RECORDED.add(method.__name__)
    return cast("Callable[Concatenate[S, P], R]", changing)


class State:
    """Campaigns, contacts, voices, caller numbers, surveys, credits, token and time of one account.

    :param settings: how the world begins.
    :param clock: its clock.
    """

    _now: float
    _dialler: Simulator
    _purse: Balance
    _outcomes: Outcomes
    _last_campaign: int
    _last_contact: int

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.lock = threading.RLock()
        self.ledger = Ledger()
        self.journal: Journal | None = None
        # How many readers of this thread hold the world: the inner ones see the moment of the outermost.
        self._held = 0
        # The moment of a change that is read from the state file; None in the world's own time.
        self._replayed: float | None = None
        self._begin()

    @contextmanager
    def reading(self) -> Iterator[float]:
        """Hold the world still at this moment, everything due having happened; gives the time."""
        with self.lock:
            if not self._held:
                self._now = self.clock.time() if self._replayed is None else self._replayed
                self._dialler.advance(self._now)
            self._held += 1
            try:
                yield self._now
            finally:
                self._held -= 1

    def campaign(self, campaign_id: int) -> Campaign:
        """Return a campaign as it is now.

        :raises Refused: 404, there is none.
        """
        with self.reading():
            campaign = self.campaigns.get(campaign_id)
            if campaign is None:
                raise not_found()
            return campaign

    def contact(self, contact_id: int) -> Contact:
        """Return a contact as it is now.

        :raises Refused: 404, there is none.
        """
        with self.reading():
            campaign = self.campaigns.get(self._homes.get(contact_id, 0))
            if campaign is None:
                raise not_found()
            return campaign.contacts[contact_id]

    def statuses(self, campaign_id: int) -> Counter[str]:
        """Count a campaign's contacts by status, as it shows now."""
        with self.reading() as now:
            return self.campaign(campaign_id).statuses_at(now)

    @property
    def credits(self) -> int:
        """The account's balance now."""
        with self.reading():
            return self._purse.credits

    @property
    def next_event(self) -> float | None:
        """When something happens next in the world; None when every campaign has ended."""
        with self.reading():
            return self._dialler.next_event

    def write_down(self, what: str, arguments: Mapping[str, Any], now: float) -> None:
        """Add a change to the state file, if there is one."""
        if self.journal is not None and self._replayed is None:
            self.journal.append(what, arguments, now)

    def keep(self, campaign: Campaign) -> None:
        """Take up a campaign, without writing it down."""
        self.campaigns[campaign.id] = campaign
        self._last_campaign = max(self._last_campaign, campaign.id)

    def keep_contact(self, contact: Contact) -> None:
        """Take up a contact into its campaign, without writing it down."""
        campaign = self.campaigns[contact.campaign_id]
        campaign.contacts[contact.id] = contact
        campaign.numbers[contact.number] = contact.id
        campaign.carriers[carrier_of(contact.number)] += 1
        self._homes[contact.id] = campaign.id
        self._last_contact = max(self._last_contact, contact.id)

    def _begin(self) -> None:
        settings = self.settings
        self._now = self.clock.time()
        self.token = settings.token
        self.voices: dict[int, Voice] = {voice.id: voice for voice in VOICES}
        self.callers: dict[int, Caller] = {caller.id: caller for caller in CALLERS}
        self.surveys: dict[int, list[dict[str, Any]]] = dict(SURVEYS)
        self.campaigns: dict[int, Campaign] = {}
        self.previews: dict[str, int] = {}
        self.ledger.clear()
        self._homes: dict[int, int] = {}
        self._last_campaign = settings.first_campaign_id - 1
        self._last_contact = 0
        self._purse = Balance(settings.credits)
        self._outcomes = Outcomes(settings.seed, settings.shares)
        self._dialler = Simulator(
            self.campaigns, self.voices, self._purse, self._outcomes, self.ledger, settings.calls_per_second
        )
        if settings.samples:
            fill_world(self)
