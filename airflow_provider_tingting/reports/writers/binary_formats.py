"""A report as a workbook or as Parquet. openpyxl and pyarrow are imported when a file is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, BinaryIO, Final

from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.extras import import_extra
from airflow_provider_tingting.files.workbook import MAX_ROWS, MAX_TEXT, write_sheet
from airflow_provider_tingting.reports.parser import ReportRow
from airflow_provider_tingting.reports.tidy import TidyTable
from airflow_provider_tingting.timezones import NEPAL

_ROW_GROUP: Final = 32_768


def check_sheet_holds(rows: int) -> None:
    """Check that so many rows fit into a sheet, before any is written.

    :param rows: the rows of the report.
    :raises TingTingReportError: when they do not.
    """
    if rows > MAX_ROWS - 1:
        raise TingTingReportError(
            f"The report has {rows:,} rows; a sheet of a workbook can hold {MAX_ROWS - 1:,}. Use format='csv' or "
            "'parquet'."
        )


def write_xlsx(file: BinaryIO, table: TidyTable, rows: Iterable[ReportRow]) -> None:
    """Write the table as one sheet, `report`, with a frozen header.

    Numbers are text, so that no digit is lost; text that looks like a formula stays text. Moments are shown in
    Nepal time, because a workbook knows no time zones.

    :param file: where to write; not closed.
    :param table: the columns.
    :param rows: the rows.
    :raises TingTingReportError: for a longer cell than a sheet can hold.
    """
    names = [name for name, _ in table.columns]
    write_sheet(file, names, _rows(table, rows, names), title="report", freeze_header=True)


def _rows(table: TidyTable, rows: Iterable[ReportRow], names: Sequence[str]) -> Iterator[list[Any]]:
    for line, row in enumerate(rows, 2):
        values = table.values(row)
        for value, name in zip(values, names, strict=True):
            if isinstance(value, str) and len(value) > MAX_TEXT:
                raise TingTingReportError(
                    f"Row {line:,} of the workbook has {len(value):,} characters in column {name!r}; a cell can hold "
                    f"{MAX_TEXT:,}. Use format='csv' or 'parquet'."
                )
        yield values


def import_pyarrow() -> tuple[Any, Any]:
    """Return the modules `pyarrow` and `pyarrow.parquet`.

    :raises TingTingConfigError: when pyarrow is not installed.
    """
    need = partial(import_extra, extra="parquet", purpose="A report in parquet", otherwise="use format='csv'")
    return need("pyarrow"), need("pyarrow.parquet")


def write_parquet(file: BinaryIO, table: TidyTable, rows: Iterable[ReportRow]) -> None:
    """Write the table: text as strings, amounts as doubles, moments as timestamps in Nepal time.

    :param file: where to write; not closed.
    :param table: the columns.
    :param rows: the rows.
    """
    pyarrow, parquet = import_pyarrow()
    types: dict[type, Any] = {
        str: pyarrow.string(),
        float: pyarrow.float64(),
        datetime: pyarrow.timestamp("us", tz=NEPAL.key),
    }
    schema = pyarrow.schema([(name, types[kind]) for name, kind in table.columns])
    source = iter(rows)
    with parquet.ParquetWriter(file, schema) as writer:
        while group := [table.values(row) for row in islice(source, _ROW_GROUP)]:
            columns = zip(*group, strict=True)
            arrays = [pyarrow.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            writer.write_table(pyarrow.table(arrays, schema=schema))
