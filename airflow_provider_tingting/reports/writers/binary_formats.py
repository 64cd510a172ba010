"""A report as a workbook or as Parquet. openpyxl and pyarrow are imported when a file is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import chain, islice
from typing import Any, BinaryIO, Final

from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.extras import import_extra
from airflow_provider_tingting.files.workbook import MAX_ROWS, MAX_TEXT, write_sheet
from airflow_provider_tingting.reports.cells import CachedParser
from airflow_provider_tingting.reports.rows import ReportBlock
from airflow_provider_tingting.reports.tidy import TidyTable
from airflow_provider_tingting.timezones import NEPAL

_BLOCKS_IN_GROUP: Final = 64


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


def write_xlsx(file: BinaryIO, table: TidyTable, blocks: Iterable[ReportBlock]) -> None:
    """Write the table as one sheet, `report`, with a frozen header.

    Numbers are text, so that no digit is lost; text that looks like a formula stays text. Moments are shown in
    Nepal time, because a workbook knows no time zones.

    :param file: where to write; not closed.
    :param table: the columns.
    :param blocks: the rows.
    :raises TingTingReportError: for a longer cell than a sheet can hold.
    """
    names = [name for name, _ in table.columns]
    write_sheet(file, names, _rows(table, blocks, names), title="report", freeze_header=True)


def _rows(table: TidyTable, blocks: Iterable[ReportBlock], names: Sequence[str]) -> Iterator[Sequence[Any]]:
    rows = chain.from_iterable(zip(*table.values(block), strict=True) for block in blocks)
    for line, values in enumerate(rows, 2):
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


def write_parquet(file: BinaryIO, table: TidyTable, blocks: Iterable[ReportBlock]) -> None:
    """Write the table: text as strings, amounts as doubles, moments as timestamps in Nepal time.

    :param file: where to write; not closed.
    :param table: the columns.
    :param blocks: the rows.
    """
    pyarrow, parquet = import_pyarrow()
    types: dict[type, Any] = {
        str: pyarrow.string(),
        float: pyarrow.float64(),
        datetime: pyarrow.timestamp("us", tz=NEPAL.key),
    }
    schema = pyarrow.schema([(name, types[kind]) for name, kind in table.columns])
    # pyarrow converts each moment by Python; reports repeat few of them over many rows.
    microseconds = CachedParser(lambda moment: moment and round(moment.timestamp() * 1_000_000)).__getitem__

    def batches() -> Iterator[Any]:
        for block in blocks:
            columns = table.values(block)
            arrays = [
                pyarrow.array(list(map(microseconds, column)), pyarrow.int64()).cast(field.type)
                if pyarrow.types.is_timestamp(field.type)
                else pyarrow.array(column, field.type)
                for column, field in zip(columns, schema, strict=True)
            ]
            yield pyarrow.record_batch(arrays, schema=schema)

    source = batches()
    with parquet.ParquetWriter(file, schema) as writer:
        while group := list(islice(source, _BLOCKS_IN_GROUP)):
            writer.write_table(pyarrow.Table.from_batches(group))
