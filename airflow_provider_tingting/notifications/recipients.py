"""Who is to be told, read from what people write and templates give: numbers, lists, texts. Pure values."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

from airflow_provider_tingting.contacts.numbers import InvalidNumberError, normalise
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.masking import mask_text

log = logging.getLogger(__name__)

_LISTS = (list, tuple, set, frozenset)
# A comma within a template's braces is its own.
_PIECE = re.compile(r"(?:\{\{.*?\}\}|[^,;\n])+", re.DOTALL)


def fill_in(to: Any, render: Callable[[Any], Any]) -> list[Any]:
    """Fill in the templates of `to`, each alone: those that fail are named in the log, and the others remain.

    :param render: fills in one; a number is not given to it.
    """
    if isinstance(to, _LISTS):
        return [filled for part in to for filled in fill_in(part, render)]
    if _is_number(to):
        return [to]
    try:
        return [render(to)]
    except Exception as error:
        # Which part of an `if` was meant is not known then.
        pieces = _PIECE.findall(to) if isinstance(to, str) and "{%" not in to else []
        if len(pieces) > 1:
            return fill_in(pieces, render)
        log.error("A template of `to` cannot be filled in: %s: %s", type(error).__name__, mask_text(str(error)))
        return []


def numbers_of(to: Any) -> tuple[str, ...]:
    """Return those numbers that can be called, each once; the others are named in the log.

    :raises TingTingConfigError: there is none.
    """
    found: dict[str, None] = {}
    for part in _parts_of(to):
        try:
            found[normalise(part)] = None
        except InvalidNumberError as error:
            log.error("A number of `to` cannot be called: %s", error)
    if not found:
        raise TingTingConfigError("`to` has no number that can be called: give a Nepal mobile of ten digits.")
    return tuple(found)


def _parts_of(to: Any) -> Iterator[Any]:
    if isinstance(to, _LISTS):
        for part in to:
            yield from _parts_of(part)
    elif isinstance(to, str):
        # A list that a template has made a text of has brackets and quotes, too.
        yield from (part.strip(" []()'\"") for part in re.split(r"[,;\n]", to.strip("[]() \n")))
    else:
        yield to


def _is_number(part: Any) -> bool:
    try:
        normalise(part)
    except InvalidNumberError:
        return False
    return True
