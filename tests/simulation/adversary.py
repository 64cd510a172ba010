"""What may go wrong, when it does, and how that is written down.

A schedule is a list of decisions such as `run.1 run_campaign 1: lost after`: in the first try of the task `run`, at its
first request to run, the response is lost after the server has acted. The same schedule gives the same life.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

#: What may befall any request.
OF_ANY_REQUEST = ("unsent", "lost", "429", "killed", "stalls 9", "stalls 40", "stalls 200", "clock +100", "clock -100")
#: A read that shows what was true some seconds ago, and a server that is not well.
OF_READS = ("503", "old 4", "old 40")
OF_LISTS = ("reordered",)
#: One machine of the server does not know the campaign yet.
OF_READS_OF_A_CAMPAIGN = ("404",)
OF_WRITES = ("lost after", "500 after", "403", "killed after", "late 5", "late 60", "late 119", "late 121", "late 600")
OF_STORE_WRITES = ("store fails", "killed", "stalls 9")
OF_STATE_READS = ("state unreadable",)
#: What a person may do at the moment of a request, or what Airflow does.
OF_WORKERS = ("doubled",)
#: The second one stands still, and notices after three minutes only that another triggerer has its triggers.
OF_TRIGGERERS = ("moves", "moves 200")
OF_PERSONS = ("person runs", "person edits", "person renames", "person deletes", "person marks failed")

#: How a request ends; of two at the same moment the second one counts alone.
ENDS = frozenset({"unsent", "lost", "429", "503", "404", "killed", *OF_WRITES})

#: Faults that pass, after which a task that may retry must end as if nothing had happened.
PASSING = frozenset(
    (*OF_ANY_REQUEST, *OF_READS, *OF_LISTS, *OF_WORKERS, *OF_TRIGGERERS, "lost after", "500 after", "killed after")
) | {"store fails", "state unreadable", "late 5", "late 60"}

_LISTS = ("list_campaigns", "list_contacts")
_READS_OF_A_CAMPAIGN = ("get_campaign", "list_contacts", "download_campaign_report")
_WITHOUT_CONTACTS = ("list_voice_models", "list_broker_numbers", "list_own_numbers", "get_dashboard")


class Point(NamedTuple):
    """A moment at which something may go wrong.

    :param actor: which process, such as `run.1`; a trigger of that try is `run.1t`.
    :param what: the name of the call, or `store` for a write of the task state store.
    :param ordinal: which one of that name in that process, counted from 1.
    """

    actor: str
    what: str
    ordinal: int

    def __str__(self) -> str:
        return f"{self.actor} {self.what} {self.ordinal}"


class Decision(NamedTuple):
    """What goes wrong at a point."""

    point: Point
    action: str

    def __str__(self) -> str:
        return f"{self.point}: {self.action}"

    @classmethod
    def read(cls, text: str) -> Decision:
        """Read what `str` has written."""
        where, _, action = text.partition(": ")
        actor, what, ordinal = where.split(" ")
        return cls(Point(actor, what, int(ordinal)), action)


Schedule = tuple[Decision, ...]
#: Moments, each with what could go wrong at it.
Points = tuple[tuple[Point, tuple[str, ...]], ...]


@cache
def options(what: str, method: str, *, of_trigger: bool, persons: bool) -> tuple[str, ...]:
    """Return what may go wrong at a point.

    :param what: as in `Point`.
    :param method: the HTTP method of the request, `STORE` or `STATE`.
    :param of_trigger: whether a triggerer sends the request, and not a worker.
    :param persons: whether a person may act on the campaign.
    """
    if method == "STORE":
        return OF_STORE_WRITES
    if method == "STATE":
        return OF_STATE_READS
    found: list[str] = list(OF_ANY_REQUEST)
    if method == "GET":
        found += OF_READS
    else:
        found += OF_WRITES
    if what in _LISTS:
        found += OF_LISTS
    if what in _READS_OF_A_CAMPAIGN:
        found += OF_READS_OF_A_CAMPAIGN
    found += OF_TRIGGERERS if of_trigger else OF_WORKERS
    if persons and what not in _WITHOUT_CONTACTS:
        found += OF_PERSONS
    return tuple(found)


class Adversary:
    """Decides, and keeps what could have been decided.

    :param schedule: what goes wrong.
    :param seed: for decisions at random besides; None for none.
    :param share: how often one is made at random, from 0 to 1.
    :param most: how many at random at most.
    """

    def __init__(
        self, schedule: Iterable[Decision] = (), *, seed: int | None = None, share: float = 0.0, most: int = 0
    ) -> None:
        self._wanted: dict[Point, list[str]] = {}
        for decision in schedule:
            self._wanted.setdefault(decision.point, []).append(decision.action)
        self._random = random.Random(seed) if seed is not None else None
        self._share = share
        self._most = most
        self._ordinals: Counter[tuple[str, str]] = Counter()
        #: Every moment of the life with what could have gone wrong at it.
        self.points: list[tuple[Point, tuple[str, ...]]] = []
        #: What has gone wrong.
        self.made: list[Decision] = []

    def decide(self, actor: str, what: str, method: str, *, persons: bool = True) -> Sequence[str]:
        """Return what goes wrong now; mostly nothing.

        :param persons: whether a person may act on a campaign at this moment.
        """
        self._ordinals[actor, what] += 1
        point = Point(actor, what, self._ordinals[actor, what])
        possible = options(what, method, of_trigger=actor.endswith("t"), persons=persons)
        self.points.append((point, possible))
        chosen = self._wanted.get(point, []) if self._random is None else self._draw(possible)
        self.made += [Decision(point, action) for action in chosen]
        return chosen

    def _draw(self, possible: tuple[str, ...]) -> list[str]:
        assert self._random is not None
        chosen: list[str] = []
        while len(self.made) + len(chosen) < self._most and self._random.random() < self._share:
            chosen.append(self._random.choice(possible))
        return chosen

    def leaves_alone(self, points: Points) -> bool:
        """Return whether nothing goes wrong at random at some moments; an adversary that was asked decides no more.

        :param points: every moment of a life in which nothing goes wrong.
        """
        return not any(self._draw(possible) for _, possible in points)
