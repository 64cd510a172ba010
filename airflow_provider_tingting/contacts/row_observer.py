"""Reports each row that a check leaves out, with its reason, to an observer of the process; a rehearsal is one.

A check itself only counts what is duplicate, excluded or filtered out, because an audience may have a million rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from airflow_provider_tingting.contacts.contact import Place

#: Takes the reason, the place of the row, and its number; the number is empty when none was read.
Observer = Callable[[str, Place, str], None]

_observer: Observer | None = None


@contextmanager
def observe_left_out(observer: Observer) -> Iterator[None]:
    """Have a function called for each row that any check of this process leaves out while the block runs.

    :param observer: takes the reason (`duplicate`, `excluded`, `on the do-not-call list`, `frequency cap`, `filtered
        out`, or why the row was rejected), the place of the row, and its number.
    """
    global _observer
    before, _observer = _observer, observer
    try:
        yield
    finally:
        _observer = before


def report_left_out(reason: str, place: Place, number: str = "") -> None:
    """Report a row that is left out, if there is an observer.

    :param reason: see `observe_left_out`.
    :param place: where the row was read.
    :param number: its number, if one was read.
    """
    if _observer is not None:
        _observer(reason, place, number)
