"""The tasks of the lives: real operators, a new one for each try."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

from simulation.tasks import ENDED, Task
from simulation.world import World

from airflow_provider_tingting.operators.campaign import TingTingCreateCampaignOperator, TingTingRunCampaignOperator
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator, TingTingCheckContactsOperator

NUMBERS = ("9841234501", "9841234502", "9801234503", "9861234504")


@cache
def _template(kind: type, **arguments: Any) -> Any:
    return kind(retries=3, retry_delay=timedelta(seconds=1), **arguments)


def operator(kind: type, changes: dict[str, Any], **arguments: Any) -> Callable[[], Any]:
    """Return what makes an operator of one task for each try.

    :param changes: attributes that differ from life to life.
    :param arguments: of the operator, the same in every life.
    """

    def make() -> Any:
        made = copy.copy(_template(kind, **arguments))
        for name, value in changes.items():
            setattr(made, name, value)
        return made

    return make


def run_task(number: int, task_id: str = "run", **arguments: Any) -> Callable[[], Any]:
    """Return what makes a task that runs a campaign."""
    return operator(TingTingRunCampaignOperator, {"campaign_id": number}, task_id=task_id, campaign_id=1, **arguments)


def create_task(task_id: str = "create", **arguments: Any) -> Callable[[], Any]:
    """Return what makes a task that creates a campaign."""
    made = {"name": "Water notice", "message": "नमस्कार", "user_phone": (3,), **arguments}
    return operator(TingTingCreateCampaignOperator, {}, task_id=task_id, **made)


def add_task(number: int, task_id: str = "add") -> Callable[[], Any]:
    """Return what makes a task that adds the contacts."""
    return operator(
        TingTingAddContactsOperator,
        {"campaign_id": number, "contacts": list(NUMBERS)},
        task_id=task_id,
        campaign_id=1,
        batch_size=3,
        concurrency=1,
    )


def check_task(number: int) -> Callable[[], Any]:
    """Return what makes a task that checks the contacts."""
    changes = {"campaign_id": number, "contacts": list(NUMBERS)}
    return operator(TingTingCheckContactsOperator, changes, task_id="check", campaign_id=1)


def ended(*tasks: Task) -> Callable[[], bool]:
    """Return the condition that tasks have ended."""
    return lambda: all(task.state in ENDED for task in tasks)


def task(world: World, make: Callable[[], Any], task_id: str, **settings: Any) -> Task:
    """Begin a task."""
    begun = Task(task_id, make, **settings)
    world.airflow.start(begun)
    return begun
