"""The outcome of each contact, read from a report as TingTing sent it or from a file that was written from it.

An outcome is a number, a status and the contact's variables, as they went into the campaign.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.contacts.sources.source_file import SourceFile
from airflow_provider_tingting.errors import TingTingContactsError
from airflow_provider_tingting.files.csv_escaping import unescape_formula
from airflow_provider_tingting.masking import HIDDEN, mask_number
from airflow_provider_tingting.reports.cells import read_other_info, read_status
from airflow_provider_tingting.reports.parser import Report, open_report
from airflow_provider_tingting.reports.tidy import CORE, OTHER_INFO

_CORE: Final = tuple(name for name, _ in CORE)
_RESERVED: Final = frozenset({*_CORE, OTHER_INFO})
_PREFIX: Final = "variable_"


@dataclass(frozen=True, slots=True, repr=False)
class Outcome:
    """The outcome of one contact.

    :param number: its number, as text.
    :param status: its status, as `cells.CONTACT_STATUSES` has them.
    :param variables: its variables in the campaign, without blanks.
    """

    number: str
    status: str
    variables: Mapping[str, object]

    def __repr__(self) -> str:
        """Show the status; mask the number and hide the variables."""
        return f"Outcome(number={mask_number(self.number)!r}, status={self.status!r}, variables={HIDDEN})"


class Outcomes:
    """The outcomes of a report, read from its beginning each time they are iterated, in flat memory.

    :param source: the report as it came (a readable, seekable binary file), or the path of a file that a report was
        written to, in any format.
    """

    def __init__(self, source: BinaryIO | Any) -> None:
        self._source = source

    def __iter__(self) -> Iterator[Outcome]:
        """Return every contact's outcome, in the report's order.

        :raises TingTingContactsError: the file may not be read, is not a report, or has masked numbers.
        :raises TingTingSourceError: the file is not on this machine, or its storage fails.
        :raises TingTingReportError: it is a CSV that is damaged or no report.
        """
        for outcome in self._read():
            if "*" in outcome.number or len(outcome.number) == 64:
                raise TingTingContactsError(
                    f"{self._name()}: the numbers are masked or hashed, so they cannot be called. Give a report "
                    "with plain numbers, or campaign_id instead."
                )
            yield outcome

    def _read(self) -> Iterator[Outcome]:
        with ExitStack() as stack:
            stream: Any = self._source
            if not hasattr(stream, "seek"):
                file = SourceFile(stream)
                if file.suffix != ".csv":
                    yield from self._of_rows()
                    return
                stream = stack.enter_context(file.open_seekable())
            report = open_report(stream)
            yield from (_of_tidy if report.columns[: len(_CORE)] == _CORE else _of_report)(report)

    def _of_rows(self) -> Iterator[Outcome]:
        for row in read_rows(self._source):
            values = row.values
            if "number" not in values or "status" not in values:
                raise TingTingContactsError(
                    f"{row.place} has no 'number' and 'status': this is not a report. Give the path that a "
                    "TingTingDownloadReportOperator returned."
                )
            if "variables" in values and isinstance(values["variables"], Mapping):
                variables: Mapping[str, object] = values["variables"]
            else:
                variables = _original(values)
            yield Outcome(str(values["number"]), read_status(str(values["status"])), _filled(variables))

    def _name(self) -> str:
        return "The report" if hasattr(self._source, "seek") else str(self._source)


def _of_report(report: Report) -> Iterator[Outcome]:
    for row in report.rows():
        info = row.other_info
        yield Outcome(row.number, row.status, _filled(info) if isinstance(info, Mapping) else {})


def _of_tidy(report: Report) -> Iterator[Outcome]:
    """Read a tidy file by place: a variable may be called like one of the columns that a report could have."""
    names = [unescape_formula(name.strip() or f"column {place}") for place, name in enumerate(report.columns, 1)]
    number, status, first = _CORE.index("number"), _CORE.index("status"), len(_CORE)
    status_of = report.status_reader()
    for batch in report.batches():
        for cells in zip(*batch, strict=True):
            values = dict(zip(names[first:], map(unescape_formula, cells[first:]), strict=True))
            yield Outcome(cells[number].strip(), status_of(cells[status]), _original(values))


def _original(values: Mapping[str, object]) -> dict[str, object]:
    """Undo what a tidy table does to the variables: leave the report's own columns out, and give names back."""
    found = {name: value for name, value in values.items() if name.casefold() not in _RESERVED}
    info = values.get(OTHER_INFO)
    whole = read_other_info(info) if isinstance(info, str) and info else None
    original = dict(whole) if isinstance(whole, Mapping) else {}
    for name, value in found.items():
        own = name.removeprefix(_PREFIX)
        original[own if name.startswith(_PREFIX) and own.casefold() in _RESERVED else name] = value
    return _filled(original)


def _filled(variables: Mapping[str, object]) -> dict[str, object]:
    return {str(name): value for name, value in variables.items() if value is not None and value != ""}
