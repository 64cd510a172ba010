"""Tables of checks: what the arguments of an operator, sensor or notifier may be.

A class lists a check for each of its arguments. `check_literals` applies them when the DAG file is parsed, to what the
file says itself, and `check_all` when the task runs, to what templates have filled in. Each check raises an error that
names the argument and says what it may be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias
from uuid import UUID

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.reports import CONTACT_STATUSES
from airflow_provider_tingting.utils.arguments import (
    IDS,
    campaign_id_of,
    check_encodable,
    check_rendered,
    is_like_a_path,
    one_of,
    quoted,
    seconds_of,
    shown,
)

#: Takes a value and the name of its argument.
Check: TypeAlias = Callable[[Any, str], object]

SERVICES = ("PHONE", "SMS", "SMS & PHONE")
#: The outcomes of a call after which TingTing sends the campaign's SMS.
FAILOVER_TARGETS = ("not started", "hungup", "unanswered", "failed", "completed")
#: What can be the value of a variable.
_PLAIN = (str, int, float, date, time, timedelta, Decimal, UUID, Enum)
#: The largest whole number that a database or a server takes.
_LARGEST = 2**63 - 1
#: The bytes of the longest name that a file system takes.
_LONGEST_NAME = 255


def check_literals(owner: object, checks: Mapping[str, Check], templated: Collection[str]) -> None:
    """Check the arguments that no template or XCom fills.

    :param owner: holds the arguments as attributes.
    :param checks: the check of each argument.
    :param templated: the arguments that a template may fill.
    :raises TingTingConfigError: naming the first wrong argument.
    """
    for name, check in checks.items():
        value = getattr(owner, name)
        if name in templated and is_filled_later(value):
            continue
        if isinstance(value, str) and name not in IDS:
            check_rendered({name: value})
        check(value, name)


def check_all(owner: object, checks: Mapping[str, Check]) -> None:
    """Check all arguments, after the templates are rendered.

    :param owner: holds the arguments as attributes.
    :param checks: the check of each argument.
    :raises TingTingConfigError: naming the first wrong argument.
    """
    check_literals(owner, checks, ())


def is_filled_later(value: object) -> bool:
    """Return whether a template or an XCom gives the value, or a part of it, when the task runs.

    :param value: the argument as the DAG file gives it.
    """
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, Mapping):
        return any(is_filled_later(part) for part in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return any(is_filled_later(part) for part in value)
    # What Airflow resolves itself, such as the output of another task, and functions, which it calls.
    return hasattr(value, "resolve") or callable(value)


def an_id(value: object, argument: str) -> None:
    """Refuse a value that is not an id of TingTing."""
    campaign_id_of(value, argument)


def id_or_nothing(value: object, argument: str) -> None:
    """Refuse a value that is neither an id of TingTing nor what a template makes of a missing id."""
    if value not in (None, "", "None"):
        campaign_id_of(value, argument)


def text(value: object, argument: str) -> None:
    """Refuse a value that is not a text, and an empty text."""
    if not isinstance(value, str):
        raise TingTingConfigError(f"{argument} must be a text; it is {shown(value)}.")
    if not value.strip():
        raise TingTingConfigError(f"{argument} is empty. Give a text.")
    check_encodable(value, argument)


def text_or_id(value: object, argument: str) -> None:
    """Refuse a value that is neither a text nor an id; a voice may be either."""
    if isinstance(value, int | float) or value is None:
        campaign_id_of(value, argument)
    else:
        text(value, argument)


def text_or_number(value: object, argument: str) -> None:
    """Refuse a value that is neither a text nor a number, which a native template makes of a sheet's name such as
    2082."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LARGEST:
        text(value, argument)


def seconds(value: object, argument: str) -> None:
    """Refuse a value that is not a time above 0, in seconds or as a timedelta."""
    seconds_of(value, argument)


def seconds_or_zero(value: object, argument: str) -> None:
    """Refuse a value that is not a time of at least 0, in seconds or as a timedelta."""
    seconds_of(value, argument, zero=True)


def is_services(value: object, argument: str) -> None:
    """Refuse a value that is not one of TingTing's services."""
    text(value, argument)
    one_of(services_of(value), argument, SERVICES)


def services_of(value: object) -> str:
    """Return services as TingTing writes them: `sms&phone` becomes `SMS & PHONE`.

    :param value: the argument.
    """
    return " ".join(str(value).upper().replace("&", " & ").split())


def schedule(value: Any, argument: str) -> None:
    """Refuse a value that is not a time, and a time that is more than a year ahead."""
    if value is not None:
        from airflow_provider_tingting.campaigns.schedule import read_schedule

        read_schedule(value, argument)


def encoding(value: Any, argument: str) -> None:
    """Refuse a value that is not an encoding that Python knows."""
    text(value, argument)
    try:
        "".encode(value)  # This refuses a codec that is not an encoding of text, such as hex, too.
    except (LookupError, ValueError):
        raise TingTingConfigError(
            f"{argument} must be the name of an encoding, such as 'utf-8', 'utf-16' or 'cp1252'; it is {quoted(value)}."
        ) from None


def separator(value: object, argument: str) -> None:
    """Refuse a value that is not the one character between the values of a text file."""
    from airflow_provider_tingting.contacts.sources.delimited import delimiter_of

    check_encodable(delimiter_of(value if isinstance(value, str) else "", argument), argument)


def query_parameters(value: object, argument: str) -> None:
    """Refuse a value that no database driver takes for the placeholders of a query."""
    if not isinstance(value, Mapping | list | tuple):
        raise TingTingConfigError(
            f"{argument} must be the values of the query's placeholders, as a dict or a list; it is {shown(value)}."
        )


def storage_path(value: object, argument: str) -> None:
    """Refuse a value that is not a path: a text, a path object, or an object of a storage."""
    if isinstance(value, str) and not value.strip():
        raise TingTingConfigError(f"{argument} is empty. Give a path or URI such as reports/{{{{ run_id }}}}.csv.")
    if not (isinstance(value, str) or hasattr(value, "__fspath__") or hasattr(value, "open")):
        raise TingTingConfigError(
            f"{argument} must be a path or URI, such as reports/{{{{ run_id }}}}.csv; it is {shown(value)}."
        )
    if isinstance(value, str):
        check_encodable(value, argument)
        if any(len(name.encode()) > _LONGEST_NAME for name in value.split("/")):
            raise TingTingConfigError(
                f"{argument} has a name of more than {_LONGEST_NAME} bytes, which no file can have: {shown(value)}."
            )


def a_dict(value: object, argument: str) -> None:
    """Refuse a value that is not a dict."""
    if not isinstance(value, Mapping):
        raise TingTingConfigError(f"{argument} must be a dict; it is {shown(value)}.")


def dict_of_texts(value: Any, argument: str) -> None:
    """Refuse a value that is not a dict of texts by text."""
    a_dict(value, argument)
    if not all(isinstance(part, str) and part.strip() for pair in value.items() for part in pair):
        raise TingTingConfigError(f"{argument} must be a dict of texts; one of its keys or values is not text.")


def dict_of_values(value: Any, argument: str) -> None:
    """Refuse a value that is not a dict of names and JSON values."""
    a_dict(value, argument)
    for key, part in value.items():
        if not isinstance(key, str) or not key.strip():
            raise TingTingConfigError(f"{argument} must be a dict of names and values; a key is {shown(key)}.")
        plain = part is None or isinstance(part, _PLAIN)
        if not plain or (isinstance(part, float) and not math.isfinite(part)):
            raise TingTingConfigError(f"{argument}[{key!r}] must be a text or a number; it is {shown(part)}.")


def contacts(value: object, argument: str) -> None:
    """Refuse a value without contacts: it is neither a path nor a list of numbers or dicts."""
    if isinstance(value, str):
        text(value, argument)
    elif isinstance(value, Mapping | bytes | bytearray) or not (
        isinstance(value, Iterable) or hasattr(value, "open") or hasattr(value, "__fspath__")
    ):
        raise TingTingConfigError(
            f"{argument} must be a list of numbers or dicts, or the path of a file; it is a {type(value).__name__}."
        )


def exclusion(value: object, argument: str) -> None:
    """Refuse a value that is not a source of an exclusion list; a dict must name a file or a query."""
    sources = [value] if isinstance(value, str | Mapping) or not isinstance(value, list | tuple) else value
    for one in sources:
        if isinstance(one, Mapping):
            if not {"sql", "contacts", "number", "other_variables"} & set(one) and one is value:
                raise TingTingConfigError(
                    f"{argument} must be a source of contacts; as a dict it needs 'contacts' or 'sql'."
                )
        elif one is value:
            contacts(one, argument)


def contact_statuses(value: object, argument: str) -> None:
    """Refuse a value that is neither a contact's status nor a list of them."""
    statuses = [value] if isinstance(value, str) else value
    if not isinstance(statuses, list | tuple | set | frozenset) or not all(isinstance(one, str) for one in statuses):
        raise TingTingConfigError(
            f"{argument} must be a list of statuses, some of {', '.join(CONTACT_STATUSES)}; it is {shown(value)}."
        )
    for one in statuses:
        check_encodable(one, argument)


def campaigns(value: Any, argument: str) -> None:
    """Refuse a value that is not a list of campaigns: ids, results of the tasks that ran them, or None for one not
    run."""
    is_list = isinstance(value, list | tuple)
    if not is_list or not all(one is None or isinstance(one, (int, str, Mapping)) for one in value):
        raise TingTingConfigError(f"{argument} must be a list of campaigns; it is {shown(value)}.")


def column_choice(value: object, argument: str) -> None:
    """Refuse a value that is neither a list of columns nor a dict of the table's columns and the report's."""
    names = [*value, *value.values()] if isinstance(value, Mapping) else value
    is_list = (
        isinstance(names, list | tuple) and names and all(isinstance(name, str) and name.strip() for name in names)
    )
    if not is_list:
        raise TingTingConfigError(
            f"{argument} must be a list of the report's columns, or a dict of the table's columns and the report's, "
            f'such as {{"phone": "number"}}; it is {shown(value)}.'
        )


def row_choice(value: Any, argument: str) -> None:
    """Refuse a value that chooses no rows: it is neither a function nor a dict of column and value or values."""
    if callable(getattr(value, "function", value)):
        return
    a_dict(value, argument)
    if not value:
        raise TingTingConfigError(f"{argument} is an empty dict. Give a column and its value, or leave it off.")
    if not all(isinstance(key, str) and key.strip() for key in value):
        raise TingTingConfigError(f"{argument} must be a dict of columns and values; one of its keys is not text.")


def share(value: object, argument: str) -> None:
    """Refuse a value that is not a share of contacts above 0 and up to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise TingTingConfigError(f"{argument} must be a share of contacts above 0 and up to 1; it is {quoted(value)}.")


def pace(value: Any, argument: str) -> None:
    """Refuse a value that is not a number of calls a minute above 0."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value < _LARGEST:
        raise TingTingConfigError(f"{argument} must be a number of calls a minute above 0; it is {quoted(value)}.")


def failover_target(value: object, argument: str) -> None:
    """Refuse a value that is not a list of outcomes after which TingTing can send an SMS."""
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset):
        raise TingTingConfigError(
            f"{argument} must be a list of some of {', '.join(FAILOVER_TARGETS)}; it is {shown(value)}."
        )
    for one in value:
        one_of(one, argument, FAILOVER_TARGETS)


def an_occasion(value: object, argument: str) -> None:
    """Refuse a value that is neither a text or number nor a list of them."""
    if isinstance(value, list | tuple) and value:
        for place, part in enumerate(value):
            text_or_number(part, f"{argument}[{place}]")
    else:
        text_or_number(value, argument)


def share_or_function(value: object, argument: str) -> None:
    """Refuse a value that is neither a share from 0 to 1 nor a function of the summary."""
    if callable(value):
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise TingTingConfigError(
            f"{argument} must be the least share of contacts reached, a number from 0 to 1, or a function that takes "
            f"the campaign's summary and returns True or False; it is {quoted(value)}."
        )


def optional(check: Check, *, may_be_empty: bool = True) -> Check:
    """Return the check of an argument that may also be None.

    :param check: of any other value.
    :param may_be_empty: whether the empty text, which a template may render, means None.
    """

    def check_unless_none(value: object, argument: str) -> None:
        is_empty = may_be_empty and isinstance(value, str) and not value.strip()
        if value is not None and not is_empty:
            check(value, argument)

    return check_unless_none


def choice(*words: str) -> Check:
    """Return the check of an argument that is one of some words.

    :param words: the words.
    """

    def check_word(value: object, argument: str) -> None:
        if not isinstance(value, str) or value not in words:
            raise TingTingConfigError(f"{argument} must be one of {', '.join(words)}; it is {quoted(value)}.")

    return check_word


def whole_number(least: int, most: int = _LARGEST) -> Check:
    """Return the check of a whole number, which a template may give as text.

    :param least: the least that it may be.
    :param most: the most that it may be.
    """

    def check_number(value: Any, argument: str) -> None:
        is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        digits = isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal() and len(value) < 20
        if isinstance(value, bool) or not (is_whole or digits) or not least <= int(value) <= most:
            limits = f"of at least {least}" if most == _LARGEST else f"from {least} to {most:,}"
            raise TingTingConfigError(f"{argument} must be a whole number {limits}; it is {quoted(value)}.")

    return check_number


def amount(value: Any, argument: str) -> None:
    """Refuse a value that is not a number of at least 0; a template may give it as text."""
    try:
        number = math.nan if isinstance(value, bool | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not (number >= 0 and math.isfinite(number)):
        raise TingTingConfigError(f"{argument} must be a number of at least 0; it is {quoted(value)}.")


def path_ending_in(*endings: str) -> Check:
    """Return the check of a path whose name ends in one of some endings.

    :param endings: such as `.csv`.
    """

    def check_path(value: object, argument: str) -> None:
        storage_path(value, argument)
        if not str(value).lower().endswith(endings):
            at = repr(str(value)) if is_like_a_path(str(value)) else shown(value)
            raise TingTingConfigError(f"{argument} must end in {' or '.join(endings)}; it is {at}.")

    return check_path
