"""Writes contacts to a file that a later task reads: JSON lines, compressed when the name ends in `.gz`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from airflow_provider_tingting.contacts.contact import Place, plain_value
from airflow_provider_tingting.contacts.sources.items import is_api_shaped, row_of
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError
from airflow_provider_tingting.files.atomic import QUICK, gzip_by_name, whole_file

_encode = msgspec.json.Encoder().encode
_ENDINGS = (".jsonl", ".jsonl.gz")


def write_audience(target: Any, items: Iterable[object], *, name: str = "the given contacts") -> int:
    """Write one contact a line as they come; memory stays flat, and the file appears when the last one is written.

    :param target: a local path, or any path of universal-pathlib, fsspec or Airflow, that ends in `.jsonl` or
        `.jsonl.gz`.
    :param items: numbers, flat dicts or dicts in the API's shape. Numbers are not checked here: the task that reads
        the file checks them and reports what is wrong.
    :param name: where the items come from, for errors.
    :return: how many were written.
    :raises TingTingConfigError: the name has another ending.
    :raises TingTingContactsError: an item is not a contact; what was at the target is untouched.
    :raises TingTingStorageError: the file cannot be written; what was at the target is untouched.
    """
    path: Any = target if hasattr(target, "open") else Path(target)
    ending = str(path.name).lower()
    if not ending.endswith(_ENDINGS):
        raise TingTingConfigError(f"The file of contacts must be a .jsonl or .jsonl.gz: '{path.name}' is neither.")
    with whole_file(path, what="The file of contacts") as file, gzip_by_name(file, path, level=QUICK) as plain:
        return _write(plain, items, name)


def _write(file: BinaryIO, items: Iterable[object], name: str) -> int:
    position = 0
    for position, item in enumerate(items, 1):
        place = Place(name, position)
        row = row_of(item, place)
        try:
            values = _plain(row.values)
            file.write(_encode(values if row.columns is None else values["number"]) + b"\n")
        except (TypeError, UnicodeEncodeError) as error:
            reason = "a text holds half a character" if isinstance(error, UnicodeEncodeError) else str(error)
            raise TingTingContactsError(
                f"{place}: {reason}. Give numbers, or dicts of texts, numbers and dates."
            ) from None
    return position


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    if is_api_shaped(values):
        inner: Any = values["other_variables"]
        return {
            "number": plain_value(values["number"]),
            "other_variables": {str(tag): plain_value(value) for tag, value in inner.items()},
        }
    return {key: plain_value(value) for key, value in values.items()}
