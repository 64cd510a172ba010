"""Reads contacts from any source as one stream of rows that know where they come from.

```python
from airflow_provider_tingting.contacts.sources import read_rows

for row in read_rows("people.xlsx"):
    print(row.place, list(row.values))
```

`read_rows` picks the reader by the file's name. Every reader streams; a format's library is loaded when a file of that
format is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_tingting.contacts.contact import Row
from airflow_provider_tingting.contacts.row_stream import RowBlock, RowStream
from airflow_provider_tingting.contacts.sources.source_file import SourceFile
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError

__all__ = ["Row", "read_rows"]

_DELIMITED = frozenset({".csv", ".tsv", ".txt"})
_LINES = frozenset({".jsonl", ".ndjson"})
# An old .xls goes the same way: its content decides, since many are .xlsx by another name.
_WORKBOOKS = frozenset({".xlsx", ".xlsm", ".xls"})
_KNOWN = ".csv, .tsv, .txt, .xlsx, .jsonl or .parquet, each also with .gz"
#: What to do about a workbook with several sheets of data; `{sheet}` stands for the first of them.
NAME_THE_SHEET = "Say which one holds the contacts, for example sheet='{sheet}'."


def read_rows(
    source: object,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    may_be_empty: bool = False,
    hidden_rows: str = "ask",
    several_sheets: str = NAME_THE_SHEET,
    number_column: str | None = None,
) -> RowStream:
    """Return the rows of a source, which are read one after the other, or in small blocks, in flat memory.

    :param source: a path (`str` or `os.PathLike`); an object with `.open("rb")` and `.name`, such as Airflow's
        `ObjectStoragePath`; or an iterable of numbers, flat dicts, dicts in the API's shape, or `Row`. Files are known
        by name: `.csv`, `.tsv`, `.txt` (any separator), `.xlsx`, `.jsonl`, `.parquet`, each also with `.gz`.
    :param encoding: the encoding of a text file that is neither UTF-8 nor UTF-16, such as `cp1252`.
    :param delimiter: the character between the values of a text file, when it is not found rightly by itself; another
        source must not have one.
    :param sheet: the sheet of a workbook; needed only when several visible sheets have data. Another source must not
        have one.
    :param may_be_empty: whether a table of a header only is allowed, as for an exclusion list.
    :param hidden_rows: what happens to hidden rows of a workbook: `ask`, `include` or `skip`; see `read_workbook`.
    :param several_sheets: what the error says to do when several visible sheets have data and `sheet` names none;
        `{sheet}` in it stands for the name of the first of them.
    :param number_column: the column of a table that holds the numbers, if it is known: a last row with a value there
        only is never taken for one that was prepared for a further contact.
    :raises TingTingConfigError: when the source is none of these, or has no sheet or no delimiter to choose.
    :raises TingTingContactsError: while reading, when something is wrong with it: what, where, and what to do.
    """
    if isinstance(source, str | os.PathLike) or hasattr(source, "open"):
        file = SourceFile(source)
        _check_fit(file.shown, file.suffix, sheet, delimiter)
        how = {"sheet": sheet, "hidden_rows": hidden_rows, "several_sheets": several_sheets}
        table = {"may_be_empty": may_be_empty, "number_column": number_column}
        return RowStream(_read_file(file, encoding, delimiter, table, how))
    if isinstance(source, Mapping | bytes | bytearray) or not isinstance(source, Iterable):
        raise TingTingConfigError(
            f"Contacts cannot be read from a {type(source).__name__}. Give the path of a file, or a list of numbers or "
            "dicts."
        )
    if hasattr(source, "to_dict") and hasattr(source, "columns"):
        raise TingTingConfigError("Give a data frame as dicts: contacts=frame.to_dict('records').")
    _check_fit("a list", "", sheet, delimiter)
    from airflow_provider_tingting.contacts.sources.items import read_items

    return RowStream(read_items(source))


def _check_fit(source: str, suffix: str, sheet: object, delimiter: object) -> None:
    if sheet is not None and suffix not in _WORKBOOKS:
        raise TingTingConfigError(f"sheet='{sheet}' is given, and {source} is not a workbook. Leave the sheet out.")
    if delimiter is not None and suffix not in _DELIMITED:
        raise TingTingConfigError(
            f"delimiter='{delimiter}' is given, and {source} is not a text file of separated values. Leave it out."
        )


def _read_file(
    file: SourceFile, encoding: str | None, delimiter: str | None, table: Mapping[str, Any], how: Mapping[str, Any]
) -> Iterator[Row | RowBlock]:
    suffix = file.suffix
    if suffix in _DELIMITED:
        from airflow_provider_tingting.contacts.sources.delimited import read_delimited

        return read_delimited(file, encoding, delimiter, **table)
    if suffix in _WORKBOOKS:
        from airflow_provider_tingting.contacts.sources.workbook_reader import read_workbook

        return read_workbook(file, **table, **how)
    if suffix in _LINES:
        from airflow_provider_tingting.contacts.sources.items import read_jsonl

        return read_jsonl(file, encoding)
    if suffix == ".parquet":
        from airflow_provider_tingting.contacts.sources.parquet import read_parquet

        return read_parquet(file, may_be_empty=table["may_be_empty"])
    raise TingTingContactsError(f"{file.shown}: the name ends in no known format. Use {_KNOWN}.")
