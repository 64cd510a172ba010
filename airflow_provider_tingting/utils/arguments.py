"""Reads arguments that may have come through a template as text, and says what is wrong with them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow_provider_tingting._compat import object_storage_path
from airflow_provider_tingting.api.arguments import id_of
from airflow_provider_tingting.contacts.message import clean_tags
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.masking import printable

ON_TOO_OLD = ("fail", "skip")
#: Texts that show what is wrong and identify no contact: a number, or a value that is missing.
_HARMLESS = re.compile(r"[-+.\d]*|None|null|nan|true|false", re.IGNORECASE | re.ASCII)


#: Arguments that hold an id, whose reader says what is wrong with a missing one.
IDS = frozenset({"campaign_id", "contact_id", "survey_id"})
#: The end of the year 9998, so that a date can be made of each moment in each time zone.
_LATEST_MOMENT = 253_370_764_800
_LONGEST_QUOTED = 20
_DIGITS = re.compile(r"\d{5}")

#: A path ends like a file name; a CSV row or a sentence does not, and 98412345.60 is a number.
_LIKE_A_PATH = re.compile(r"([^\r\n,;]*|[^\r\n]*/[^\r\n]*)\.[A-Za-z]\w{0,9}/?")


def shown(value: object) -> str:
    """Return a value for an error text: as it is when it identifies no contact, otherwise its kind.

    Users pass a contact's row where an id belongs, and an error text reaches a log.

    :param value: the argument.
    """
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, str):
        characters = "1 character" if len(value) == 1 else f"{len(value)} characters"
        return repr(value) if _HARMLESS.fullmatch(value) else f"a text of {characters}"
    if isinstance(value, list | tuple | dict | set):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def quoted(value: object) -> str:
    """Return the value of a setting for an error text: a short text as it is, unless it may hold a number of a phone.

    :param value: the argument.
    """
    is_short = isinstance(value, str) and len(value) <= _LONGEST_QUOTED and not _DIGITS.search(value)
    return repr(value) if is_short else shown(value)


def check_rendered(arguments: Mapping[str, Any]) -> None:
    """Refuse a text that is what Jinja leaves of a missing XCom or parameter: `None`, or a template as it was written.

    Values inside mappings, lists, tuples and sets are checked too.

    :param arguments: the values after rendering, by the name that the error calls them.
    :raises TingTingConfigError: naming the first such argument; its value is not quoted.
    """
    for argument, value in arguments.items():
        if isinstance(value, str):
            _check_rendered_text(value, argument)
        elif isinstance(value, Mapping):
            check_rendered({f"{argument}[{key!r}]": inner for key, inner in value.items()})
        elif isinstance(value, list | tuple | set | frozenset):
            check_rendered({f"{argument}[{index}]": inner for index, inner in enumerate(value)})


def message_of(value: object) -> Any:
    """Return a message whose tags TingTing fills: `{ name }` becomes `{name}`; anything but a text stays as it is.

    :param value: the argument after rendering.
    """
    return clean_tags(value) if isinstance(value, str) else value


def _check_rendered_text(text: str, argument: str) -> None:
    if text.strip() == "None":
        raise TingTingConfigError(
            f"{argument} is the text 'None', which a template renders for a value that does not exist. Check that the "
            "XCom, parameter or variable in the template exists and that the task which writes it has run."
        )
    if "{{" in text or "{%" in text:
        raise TingTingConfigError(
            f"{argument} still contains a Jinja template. Write the template directly in the argument, so that Airflow "
            "renders it; a template inside a rendered value is not rendered again."
        )


def check_encodable(text: str, argument: str) -> None:
    """Refuse a text with half of a character, which no file, request or database takes.

    :param text: the text.
    :param argument: its name, for the error.
    :raises TingTingConfigError: there is one; the text is not quoted.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TingTingConfigError(
            f"{argument} has half of a character (a lone surrogate) at place {error.start + 1}. Correct the text, or "
            "decode it where it comes from with the right encoding."
        ) from None


def is_like_a_path(text: str) -> bool:
    """Return whether a text ends like a file name, unlike a number, a CSV row or a sentence.

    :param text: the text.
    """
    return _LIKE_A_PATH.fullmatch(text) is not None


def campaign_id_of(value: object, argument: str = "campaign_id") -> int:
    """Read an id that may have come through a template as text.

    :raises TingTingConfigError: it is not an id.
    """
    try:
        return id_of(value, argument)
    except TingTingConfigError:
        raise TingTingConfigError(
            f"{argument} must be the id that TingTing gave, a whole number; it is {shown(value)}. If it comes from "
            "another task, check that the task has run and that the name of its XCom is right."
        ) from None


def ids_of(value: object) -> tuple[int, ...]:
    """Read `user_phone`, which a template may have turned into a text.

    :param value: the argument.
    :raises TingTingConfigError: there is none, or one is not an id.
    """
    if isinstance(value, str):
        value = [part for part in value.strip("[]() ").split(",") if part.strip()]
    elif isinstance(value, int | float):
        value = [value]
    elif value is not None and not isinstance(value, list | tuple | set | frozenset | range):
        raise TingTingConfigError(
            f"user_phone must be the ids of the caller numbers to call from, as a list; it is {shown(value)}."
        )
    ids = tuple(campaign_id_of(one, "user_phone") for one in value or ())
    if not ids:
        raise TingTingConfigError(
            "user_phone is empty. Give the ids of the caller numbers to call from; the hook's list_caller_numbers() "
            "shows those of your account."
        )
    return ids


def credit_limit_of(value: Any) -> float | None:
    """Read a number of credits.

    :param value: the argument.
    :raises TingTingConfigError: it is none.
    """
    if value in (None, ""):
        return None
    try:
        limit = 0.0 if isinstance(value, bool | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        limit = 0.0
    if not (limit > 0 and math.isfinite(limit)):
        raise TingTingConfigError(f"credit_limit must be a number of credits above 0; it is {quoted(value)}.")
    return int(limit) if limit.is_integer() else limit


def length_factor_of(value: Any) -> str | None:
    """Read a speed of speech as TingTing writes it.

    :param value: the argument.
    :raises TingTingConfigError: it is none.
    """
    if value in (None, ""):
        return None
    try:
        factor = 0.0 if isinstance(value, bool | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        factor = 0.0
    if not 0 < factor < 10:
        raise TingTingConfigError(f'length_factor must be a speed such as "1.00"; it is {quoted(value)}.')
    return f"{factor:.2f}"


def flag_of(value: object, argument: str) -> bool:
    """Return a boolean that may have come as a text.

    :param value: True, False, or one of the texts `true`, `false`, `1` and `0`.
    :param argument: its name, for the error.
    :raises TingTingConfigError: it is something else.
    """
    text = value.strip().lower() if isinstance(value, str) else ""
    if isinstance(value, bool) or text in ("true", "false", "1", "0"):
        return value if isinstance(value, bool) else text in ("true", "1")
    raise TingTingConfigError(f"{argument} must be True or False; it is {quoted(value)}.")


def seconds_of(value: Any, argument: str, *, zero: bool = False) -> float:
    """Read a time to wait, as a number of seconds or a timedelta.

    :param value: the argument.
    :param argument: its name, for the error.
    :param zero: whether it may be none at all.
    :raises TingTingConfigError: it is not a time, or too short.
    """
    try:
        seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if isinstance(value, bool | bytes):
        seconds = math.nan
    if not math.isfinite(seconds) or seconds < 0 or (seconds == 0 and not zero):
        least = "at least 0" if zero else "more than 0"
        raise TingTingConfigError(
            f"{argument} must be {least} seconds, as a number or a timedelta; it is {quoted(value)}."
        )
    return seconds


def moment_of(value: Any, argument: str) -> float | None:
    """Return a moment in seconds since 1970, or None for never.

    :param value: a number, or None.
    :param argument: its name, for the error.
    :raises TingTingConfigError: it is not a finite number.
    """
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not abs(value) < _LATEST_MOMENT:
        raise TingTingConfigError(f"{argument} must be a moment in seconds since 1970, or None; it is {shown(value)}.")
    return float(value)


def one_of(value: object, argument: str, choices: tuple[str, ...]) -> None:
    """Check that an argument is one of some words.

    :param value: the argument.
    :param argument: its name, for the error.
    :param choices: the words.
    :raises TingTingConfigError: it is none of them.
    """
    if value not in choices:
        raise TingTingConfigError(f"{argument} must be one of {', '.join(choices)}; it is {quoted(value)}.")


def storage_path_of(value: object, argument: str, example: str) -> Any:
    """Return a path or URI as Airflow's own path; what is a path object already stays as it is.

    :param value: the argument.
    :param argument: its name, for the error.
    :param example: what the argument may look like, for the error.
    :raises TingTingConfigError: it is empty, or Airflow knows no storage of its kind.
    """
    if value is None or not str(value).strip():
        raise TingTingConfigError(f"{argument} is empty. Give a path or URI such as {example}.")
    if not isinstance(value, str):
        return value
    if printable(value) != value:
        raise TingTingConfigError(
            f"{argument} {value!r} contains a control character. Give a path or URI without, such as {example}."
        )
    if value.endswith("/"):
        raise TingTingConfigError(f"{argument} {value!r} is a folder. Add a file name, such as {example}.")
    if "://" not in value:
        # Airflow 2.11 takes a relative path for one from the root.
        value = str(Path(value).expanduser().absolute())
    try:
        path: Any = object_storage_path(value)
        # Airflow before 3.2 does not check that it knows the storage until this attribute is read.
        _ = path.fs
        return path
    except (ImportError, ValueError) as error:
        raise TingTingConfigError(
            f"{argument} {value!r} cannot be used: {error} Install the Airflow provider of that storage, or give a "
            "path on this machine."
        ) from error


def occasion_text(occasion: object) -> str:
    """Return an occasion as one text.

    :param occasion: a text or number, or a list of them.
    :raises TingTingConfigError: it is empty.
    """
    parts = occasion if isinstance(occasion, list | tuple) else [occasion]
    text = " ".join(" ".join(map(str, parts)).split())
    if not text:
        raise TingTingConfigError(
            "occasion is empty. Give a text that is the same for each run of the occasion, such as "
            '"{{ data_interval_end | ds }}" or "2026-W48 ward 7", or leave it off.'
        )
    return text
