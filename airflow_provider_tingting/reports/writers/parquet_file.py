"""A report as Parquet: typed columns, for a warehouse. Needs pyarrow, which is imported when a file is written.

May import the standard library and this room; pyarrow inside functions only.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from importlib import import_module
from itertools import islice
from typing import Any, BinaryIO, Final

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.reports.parser import ReportRow
from airflow_provider_tingting.reports.writers.tidy import TidyTable
from airflow_provider_tingting.timezones import NEPAL

_ROW_GROUP: Final = 32_768


def need_parquet() -> None:
    """Check that Parquet can be written.

    :raises TingTingConfigError: when pyarrow is not installed.
    """
    try:
        import_module("pyarrow.parquet")
    except ImportError as error:
        raise TingTingConfigError(
            f"A report in parquet needs pyarrow, which cannot be imported ({error}). Install it with "
            "pip install 'airflow-provider-tingting[parquet]', or use format='csv'."
        ) from error


def write_parquet(file: BinaryIO, table: TidyTable, rows: Iterable[ReportRow]) -> None:
    """Write the table: text as strings, amounts as doubles, moments as timestamps in Nepal time.

    :param file: where to write; not closed.
    :param table: the columns.
    :param rows: the rows.
    """
    # pyarrow is untyped and may be missing: this way neither troubles a type checker.
    pyarrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
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
