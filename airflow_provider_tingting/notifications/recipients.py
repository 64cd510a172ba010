"""Reads the recipients of a notification: numbers, lists, texts, and what templates make of them. Pure."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow_provider_tingting.contacts.columns import find_number_column
from airflow_provider_tingting.contacts.numbers import InvalidNumberError, normalise, normalise_all
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError
from airflow_provider_tingting.masking import mask_text

log = logging.getLogger(__name__)

_LISTS = (list, tuple, set, frozenset)
# A number as most DAG files write it. It needs no check by `phonenumbers`, which costs a DAG file 60 ms.
_PLAIN = re.compile(r"(\+?977[ -]?)?9[678]\d{8}", re.ASCII)
# A comma within the braces of a template separates nothing.
_BETWEEN = re.compile(r"[,;|\n\t\N{DEVANAGARI DANDA}]")
_PIECE = re.compile(r"(?:\{\{.*?\}\}|[^,;\n])+", re.DOTALL)


def fill_in(to: object, render: Callable[[Any], Any]) -> list[Any]:
    """Return `to` with its templates rendered, each alone: one that fails is logged, and the others remain.

    :param to: the argument.
    :param render: renders one template; it is not called for a number.
    """
    if isinstance(to, _LISTS):
        return [filled for part in to for filled in fill_in(part, render)]
    if _is_number(to):
        return [to]
    try:
        return [render(to)]
    except Exception as error:
        # The parts of a failed `{% if %}` cannot be distinguished.
        pieces = _PIECE.findall(to) if isinstance(to, str) and "{%" not in to else []
        if len(pieces) > 1:
            return fill_in(pieces, render)
        log.error("A template of `to` cannot be rendered: %s: %s", type(error).__name__, mask_text(str(error)))
        return []


def numbers_of(to: object) -> tuple[str, ...]:
    """Return the numbers that can be called, each once; the others are logged.

    A number is read as one of a list of contacts is; a text with several numbers names all of them.

    :param to: the argument, with its templates rendered.
    :raises TingTingConfigError: there is no number that can be called.
    """
    found: dict[str, None] = {}
    for part in _parts_of(to):
        try:
            found.update(dict.fromkeys(normalise_all(part)))
        except InvalidNumberError as error:
            log.error("A number of `to` cannot be called: %s", error)
    if not found:
        raise TingTingConfigError("`to` has no number that can be called: give a Nepal mobile of ten digits.")
    return tuple(found)


def check_recipients(to: object) -> None:
    """Check the numbers that are written in the DAG file; templates are checked when they are rendered.

    :param to: the argument.
    :raises TingTingConfigError: `to` is empty, or a number cannot be called.
    """
    if to is None or isinstance(to, bytes | bool | Mapping) or (isinstance(to, (str, *_LISTS)) and not to):
        raise TingTingConfigError(
            "to must be a Nepal mobile of ten digits, or several in a list or a text with commas; it is "
            f"{'empty' if to in (None, '', [], ()) else type(to).__name__}."
        )
    if callable(to):
        return
    for part in _parts_of(to) if not _has_template(to) else ():
        if callable(part) or _has_template(part) or _PLAIN.fullmatch(str(part)):
            continue
        try:
            normalise_all(part)
        except InvalidNumberError as error:
            raise TingTingConfigError(f"to has a number that cannot be called: {error}") from None


def _has_template(part: object) -> bool:
    return isinstance(part, str) and ("{{" in part or "{%" in part)


def _parts_of(to: object) -> Iterator[Any]:
    if isinstance(to, _LISTS):
        for part in to:
            yield from _parts_of(part)
    elif isinstance(to, Mapping):
        # A row of a list, such as {"name": "Sita", "mobile": "98…"}.
        try:
            yield from _parts_of(to[find_number_column(tuple(map(str, to)), "to")])
        except TingTingContactsError as error:
            log.error("%s", error)
    elif isinstance(to, str):
        # A list that a template has turned into text has brackets and quotes.
        yield from filter(None, (part.strip(" []()'\"") for part in _BETWEEN.split(to.strip("[]() \n"))))
    else:
        yield to


def _is_number(part: object) -> bool:
    try:
        # Not several: the conditions of a template may choose between two numbers.
        normalise(part)
    except InvalidNumberError:
        return False
    return True
