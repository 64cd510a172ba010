"""Reads the arguments of calls: ids, lists and dicts. A value of another type is an error that names the argument.

`True` is not read as campaign 1, nor `0.5` as campaign 0: the request would reach another campaign than intended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from airflow_provider_tingting.errors import TingTingConfigError

_LARGEST_ID = 2**63


def id_of(value: Any, argument: str) -> int:
    """Return an id as a whole number; a text of digits is one, too.

    :param value: the id.
    :param argument: its name, for the error.
    :raises TingTingConfigError: it is not an id.
    """
    try:
        if isinstance(value, bool | bytes) or (isinstance(value, float) and not value.is_integer()):
            raise ValueError
        number = int(value)
        if not 0 < number < _LARGEST_ID:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise TingTingConfigError(
            f"{argument} must be an id that TingTing gave, a whole number; it is a {type(value).__name__}."
        ) from None
    return number


def campaign_of(value: object) -> int:
    """Return a campaign's id, as `id_of`.

    :param value: the argument.
    """
    return id_of(value, "campaign_id")


def contact_of(value: object) -> int:
    """Return a contact's id, as `id_of`.

    :param value: the argument.
    """
    return id_of(value, "contact_id")


def ids_of(value: object, argument: str) -> list[int]:
    """Return several ids as whole numbers.

    :param value: the ids, in any iterable but a text.
    :param argument: its name, for the error.
    :raises TingTingConfigError: it is not a list, or one of them is not an id.
    """
    return [id_of(one, argument) for one in items_of(value, argument)]


def items_of(value: object, argument: str) -> list[Any]:
    """Return the items of an iterable that is neither a text nor a dict.

    :param value: the iterable.
    :param argument: its name, for the error.
    :raises TingTingConfigError: it is no such iterable.
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise TingTingConfigError(f"{argument} must be a list; it is a {type(value).__name__}.")
    return list(value)


def dict_of(value: object, argument: str) -> dict[str, Any]:
    """Return a dict of names and values.

    :param value: the dict.
    :param argument: its name, for the error.
    :raises TingTingConfigError: it is not a dict, or one of its keys is not text.
    """
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TingTingConfigError(f"{argument} must be a dict of names and values; it is a {type(value).__name__}.")
    return dict(value)


def dict_or_none(value: object, argument: str) -> dict[str, Any] | None:
    """Return a dict as `dict_of`, or None."""
    return None if value is None else dict_of(value, argument)


def path_of(value: object, argument: str) -> Path:
    """Return a local path.

    :param value: a text, or a path object.
    :param argument: its name, for the error.
    :raises TingTingConfigError: it is neither.
    """
    if not isinstance(value, str | PathLike) or not str(value).strip():
        raise TingTingConfigError(f"{argument} must be the path of a file; it is a {type(value).__name__}.")
    return Path(value)


def text_of(value: object, argument: str) -> str:
    """Return a text that is not empty.

    :param value: the text.
    :param argument: its name, for the error.
    :raises TingTingConfigError: it is not text, or it is empty.
    """
    if not isinstance(value, str) or not value.strip():
        raise TingTingConfigError(f"{argument} must be a text that is not empty; it is a {type(value).__name__}.")
    return value


def texts_of(**values: Any) -> dict[str, str | None]:
    """Return texts that may be missing, by the names of their arguments.

    :param values: a text or None for each argument.
    :raises TingTingConfigError: one of them is something else.
    """
    for argument, value in values.items():
        if value is not None and not isinstance(value, str):
            raise TingTingConfigError(f"{argument} must be a text; it is a {type(value).__name__}.")
    return values


def phone_number_of(value: object) -> str | int:
    """Return a phone number as it is given, a text or a whole number.

    :param value: the number.
    :raises TingTingConfigError: it is something else.
    """
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LARGEST_ID:
        return value
    raise TingTingConfigError(
        f"number must be a phone number, as a text of ten digits; it is a {type(value).__name__}."
    )


def amount_or_none(value: object, argument: str) -> float | None:
    """Return a number above 0, or None.

    :param value: the number.
    :param argument: its name, for the error.
    :raises TingTingConfigError: it is no such number.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _LARGEST_ID:
        raise TingTingConfigError(f"{argument} must be a number above 0; it is a {type(value).__name__}.")
    return value


def flag_or_none(value: object, argument: str) -> bool | None:
    """Return True, False or None.

    :param value: the truth value.
    :param argument: its name, for the error.
    :raises TingTingConfigError: it is something else.
    """
    if value is None or isinstance(value, bool):
        return value
    raise TingTingConfigError(f"{argument} must be True or False; it is a {type(value).__name__}.")


def without_none(**values: Any) -> dict[str, Any]:
    """Return the values that are not None.

    :param values: the fields of a body, or of a query.
    """
    return {name: value for name, value in values.items() if value is not None}
