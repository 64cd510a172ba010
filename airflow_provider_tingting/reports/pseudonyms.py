"""Replaces phone numbers in files for others: masked, or by a keyed hash.

The hash is HMAC-SHA256 with a secret of the connection: a number has the same hash in every file, so that files can be
joined. Without the secret the hash of all numbers cannot be computed and compared.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.masking import mask_number, mask_text
from airflow_provider_tingting.reports import NUMBERS
from airflow_provider_tingting.reports.distinct_numbers import bare_number
from airflow_provider_tingting.reports.rows import ReportRow

if TYPE_CHECKING:
    from airflow_provider_tingting.reports.tidy import TidyTable

# Names and statuses are the same in every row.
_masked = lru_cache(maxsize=4096)(mask_text)
# A phone number has eight digits or more; a variable that is a smaller number is not a phone number.
_MIN_PHONE: Final = 10**7


def check_numbers(numbers: str, *, format: str, salt: str | None) -> None:
    """Check that numbers can be written in this way.

    :param numbers: one of `NUMBERS`.
    :param format: format of the report.
    :param salt: the secret of the hash.
    :raises TingTingConfigError: for another way, for `raw` bytes that cannot be changed, or without a salt.
    """
    if numbers not in NUMBERS:
        raise TingTingConfigError(f"numbers must be one of {', '.join(NUMBERS)}; it is {numbers!r}.")
    if numbers == "plain":
        return
    if format == "raw":
        raise TingTingConfigError(
            f"format='raw' is what TingTing sent, with every number in clear, so numbers={numbers!r} has no effect. "
            "Use format='csv' or another one."
        )
    if numbers == "sha256" and not salt:
        raise TingTingConfigError(
            "numbers='sha256' needs a salt; without one, the hashes of all numbers can be computed. Put a long random "
            "text into the field secret_salt of the TingTing connection, and keep it: another one gives other hashes."
        )


def pseudonymise(rows: Iterable[ReportRow], numbers: str, salt: str | None = None) -> Iterable[ReportRow]:
    """Return the rows with their numbers as they are to be written.

    What looks like a phone number in the contacts' variables and in unknown columns is masked as well.

    :param rows: the rows.
    :param numbers: one of `NUMBERS`: `plain` changes nothing.
    :param salt: the secret of the hash, for `sha256`.
    """
    if numbers == "plain":
        return rows
    if numbers == "masked":
        return _with_numbers(rows, mask_number)
    return _with_numbers(rows, hasher(salt or ""))


def pseudonymise_columns(table: TidyTable, numbers: str) -> TidyTable:
    """Return the columns of pseudonymised rows: a variable may be called like a number.

    :param table: the columns as they were read.
    :param numbers: how numbers are written: `plain`, `masked` or `hashed`.
    """
    if numbers == "plain":
        return table
    variables, extra = (tuple(dict.fromkeys(map(_masked, names))) for names in (table.variables, table.extra))
    return replace(table, variables=variables, extra=extra)


def hasher(salt: str) -> Callable[[str], str]:
    """Return the function that makes a number unreadable: `hmac.new(salt, number, "sha256").hexdigest()`.

    Both are UTF-8; the number is the ten digits, without blanks and Nepal's country code.

    :param salt: the secret salt of the connection.
    """
    keyed = hmac.new(salt.encode("utf-8"), digestmod="sha256")

    def hashed(number: str) -> str:
        mine = keyed.copy()
        mine.update(bare_number(number).encode("utf-8"))
        return mine.hexdigest()

    return hashed


def _with_numbers(rows: Iterable[ReportRow], change: Callable[[str], str]) -> Iterator[ReportRow]:
    for row in rows:
        info: Any = row.other_info
        yield replace(
            row,
            number=change(row.number),
            # Masked too, in case the report has a number in the wrong column.
            status=_masked(row.status),
            carrier=row.carrier and _masked(row.carrier),
            other_info=_masked_value(info) if info else info,
            extra={_masked(name): mask_text(text) for name, text in row.extra.items()},
        )


def _masked_value(value: object) -> Any:
    """Mask whatever looks like a phone number, at any depth."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {_masked(str(key)): _masked_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked_value(item) for item in value]
    if isinstance(value, (int, float)) and abs(value) >= _MIN_PHONE:
        return mask_number(int(value))
    return value
