"""When a campaign may be run: once, once for an occasion, and one at a time; and what cannot be promised of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from simulation.adversary import Decision
from simulation.model_server import ACCOUNT, Deed, Read
from simulation.world import World

from airflow_provider_tingting.campaigns.concurrency import PAUSE_PER_EARLIER_CAMPAIGN


@dataclass(frozen=True)
class Broken:
    """One broken promise.

    :param promise: which.
    :param how: what has happened.
    :param unpromised: the class of what cannot be promised that explains it; None when it is a fault.
    """

    promise: str
    how: str
    unpromised: str | None = None


RUN_TOO_EARLY = "a person who runs the campaign before its contacts are added"


def occasions(world: World) -> list[Broken]:
    found = []
    for before, run in pairwise(sorted(world.server.runs(), key=lambda deed: deed.asked_at)):
        if before.about == run.about:
            continue
        excuse = None
        if acted(world, {"edits", "renames", "deletes"}, until=run.asked_at):
            excuse = "a person who renames a campaign or edits its description between two runs of an occasion"
        elif acted(world, {"runs"}, until=run.asked_at):
            excuse = RUN_TOO_EARLY
        how = f"{said(world, before)}; {said(world, run)}"
        found.append(Broken("an occasion has one campaign that is run", how, excuse))
    return found


def acted(world: World, acts: set[str], campaigns: set[int] | None = None, *, until: float = float("inf")) -> bool:
    """Return whether a person has done one of these things before a time: to one of these campaigns, or to any."""
    return any(
        act in acts and (campaigns is None or number in campaigns) and at <= until
        for act, number, at in world.acts_on_campaigns
    )


#: A request that is carried out so long (seconds) after it was sent cannot be waited for.
OBEYED_TOO_LATE = 120.0
#: A create that is carried out later (seconds) is not found by the search for it.
CREATE_OBEYED_WITHIN = 20.0
#: Between a read and the request that follows it (seconds): more is a process that stands still.
_AT_ONCE = 1.0


def runs(world: World) -> list[Broken]:
    found = []
    for number in world.server.campaigns:
        runs = world.server.runs(number)
        for before, run in pairwise(sorted(runs, key=lambda deed: deed.asked_at)):
            how = f"campaign {number}: {said(world, before)}; {said(world, run)}"
            found.append(Broken("a campaign is run once", how, _excuse(world, before, run)))
    return found


def said(world: World, run: Deed) -> str:
    return f"{run.by} asked at {run.asked_at - world.began:.1f} s and was carried out at {run.at - world.began:.1f} s"


_STANDS_STILL = "an attempt that stands still between its last read and the request"


def _last_read(world: World, run: Deed, about: int) -> Read | None:
    """Return the last read by the process that has requested a run, before that request.

    :param about: the campaign that was read, or `ACCOUNT`.
    """
    reads = [
        read for read in world.server.reads if read.by == run.by and read.about == about and read.at <= run.asked_at
    ]
    return reads[-1] if reads else None


def _excuse(world: World, before: Deed, run: Deed) -> str | None:
    """Return the class of what cannot be promised that explains a second run, or None.

    :param before: the run that was requested first.
    :param run: the one that was requested after it.
    """
    if run.by == "person":
        return "a person who presses Run beside the task"
    last, last_before = _last_read(world, run, run.about), _last_read(world, before, before.about)
    if last is not None and last.shows > before.at:
        # It has seen that the campaign had begun.
        return None
    for one in (before, run):
        if one.at + world.server.shows_after - one.asked_at > OBEYED_TOO_LATE:
            return "a request that is carried out later than two minutes after it was sent"
    if last_before and before.asked_at - last_before.at > _AT_ONCE and before.at - last_before.at > OBEYED_TOO_LATE:
        return _STANDS_STILL
    if not world.has_store and world.airflow.was_lost(before.by) and before.by != run.by:
        return "an unanswered request of an attempt that was ended, before Airflow 3.3: `retry_delay` decides"
    if last is None:
        return None
    if last.at <= before.at and before.by == "person":
        return "a person who presses Run between the last read and the request"
    if last.at <= before.at and run.asked_at - last.at > _AT_ONCE:
        return _STANDS_STILL
    if last.at > before.at >= last.shows and (not world.has_store or before.by == "person"):
        return "a status that shows late, and no state store that knows better"
    return None


def at_once(world: World, made: Sequence[Decision]) -> list[Broken]:
    """Check that no two campaigns of tasks with `one_at_a_time` run at the same time."""
    began: dict[int, Deed] = {}
    for deed in sorted(world.server.runs(), key=lambda deed: deed.at):
        began.setdefault(deed.about, deed)
    found = []
    for before, run in combinations(began.values(), 2):
        if world.server.status(world.server.campaigns[before.about], run.at) == "Running":
            how = f"{before.about}: {said(world, before)}; {run.about}: {said(world, run)}"
            found.append(Broken("one campaign runs at a time", how, _excuse_at_once(world, made, before, run)))
    return found


def _excuse_at_once(world: World, made: Sequence[Decision], before: Deed, run: Deed) -> str | None:
    """Return the class of what cannot be promised that explains why two campaigns run at the same time, or None.

    :param before: the run that was carried out first.
    :param run: the one that was carried out after it.
    """
    if "person" in (before.by, run.by):
        return "a person who runs a campaign beside tasks with one_at_a_time"
    if acted(world, {"edits", "deletes"}, until=run.at):
        return "a person who edits the marker of a campaign away or deletes it, so that other tasks do not see it"
    last = _last_read(world, run, ACCOUNT)
    if last is None:
        return None
    if run.at - last.at > PAUSE_PER_EARLIER_CAMPAIGN:
        return "more than three seconds between the last check of the account and the run"
    if last.at > before.at:
        return "a list of running campaigns that shows late" if before.at >= last.shows else None
    # Of tasks that nothing disturbs, the one with the higher id lets the other go first.
    return "a task that checks the account in the moment in which another one starts" if made else None
