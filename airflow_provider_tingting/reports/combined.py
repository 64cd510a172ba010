"""One report of several campaigns that have called the same contacts: one row a contact, each try in columns."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from airflow_provider_tingting.contacts.number_set import NumberSet
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.files.atomic import gzip_by_name, whole_file
from airflow_provider_tingting.files.csv_escaping import escape_formula, row_writer
from airflow_provider_tingting.reports.contact_rows import contact_rows
from airflow_provider_tingting.reports.distinct_numbers import bare_number
from airflow_provider_tingting.reports.header import variable_columns
from airflow_provider_tingting.reports.parser import Report
from airflow_provider_tingting.reports.rows import ReportRow
from airflow_provider_tingting.reports.summary import NOT_REACHED, PENDING, REACHED, CampaignSummary
from airflow_provider_tingting.reports.tidy import as_text

FORMATS: Final = (".csv", ".jsonl")
#: What a try has in the combined report; in a `.csv` after the number of its campaign: `try_1_status`.
FIELDS: Final = ("status", "duration_seconds", "playback_percent", "credits", "action_date")

#: What a contact can come to, the worst first.
_OUTCOMES: Final = ("unknown", "not_reached", "pending", "reached")

_Try = tuple[str, float | None, float | None, float, str | None]


def check_combined_name(name: str) -> None:
    """Check that a combined report can be written to a file of this name.

    :param name: the name of the file.
    :raises TingTingConfigError: the name ends in no known format.
    """
    if not name.lower().removesuffix(".gz").endswith(FORMATS):
        raise TingTingConfigError(f"path must end in .csv or .jsonl, each also with .gz; it is {name!r}.")


class CombinedReport:
    """The tries of each contact in several campaigns.

    The first report is read in flat memory. Of the others, which have the contacts that are left, the tries are kept.
    A report that has a number more than once counts as one try of the contact, with the best of its outcomes.

    :param reports: the reports, the one of the first campaign first.
    """

    def __init__(self, reports: Sequence[Report]) -> None:
        self._reports = [contact_rows(report.rows, _rank) for report in reports]
        self._later: list[dict[str, _Try]] = [
            {number: _try(row) for row in rows() if (number := bare_number(row.number))} for rows in self._reports[1:]
        ]

    def summary(self) -> CampaignSummary:
        """Return the figures: a contact counts once, as reached when one of its tries has reached it."""
        outcomes: Counter[str] = Counter()
        credits = 0.0
        for _, tries, _ in self._rows():
            outcomes[_outcome(tries)] += 1
            credits += sum(one[3] for one in tries if one is not None)
        contacts = outcomes.total()
        return CampaignSummary(
            contacts=contacts,
            reached=outcomes["reached"],
            not_reached=outcomes["not_reached"],
            pending=outcomes["pending"],
            unknown=outcomes["unknown"],
            credits=round(credits, 6),
            reach_rate=round(outcomes["reached"] / contacts, 4) if contacts else None,
        )

    def write(self, target: object) -> None:
        """Write the report to a file: whole, or not at all.

        A `.csv` has the columns `number`, `outcome`, `tries`, `reached_by`, then `FIELDS` of each try, then the
        contacts' variables; formulas are escaped. A `.jsonl` has an object a contact, with `tries` as a list.

        :param target: a local path, or any path of universal-pathlib, fsspec or Airflow. It is replaced.
        :raises TingTingStorageError: the target cannot be written; what was there is unchanged.
        """
        with (
            whole_file(target, what="The combined report") as file,
            gzip_by_name(file, target) as plain,
            _text(plain) as text,
        ):
            if str(getattr(target, "name", target)).lower().removesuffix(".gz").endswith(".jsonl"):
                self._write_lines(text)
            else:
                self._write_table(text)

    def _write_table(self, text: io.TextIOWrapper) -> None:
        names: dict[str, None] = {}
        for _, _, variables in self._rows():
            names.update(dict.fromkeys(variables))
        tries = [f"try_{number}_{field}" for number in range(1, len(self._reports) + 1) for field in FIELDS]
        head = ["number", "outcome", "tries", "reached_by", *tries]
        write = row_writer(text)
        write([*head, *map(escape_formula, variable_columns(names, head))])
        for number, made, variables in self._rows():
            cells = [cell for one in made for cell in (one or (None,) * len(FIELDS))]
            values = [as_text(variables.get(name)) for name in names]
            write(
                [
                    escape_formula(number),
                    _outcome(made),
                    sum(one is not None for one in made),
                    _reached_by(made),
                    *cells,
                    *(value and escape_formula(value) for value in values),
                ]
            )

    def _write_lines(self, text: io.TextIOWrapper) -> None:
        encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
        for number, made, variables in self._rows():
            tries = [None if one is None else dict(zip(FIELDS, one, strict=True)) for one in made]
            row = {"number": number, "outcome": _outcome(made), "reached_by": _reached_by(made), "tries": tries}
            text.write(f"{encode({**row, 'variables': dict(variables)})}\n")

    def _rows(self) -> Iterator[tuple[str, list[_Try | None], Mapping[str, object]]]:
        """Yield each contact's number, its try in each campaign or None, and its variables."""
        seen = NumberSet()
        for place, rows in enumerate(self._reports):
            for row in rows():
                number = bare_number(row.number)
                if number and not seen.add(number):
                    continue
                tries: list[_Try | None] = [None] * place
                tries += [_try(row), *(later.get(number) for later in self._later[place:])]
                yield row.number, tries, row.other_info if isinstance(row.other_info, Mapping) else {}


def _try(row: ReportRow) -> _Try:
    credits = (row.credit_consumed or 0.0) + (row.credit_consumed_sms or 0.0)
    at = None if row.action_date is None else row.action_date.isoformat()
    return row.status, row.duration_seconds, row.playback_percent, credits, at


def _outcome(tries: Sequence[_Try | None]) -> str:
    """Return the outcome of a contact: the best of its tries."""
    return _OUTCOMES[max(_rank(one[0]) for one in tries if one is not None)]


def _rank(status: str) -> int:
    """Return which of `_OUTCOMES` a status is."""
    return 3 if status in REACHED else 2 if status in PENDING else 1 if status in NOT_REACHED else 0


def _reached_by(tries: Sequence[_Try | None]) -> int | None:
    return next((number for number, one in enumerate(tries, 1) if one is not None and one[0] in REACHED), None)


@contextmanager
def _text(file: Any) -> Iterator[io.TextIOWrapper]:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    yield text
    detach: Callable[[], object] = text.detach
    detach()
