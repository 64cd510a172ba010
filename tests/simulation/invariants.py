"""What must be so after every life, and what cannot be promised."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from simulation.adversary import PASSING, Decision
from simulation.run_invariants import (
    CREATE_OBEYED_WITHIN,
    OBEYED_TOO_LATE,
    RUN_TOO_EARLY,
    Broken,
    acted,
    at_once,
    occasions,
    runs,
    said,
)
from simulation.world import World


def broken(world: World, made: Sequence[Decision]) -> list[Broken]:
    """Return the promises that a life has broken."""
    found = [
        *runs(world),
        *_creations(world, made),
        *_hours(world, made),
        *_successes(world),
        *_contacts(world, made),
        *_stops(world),
    ]
    found += [
        *_ends_well(world, made),
        *_truth(world),
        *_demo_calls(world),
        *_reports(world, made),
        *_not_to_be_called(world, made),
    ]
    found += _closes(world, made)
    if world.is_about == "notification":
        found += _notifications(world, made)
    if world.is_about == "occasion":
        found += occasions(world)
    if world.is_about == "one at a time":
        found += at_once(world, made)
    if world.is_about == "another day's campaign" and any(task.state == "success" for task in world.airflow.tasks):
        # Without a state store only the time of the last change shows that the campaign is of another day.
        changed = {"edits", "renames"} & set(world.acts)
        excuse = "a person who changes another day's campaign between two tries that saw nothing" if changed else None
        green = "the task is green, and has called no contact"
        found.append(Broken("another day's campaign is refused", green, excuse))
    return found


def _successes(world: World) -> list[Broken]:
    found = []
    for task in world.airflow.tasks:
        if task.state != "success" or task.name != "run":
            continue
        number = task.result["campaign_id"]
        campaign = world.server.campaigns[number]
        if campaign.began_at is None and not campaign.is_deleted:
            found.append(Broken("a success has its campaign begun", f"{task.task_id}: campaign {number} has not begun"))
    return found


def _creations(world: World, made: Sequence[Decision]) -> list[Broken]:
    """Compare what one `create` task has created with what its clears allow."""
    created = [deed for deed in world.server.deeds if deed.what == "create"]
    if world.is_about != "campaign" or "clear" in world.acts or len(created) < 2:
        return []
    how = "; ".join(said(world, deed) for deed in created)
    late = any(deed.at - deed.asked_at > CREATE_OBEYED_WITHIN for deed in created)
    numbers = {deed.about for deed in created}
    # A search that the name does not help goes by the order of the list.
    reordered = any(each.action == "reordered" for each in made)
    acts = {"edits", "deletes", "renames"} if reordered else {"edits", "deletes"}
    deleted = acted(world, acts, numbers, until=created[-1].at)
    at_once = any(each.action == "doubled" for each in made) and len({deed.by for deed in created}) > 1
    excuse = (
        "a create that is carried out later than the search for it"
        if late
        else "a person who deletes, edits or (in a list in another order) renames the campaign of a task at work"
        if deleted
        else "two attempts at once, of which the run uses the campaign with the lowest id"
        if at_once
        else None
    )
    return [Broken("a campaign is created once", how, excuse)]


def _hours(world: World, made: Sequence[Decision]) -> list[Broken]:
    opens, closes = world.may_call
    excuse = "a worker's clock that is wrong, by which the calling window opens"
    promise = "a campaign is run in its calling window only"
    return [
        Broken(
            promise,
            f"campaign {run.about}: {run.asked_at - opens:.0f} s after it opens",
            excuse if _is_off(made, run.by) else None,
        )
        for run in world.server.runs()
        if run.by != "person" and not opens <= run.asked_at < closes
    ]


def _is_off(made: Sequence[Decision], actor: str) -> bool:
    """Return whether the clock of a process is wrong."""
    return any(decision.action.startswith("clock") and decision.point.actor == actor for decision in made)


def _is_run_by_person(world: World, campaign_id: int) -> bool:
    return acted(world, {"runs"}, {campaign_id})


_LISTED_MEANWHILE = "a contact that is listed after the attempt that adds it has read the list"


def _is_listed_meanwhile(world: World, made: Sequence[Decision], campaign_id: int) -> bool:
    """Return whether the contacts are those of the list as an attempt has read it that goes on after a retry is due."""
    numbers = {row.number for row in world.server.campaigns[campaign_id].rows}
    goes_on = any(
        each.action == "doubled" or (each.point.what == "add_contacts" and each.action.startswith("stalls"))
        for each in made
    )
    return goes_on and numbers & world.do_not_call == world.listed_last and set(world.audience) <= numbers


def _contacts(world: World, made: Sequence[Decision]) -> list[Broken]:
    """Compare the campaign of a finished `add` with the audience."""
    found = []
    for task in world.airflow.tasks:
        if task.name == "add" and task.state == "success":
            campaign = world.server.campaigns[task.result["campaign_id"]]
            numbers = sorted(row.number for row in campaign.rows)
            if numbers != sorted(world.audience):
                # The second run of an occasion adds no contact to a campaign that has begun, and its log says so. Nor
                # does a retry take out of it a contact that has asked meanwhile not to be called.
                listed_since = set(world.audience) <= set(numbers) <= {*world.audience, *world.do_not_call}
                is_excused = _is_run_by_person(world, campaign.id) and (world.is_about == "occasion" or listed_since)
                excuse = RUN_TOO_EARLY if is_excused and len(set(numbers)) == len(numbers) else None
                if _is_listed_meanwhile(world, made, campaign.id) and len(set(numbers)) == len(numbers):
                    excuse = _LISTED_MEANWHILE
                promise = "no contact is missing, foreign or twice"
                found.append(Broken(promise, f"campaign {campaign.id}: {numbers}", excuse))
    return found


def _not_to_be_called(world: World, made: Sequence[Decision]) -> list[Broken]:
    """Check that no campaign with a number of the do-not-call list was run."""
    found = []
    for run in world.server.runs():
        called = {row.number for row in world.server.campaigns[run.about].rows} & world.do_not_call
        if called:
            added = any(
                task.name == "add" and task.state == "success" and (task.ended_at or 0.0) < run.at
                for task in world.airflow.tasks
            )
            is_too_early = run.by == "person" and not added
            excuse = "a person who runs a campaign whose adding has not ended" if is_too_early else None
            if _is_listed_meanwhile(world, made, run.about):
                excuse = _LISTED_MEANWHILE
            how = f"campaign {run.about} has {len(called)} of them; {said(world, run)}"
            found.append(Broken("no contact on the do-not-call list is called", how, excuse))
    return found


def _demo_calls(world: World) -> list[Broken]:
    calls = [deed for deed in world.server.deeds if deed.what == "demo"]
    found = []
    if len(calls) > 1:
        found.append(Broken("a demo call is made once", "; ".join(said(world, call) for call in calls)))
    for task in world.airflow.tasks:
        if task.task_id == "demo" and task.state == "success" and not calls:
            found.append(Broken("a demo call that is reported was made", "no phone has rung"))
    return found


_NOT_FINAL = "a report whose result says that it is not final, of a campaign that is shown in an old state"


def _reports(world: World, made: Sequence[Decision]) -> list[Broken]:
    """Check the figures of campaigns that have ended, and the file of a report."""
    found = []
    for task in world.airflow.tasks:
        if task.state != "success" or not isinstance(task.result, dict):
            continue
        figures = task.result.get("summary", task.result)
        if figures.get("stopped_at_window_close"):
            continue
        if "reached" in figures and figures["reached"] != len(world.audience):
            number = task.result["campaign_id"]
            is_shown_old = any(each.action.startswith("old") and each.point.what == "get_campaign" for each in made)
            excuse = None
            if _is_run_by_person(world, number):
                excuse = RUN_TOO_EARLY
            elif task.result.get("final") is False and is_shown_old:
                excuse = _NOT_FINAL
            elif _is_listed_meanwhile(world, made, number) and figures["reached"] == len(
                world.server.campaigns[number].rows
            ):
                excuse = _LISTED_MEANWHILE
            reached = f"{task.task_id}: {figures['reached']} reached"
            found.append(Broken("the figures are those of the end", reached, excuse))
        if "path" in task.result:
            with Path(task.result["path"]).open(encoding="utf-8", newline="") as file:
                numbers = sorted(row["number"] for row in csv.DictReader(file))
            if numbers != sorted(world.audience):
                excuse = RUN_TOO_EARLY if _is_run_by_person(world, task.result["campaign_id"]) else None
                found.append(Broken("a report has each contact once", f"{task.task_id}: {numbers}", excuse))
    return found


def _notifications(world: World, made: Sequence[Decision]) -> list[Broken]:
    """Check that the phone rings once, and that a notification which is not delivered is an error in a log."""
    rings = world.server.runs()
    found = []
    for before, again in pairwise(sorted(rings, key=lambda deed: deed.asked_at)):
        how = f"{said(world, before)}; {said(world, again)}"
        excuse = None
        if max(one.at - one.asked_at for one in (before, again)) > OBEYED_TOO_LATE:
            excuse = "a request that is carried out later than two minutes after it was sent"
        elif acted(world, {"runs", "edits", "renames", "deletes"}, until=again.at):
            excuse = "a person who runs, edits, renames or deletes the campaign of a notification"
        found.append(Broken("a notification rings once", how, excuse))
    if not rings and not any(line.level == "ERROR" for line in world.lines):
        killed = {each.point.actor for each in made if each.action.startswith("killed")}
        all_killed = killed >= {f"{task.task_id}.1" for task in world.airflow.tasks}
        excuse = "each process that has the notification to deliver is killed before it has run a campaign"
        how = "no phone has rung, and no error is logged"
        found.append(Broken("a notification is never lost in silence", how, excuse if all_killed else None))
    return found


def _stops(world: World) -> list[Broken]:
    stops = [deed for deed in world.server.deeds if deed.what == "stop"]
    if stops and not world.may_stop and world.stops_outside is None and not {"mark failed", "clear"} & set(world.acts):
        return [Broken("a campaign is stopped by a person or a deadline only", f"stopped by {stops[0].by}")]
    return []


def _closes(world: World, made: Sequence[Decision]) -> list[Broken]:
    """Check that a campaign is stopped outside its window only, and that a green task leaves none running there."""
    if world.stops_outside is None:
        return []
    opens, closes = world.stops_outside
    excuse = "a worker's clock that is wrong, by which the calling window closes"
    early = [deed for deed in world.server.deeds if deed.what == "stop" and opens <= deed.asked_at < closes]
    killed = {"mark failed", "clear"} & set(world.acts)
    found = [
        Broken(
            "a campaign is stopped outside its window only",
            said(world, deed),
            excuse if _is_off(made, deed.by) else None,
        )
        for deed in early
        if not killed
    ]
    for task in world.airflow.tasks:
        if task.state != "success":
            continue
        campaign = world.server.campaigns[task.result["campaign_id"]]
        stopped = task.result["stopped_at_window_close"]
        if not made and campaign.stopped_at is None:
            found.append(
                Broken("a campaign that runs when its window closes is stopped", f"{task.task_id}: it goes on")
            )
        if stopped != (campaign.stopped_at is not None):
            how = f"{task.task_id} says {stopped}, and the campaign is {world.server.status(campaign, world.time.now)}"
            found.append(Broken("the task says whether its campaign was stopped", how))
    return found


def _is_old_404(decision: Decision) -> bool:
    """Return whether a task that receives a 404 has seen the campaign before, so that its id is not a wrong one."""
    point = decision.point
    is_first = point.what == "get_campaign" and point.ordinal == 1 and point.actor.endswith(".1")
    return decision.action == "404" and not is_first


def _ends_well(world: World, made: Sequence[Decision]) -> list[Broken]:
    if len(made) > 1 or not all(decision.action in PASSING or _is_old_404(decision) for decision in made):
        return []
    return [
        Broken("a fault that passes leaves no red task", f"{task.task_id}: {task.error}")
        for task in world.airflow.tasks
        if task.state == "failed" and task.task_id not in world.may_fail
    ]


_NO_CONTACT_CALLED = re.compile(r"has called no contact|no contact (?:was|is) called(?! again)|was not run\b", re.I)


def _truth(world: World) -> list[Broken]:
    found = []
    for line in world.lines:
        if not _NO_CONTACT_CALLED.search(line.text):
            continue
        named = re.search(r"[Cc]ampaign (\d+)", line.text)
        if named is None:
            continue
        for run in world.server.runs(int(named.group(1))):
            # What a person does in the same moment, no task can know.
            # A sentence about a task or an attempt is about its own requests.
            parts = 1 if "task has" in line.text else 2 if "attempt has" in line.text else 0
            another = run.by.split(".")[:parts] != line.actor.split(".")[:parts]
            if not another and run.by != "person" and world.began <= run.asked_at <= line.at:
                found.append(Broken("the log is true of who was called", f"{line.actor}: {line.text}"))
                break
    return found
