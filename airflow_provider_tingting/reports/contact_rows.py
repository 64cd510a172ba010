"""One row for each contact of a report in which a number stands more than once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from airflow_provider_tingting.contacts.number_set import NumberSet
from airflow_provider_tingting.reports.distinct_numbers import bare_number
from airflow_provider_tingting.reports.rows import ReportRow

#: Returns the rows of a report from the first; may be called again.
Rows: TypeAlias = Callable[[], Iterable[ReportRow]]


def contact_rows(rows: Rows, rank: Callable[[str], int]) -> Rows:
    """Return the rows of a report with one row for each contact, those of repeated numbers last.

    Of the rows with the same number the one with the best status counts, with the credits of all of them. A row without
    a number stands for a contact of its own.

    :param rows: the rows of the report; called once here.
    :param rank: takes a status; the row whose status has the highest rank counts, the first one of equals.
    :raises TingTingReportError: the report is cut or damaged.
    """
    seen = NumberSet()
    repeated: set[str] = set()
    for row in rows():
        number = bare_number(row.number)
        if number and not seen.add(number):
            repeated.add(number)
    return (lambda: _merged(rows(), repeated, rank)) if repeated else rows


def _merged(rows: Iterable[ReportRow], repeated: set[str], rank: Callable[[str], int]) -> Iterator[ReportRow]:
    merged: dict[str, ReportRow] = {}
    for row in rows:
        number = bare_number(row.number)
        if number not in repeated:
            yield row
            continue
        before = merged.get(number)
        if before is None:
            merged[number] = row
            continue
        best = row if rank(row.status) > rank(before.status) else before
        merged[number] = replace(
            best,
            credit_consumed=_sum(before.credit_consumed, row.credit_consumed),
            credit_consumed_sms=_sum(before.credit_consumed_sms, row.credit_consumed_sms),
        )
    yield from merged.values()


def _sum(one: float | None, other: float | None) -> float | None:
    return one if other is None else other if one is None else one + other
