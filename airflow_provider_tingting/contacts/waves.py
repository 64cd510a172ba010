"""Splits an audience into files, each for a campaign that ends within one calling window."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, TypedDict

from airflow_provider_tingting.contacts.audience_file import write_audience
from airflow_provider_tingting.contacts.contact import Contact
from airflow_provider_tingting.errors import TingTingConfigError, TingTingStorageError, TingTingStorageRefusedError
from airflow_provider_tingting.files.atomic import whole_file
from airflow_provider_tingting.files.storage_errors import judge_storage_error

#: The share of a window's time that is planned for calls.
USED = 0.9
_PLAN = "plan.json"


class Wave(TypedDict):
    """One part of an audience.

    :param contacts: the path of its file.
    :param number: which wave it is, from 1.
    """

    contacts: str
    number: int


def sizes_of(contacts: int, minutes: Iterable[float], pace: float) -> list[int]:
    """Return how many contacts each campaign takes, so that it ends within its window.

    :param contacts: how many contacts there are.
    :param minutes: how long each window is open, the current one first.
    :param pace: how many contacts are called in a minute.
    :raises TingTingConfigError: the windows do not suffice, or none is long enough for one contact.
    """
    sizes: list[int] = []
    left = contacts
    for length in minutes:
        size = min(left, int(length * pace * USED))
        if size:
            sizes.append(size)
            left -= size
        if not left:
            return sizes
    raise TingTingConfigError(
        f"{left:,} of {contacts:,} contacts fit into no calling window of the next two weeks at {pace:g} calls a "
        "minute. No campaign was created. Open the window for longer, or call fewer contacts."
    )


def read_plan(folder: Any) -> list[Wave] | None:
    """Return the waves that an earlier try has written, or None.

    :param folder: the folder of this task and DAG run, or occasion.
    :raises TingTingStorageError: the plan is damaged or cannot be read.
    :raises TingTingStorageRefusedError: the path, its store or the rights are wrong.
    """
    plan = folder / _PLAN
    try:
        if not plan.exists():
            return None
        waves: list[Wave] = json.loads(plan.read_text())
    except ValueError as error:
        raise TingTingStorageError(f"{plan} is damaged. Delete the folder, and clear the task.") from error
    except Exception as error:
        fault = judge_storage_error(error)
        raise fault.error(f"The plan {plan} cannot be read: {fault.reason}. {fault.remedy}") from error
    return waves


def write_waves(folder: Any, contacts: Iterable[Contact], sizes: Sequence[int]) -> list[Wave]:
    """Write a file for each wave, and then the plan that names them; return the plan.

    Another try may be alive and write its own waves at the same time. The files of both have different names, and the
    plan that is written first counts: both tries return it. An object store can only be asked before the plan is put
    there, so of two plans that are put within the same moment the last one stays.

    :param folder: the folder of this task and DAG run, or occasion.
    :param contacts: the contacts, as many as the sizes together.
    :param sizes: how many contacts each wave has.
    :raises TingTingStorageError: a file cannot be written, or the plan of another try is damaged.
    """
    rest = iter(contacts)
    waves: list[Wave] = []
    of_this_try = secrets.token_hex(4)
    for number, size in enumerate(sizes, 1):
        path = folder / f"wave_{number}_{of_this_try}.jsonl.gz"
        items = ({"number": one.number, "other_variables": dict(one.variables)} for one in islice(rest, size))
        write_audience(path, items)
        waves.append({"contacts": str(path), "number": number})
    try:
        with whole_file(folder / _PLAN, overwrite=False, what="The plan of the waves") as file:
            file.write(json.dumps(waves).encode())
    except TingTingStorageRefusedError:
        if not (folder / _PLAN).exists():
            raise
    return read_plan(folder) or waves
