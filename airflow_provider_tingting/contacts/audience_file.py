"""Writes people into a file from which they are read again: JSON lines, packed by name, whole or not at all.

Imports the standard library, msgspec and this package only.
"""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import msgspec

from airflow_provider_tingting.contacts.contact import Place, plain_value
from airflow_provider_tingting.contacts.sources.items import is_api_shaped, row_of
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError
from airflow_provider_tingting.files.placing import place_file

_encode = msgspec.json.Encoder().encode
#: Numbers are not checked here: what is wrong with them belongs into the report of the check.
_ENDINGS = (".jsonl", ".jsonl.gz")


def write_audience(target: Any, items: Iterable[object], *, name: str = "the given contacts") -> int:
    """Write one contact a line as they come; memory stays flat, and the file appears when the last one is written.

    :param target: a path, or an object with `.open`, `.with_name` and `.replace` such as `ObjectStoragePath`, whose
        name ends in `.jsonl` or `.jsonl.gz`.
    :param items: numbers, flat dicts or dicts in the API's shape; their numbers are checked by whoever reads the file.
    :param name: where the items come from, for errors.
    :return: how many were written.
    :raises TingTingConfigError: for another ending.
    :raises TingTingContactsError: when an item is no contact, or the file cannot be written; what was at the target is
        untouched.
    """
    path: Any = target if hasattr(target, "open") else Path(target)
    ending = str(path.name).lower()
    if not ending.endswith(_ENDINGS):
        raise TingTingConfigError(f"The file of contacts must be a .jsonl or .jsonl.gz: '{path.name}' is neither.")
    with tempfile.TemporaryFile(prefix="tingting-") as finished:
        if ending.endswith(".gz"):
            # Without a name and a time in it, the same people give the same bytes. Level 1: a third of the time.
            with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=finished, mtime=0) as packed:
                written = _write(packed, items, name)
        else:
            written = _write(finished, items, name)
        finished.seek(0)
        place_file(finished, path, "The contacts")
    return written


def _write(file: IO[bytes] | gzip.GzipFile, items: Iterable[object], name: str) -> int:
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
