"""A survey report into a file: as it came, or with tidy columns where its JSON allows.

TingTing documents no columns of a survey report, so nothing is expected of them; what is not CSV or JSON at all is
still refused.

Source: Campaign API, "Survey report": `GET download/survey/{survey_id}/report/?format=csv|json`.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from typing import BinaryIO, Final

from airflow_provider_tingting.errors import TingTingConfigError, TingTingReportError
from airflow_provider_tingting.files.atomic import gzip_by_name, size_of, whole_file
from airflow_provider_tingting.files.csv_escaping import escape_formula, row_writer
from airflow_provider_tingting.reports.body import END, Lines, refuse_other_kinds
from airflow_provider_tingting.reports.tidy import as_text

SURVEY_FORMATS: Final = ("csv", "json")
# JSON cannot be checked in parts; a survey of more than this is not taken into memory.
MAX_JSON: Final = 256 << 20
# Where an envelope keeps the answers.
_LISTS: Final = ("data", "results", "responses", "report")

# Rows, columns, and the answers where they are flat objects.
_Seen = tuple[int | None, tuple[str, ...], list[Mapping[str, object]] | None]


@dataclass(frozen=True, slots=True)
class WrittenSurvey:
    """What was written.

    :param rows: answers in the report; None when its JSON is not a list.
    :param columns: the columns, as they came; empty when there are none.
    :param format: what the file holds: `csv` or `json`.
    :param bytes: size of the file.
    """

    rows: int | None
    columns: tuple[str, ...]
    format: str
    bytes: int


def write_survey_report(
    source: BinaryIO, target: object, *, format: str = "csv", tidy: bool = False, overwrite: bool = True
) -> WrittenSurvey:
    """Write a survey report to a file, whole or not at all.

    :param source: the report as it came: a readable, seekable binary file. Not closed.
    :param target: as for `writers.write_report`; `.gz` is written with gzip.
    :param format: the requested format: `csv` or `json`.
    :param tidy: turn JSON that is a list of flat objects into CSV with one column a key; other JSON, and CSV, is
        passed through as it came.
    :param overwrite: whether a file that is there is replaced.
    :raises TingTingReportError: when the report is empty, cut or of another kind, or the target cannot be written.
    :raises TingTingConfigError: for another format.
    """
    if format not in SURVEY_FORMATS:
        raise TingTingConfigError(
            f"There is no survey report format {format!r}. Use one of {', '.join(SURVEY_FORMATS)}."
        )
    refuse_other_kinds(source, wanted=format.upper())
    rows, columns, answers = _read_csv(source) if format == "csv" else _read_json(source)
    write_columns = tidy and bool(answers) and bool(columns)
    with whole_file(target, overwrite=overwrite) as file:
        with gzip_by_name(file, target) as plain:
            if write_columns and answers:
                _write_csv(plain, columns, answers)
            else:
                source.seek(0)
                shutil.copyfileobj(source, plain, 1 << 20)
        size = size_of(file)
    return WrittenSurvey(rows, columns, "csv" if write_columns else format, size)


def _read_csv(source: BinaryIO) -> _Seen:
    """Count the rows below the first one that is not blank; that one is taken for the header."""
    lines = Lines(source)
    reader = csv.reader(lines)
    columns: tuple[str, ...] = ()
    rows = 0
    try:
        for cells in reader:
            lines.record_ended()
            if cells == [END]:
                return rows, columns, None
            if not any(map(str.strip, cells)):
                continue
            if columns:
                rows += 1
            else:
                columns = tuple(cells)
    except csv.Error as error:
        raise TingTingReportError(
            f"The survey report cannot be read as CSV near line {reader.line_num:,}: {error}. Download it again."
        ) from None
    raise TingTingReportError("The survey report breaks off inside a quoted field. Download it again.")


def _read_json(source: BinaryIO) -> _Seen:
    source.seek(0)
    body = source.read(MAX_JSON + 1)
    if len(body) > MAX_JSON:
        raise TingTingReportError(
            f"The survey report is JSON of more than {MAX_JSON >> 20} MiB, too much to check. Ask for it with "
            "format='csv'."
        )
    try:
        reply = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        where = f" at line {error.lineno:,}, column {error.colno:,}" if isinstance(error, json.JSONDecodeError) else ""
        raise TingTingReportError(
            f"The survey report is not whole JSON in UTF-8: it stops making sense{where}. Download it again."
        ) from None
    if isinstance(reply, dict):
        reply = next((reply[key] for key in _LISTS if isinstance(reply.get(key), list)), reply)
    if not isinstance(reply, list):
        return None, (), None
    if not all(isinstance(answer, dict) and not any(map(_is_nested, answer.values())) for answer in reply):
        return len(reply), (), None
    return len(reply), tuple(dict.fromkeys(key for answer in reply for key in answer)), reply


def _is_nested(value: object) -> bool:
    return isinstance(value, (dict, list))


def _write_csv(file: BinaryIO, columns: Sequence[str], answers: Iterable[Mapping[str, object]]) -> None:
    text = TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
    write_row = row_writer(text)
    write_row([escape_formula(name) for name in columns])
    for answer in answers:
        write_row([escape_formula(as_text(answer.get(name)) or "") for name in columns])
    text.flush()
    text.detach()
