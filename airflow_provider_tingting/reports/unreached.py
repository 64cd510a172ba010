"""Writes the contacts that a campaign did not reach to a file, the audience of the next campaign.

Each contact keeps its variables, and one of them counts the campaigns that have tried it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from airflow_provider_tingting.api.statuses import ContactStatus
from airflow_provider_tingting.contacts.number_set import NumberSet
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError, TingTingError
from airflow_provider_tingting.files.atomic import gzip_by_name, whole_file
from airflow_provider_tingting.files.csv_escaping import row_writer
from airflow_provider_tingting.reports import CONTACT_STATUSES
from airflow_provider_tingting.reports.cells import read_status
from airflow_provider_tingting.reports.distinct_numbers import bare_number
from airflow_provider_tingting.reports.header import unique_names
from airflow_provider_tingting.reports.outcomes import Outcome
from airflow_provider_tingting.reports.summary import NOT_REACHED

UNREACHED: Final = tuple(status for status in CONTACT_STATUSES if status in NOT_REACHED)
FORMATS: Final = (".csv", ".jsonl")


class TooFewContactsError(TingTingError):
    """Fewer contacts are left than the minimum; no file was written.

    :param message: what the error says.
    :param found: how many contacts are left.
    """

    def __init__(self, message: str, found: Unreached) -> None:
        super().__init__(message)
        self.found = found


@dataclass(frozen=True, slots=True)
class Unreached:
    """How many contacts are left.

    :param contacts: contacts to try again.
    :param given_up: contacts with a status to try again that have had all their tries.
    :param rows: contacts of the report.
    """

    contacts: int
    given_up: int
    rows: int

    def to_json(self) -> dict[str, int]:
        """Return the figures as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Choice:
    """Which contacts to try again.

    :param statuses: the statuses of contacts to try again.
    :param max_tries: how many campaigns may try the same contact, the first one included; None for no limit.
    :param tries_column: the variable in which their number is carried along.
    """

    statuses: frozenset[str]
    max_tries: int | None
    tries_column: str

    @classmethod
    def read(cls, statuses: Sequence[str] | str, max_tries: Any, tries_column: Any) -> Choice:
        """Read the arguments of a user.

        :param statuses: one status or several, in any spelling.
        :param max_tries: a whole number above 0, or None.
        :param tries_column: the name of a variable.
        :raises TingTingConfigError: an argument is invalid.
        """
        wanted = [statuses] if isinstance(statuses, str) else list(statuses)
        read = {read_status(str(status)) for status in wanted}
        unknown = sorted(read - set(CONTACT_STATUSES))
        if unknown or not read:
            raise TingTingConfigError(
                f"statuses must be some of {', '.join(CONTACT_STATUSES)}; it is {', '.join(unknown) or 'empty'}."
            )
        if max_tries is not None and not (str(max_tries).isdecimal() and int(max_tries) > 0):
            raise TingTingConfigError(f"max_tries must be a whole number of at least 1, or None; it is {max_tries!r}.")
        if not str(tries_column or "").strip():
            raise TingTingConfigError("tries_column is empty. Give the variable that counts the tries.")
        return cls(frozenset(read), None if max_tries is None else int(max_tries), str(tries_column).strip())


def check_audience_name(name: str) -> None:
    """Check that an audience can be written to a file of this name.

    :param name: the name of the file.
    :raises TingTingConfigError: the name ends in no known format.
    """
    if not name.lower().removesuffix(".gz").endswith(FORMATS):
        raise TingTingConfigError(f"path must end in .csv or .jsonl, each also with .gz; it is {name!r}.")


def write_unreached(outcomes: Iterable[Outcome], target: object, choice: Choice, *, minimum: int = 0) -> Unreached:
    """Write the audience of the next campaign to a file: whole, or not at all.

    A number that another row says was reached, or may still be, is left out, and one that is there twice is written
    once. A `.csv` has the number, the tries and a column for each variable; a `.jsonl` has the API's own shape.
    Formulas are not escaped: a variable must come to the next message as it was.

    :param outcomes: the outcomes of all contacts; iterated twice.
    :param target: a local path, or any path of universal-pathlib, fsspec or Airflow. It is replaced.
    :param choice: which contacts to try again.
    :param minimum: the least number of contacts that is worth a campaign; below it no file is written.
    :raises TooFewContactsError: fewer contacts are left.
    :raises TingTingContactsError: a contact's number of tries is not a number.
    :raises TingTingStorageError: the target cannot be written; what was there is unchanged.
    """
    rows, done, columns = _count_rows(outcomes, choice)
    count = given_up = 0
    with whole_file(target, what="The audience") as file:
        with gzip_by_name(file, target) as plain:
            write = _writer(plain, str(getattr(target, "name", target)), [choice.tries_column, *columns])
            for number, tries, variables in _chosen(outcomes, choice, done):
                if choice.max_tries is not None and tries >= choice.max_tries:
                    given_up += 1
                    continue
                write(number, {choice.tries_column: tries, **variables})
                count += 1
            write.close()
        found = Unreached(count, given_up, rows)
        if count < minimum:
            raise TooFewContactsError(
                f"The report leaves {count:,} of {rows:,} contacts to try again, fewer than the {minimum:,} that a "
                f"campaign is worth, and {given_up:,} that were tried often enough. No file was written.",
                found,
            )
    return found


def _count_rows(outcomes: Iterable[Outcome], choice: Choice) -> tuple[int, NumberSet, list[str]]:
    """Count the rows, collect the numbers that were or may still be reached, and the columns."""
    rows, done = 0, NumberSet()
    columns: dict[str, None] = {}
    for outcome in outcomes:
        rows += 1
        if outcome.status in choice.statuses:
            columns.update(dict.fromkeys(outcome.variables))
        elif outcome.status not in NOT_REACHED:
            # Reached, or may still be reached.
            done.add(bare_number(outcome.number))
    columns.pop(choice.tries_column, None)
    return rows, done, list(columns)


def _chosen(
    outcomes: Iterable[Outcome], choice: Choice, done: NumberSet
) -> Iterator[tuple[str, int, dict[str, object]]]:
    for row, outcome in enumerate(outcomes, 1):
        if outcome.status in choice.statuses and done.add(bare_number(outcome.number)):
            variables = dict(outcome.variables)
            before = variables.pop(choice.tries_column, 0)
            # A campaign that was stopped has not tried the contacts that it left.
            tried = outcome.status != ContactStatus.TERMINATED.value
            yield outcome.number, _tries(before, choice.tries_column, row) + tried, variables


def _tries(value: object, column: str, row: int) -> int:
    try:
        number = float(str(value))
        if number < 0 or not number.is_integer():
            raise ValueError
        return int(number)
    except (OverflowError, ValueError):
        raise TingTingContactsError(
            f"Row {row:,} of the report: the variable '{column}' is not a number of tries. If it means something else "
            "to you, count the tries in another one: tries_column='called_times'."
        ) from None


class _Writer:
    """Writes contacts; `close` writes the rest of the buffered text."""

    def __init__(self, write: Callable[[str, dict[str, object]], object], close: Callable[[], object]) -> None:
        self._write = write
        self.close = close

    def __call__(self, number: str, variables: dict[str, object]) -> None:
        self._write(number, variables)


def _writer(file: BinaryIO, name: str, columns: Sequence[str]) -> _Writer:
    encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    if name.lower().removesuffix(".gz").endswith(".jsonl"):

        def write_line(number: str, variables: dict[str, object]) -> None:
            text.write(f"{encode({'number': number, 'other_variables': variables})}\n")

        return _Writer(write_line, text.detach)
    write_row = row_writer(text)
    # A variable that is called like the number's own column would take its place, as would another variable's name.
    renamed = iter(unique_names((f"variable_{name}" for name in columns if name.casefold() == "number"), columns))
    write_row(["number", *(next(renamed) if name.casefold() == "number" else name for name in columns)])

    def write_cells(number: str, variables: dict[str, object]) -> None:
        cells = (variables.get(column) for column in columns)
        write_row([number, *(cell if cell is None or isinstance(cell, str | int) else encode(cell) for cell in cells)])

    return _Writer(write_cells, text.detach)
