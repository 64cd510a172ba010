"""Looks at the text of a cell for numbers: in ASCII, several in one cell, a mobile among other things. Pure text."""

from __future__ import annotations

import re
import unicodedata

_NOT_ASCII = {"Pd": "-", "Ps": "(", "Pe": ")", "Zs": " ", "Zl": " ", "Zp": " "}
_LONGEST = 100
_SEPARATORS = re.compile(r"[\s().\[\]{}_-]+")

# A mobile among other things, however it is spaced, bracketed and prefixed.
# No point stands inside it, because 98412345.60 has lost digits.
_S = r"[\s()\[\]{}_/-]*"
_MOBILE = re.compile(rf"(?<!\d)(?:\+?(?:00)?977{_S})?(?:0{_S})?(9{_S}[678](?:{_S}\d){{8}})(?!\d)", re.ASCII)
# `9841234567/68` stands for a second mobile, whose first digits are those of the one before it.
_SHARED = re.compile(rf"{_MOBILE.pattern}((?:\s*(?:[/,]\s*\d{{1,6}}|-\s*\d{{1,2}})(?!\d))+)", re.ASCII)
_RUN_TOGETHER = re.compile(r"(?:977|0)?(9[678]\d{8})(?:977|0)?(9[678]\d{8})", re.ASCII)


def readable(text: str) -> str:
    """Return a text with every script's digits, dashes, brackets and spaces in ASCII, without invisible characters.

    :param text: any text.
    """
    if text.isascii():
        return text
    return "".join(map(_ascii, text))


def mobile_candidates(value: str) -> list[str]:
    """Return what looks like a Nepal mobile in a text, such as `9841234567 (Sita)`, each once, as ten digits.

    A number written by its last digits (`9841234567/68`) is completed from the one before it.

    :param value: the cell's text.
    """
    text = readable(value)
    found = dict.fromkeys(digits_of(one) for one in _MOBILE.findall(text))
    for shared in _SHARED.finditer(text):
        first = digits_of(shared[1])
        for ending in re.findall(r"\d+", shared[2]):
            found[first[: -len(ending)] + ending] = None
    if together := _run_together(text):
        found.update(dict.fromkeys(together.groups()))
    return list(found)


def digits_beside(value: object, found: list[str]) -> int:
    """Return how many digits the longest other number in a text has, beside its mobiles.

    :param value: the cell's value.
    :param found: what `mobiles_in` returned for it.
    """
    text = _SHARED.sub(" ", readable(str(value))) if found else readable(str(value))
    if _run_together(text):
        return 0
    return max(map(len, re.findall(r"\d+", _MOBILE.sub(" ", text))), default=0)


def holds_several(text: str, shortest: int) -> bool:
    """Return whether a text holds more than one number.

    :param text: from `readable`.
    :param shortest: digits of the shortest number.
    """
    text = text[:_LONGEST]
    pieces = re.split(r"[\s/,;|&\u0964]+", text)
    if sum(len(digits_of(piece)) >= shortest for piece in pieces) > 1:
        return True
    return bool(_SHARED.search(text) or _run_together(text))


def _run_together(text: str) -> re.Match[str] | None:
    return _RUN_TOGETHER.fullmatch(_SEPARATORS.sub("", text).lstrip("+"))


def digits_of(text: str) -> str:
    """Return a text's digits.

    :param text: any text.
    """
    return "".join(filter(str.isdigit, text))


def _ascii(char: str) -> str:
    if char.isascii():
        return char
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    category = unicodedata.category(char)
    if category == "Cf":
        return ""
    # The full-width +, ., /, = and their like, and the mathematical minus; but a raised ² is not a digit of a number.
    folded = _NOT_ASCII.get(category) or unicodedata.normalize("NFKC", char).replace("\N{MINUS SIGN}", "-")
    return char if folded.isdigit() else folded
