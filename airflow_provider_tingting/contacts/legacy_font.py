"""Recognises text of a legacy Nepali font (Preeti, Kantipur): ASCII that shows Devanagari only in that font.

Spoken or sent as it is, such text is nonsense. Its digits are the number row of a keyboard with Shift held.
"""

from __future__ import annotations

import re

_SHIFTED_DIGITS = re.compile(r"[!@#$%^&*()]")
_NUMBER = re.compile(r"[!@#$%^&*()\s./,-]+")
#: Each match of the next pattern contains one of these, so this cheaper search decides for most texts.
_SIGNS = "[]/;|>{}\\'"
_SIGN = re.compile(f"[{re.escape(_SIGNS)}]")
#: Signs inside words where these fonts have letters: `/fd axfb'/`, `g]kfn`, `k|;fb`, `sf7df8f}+`. Spelt names, paths in
#: the middle of a text and addresses of the web have none of these.
_TEXT = re.compile(r"(?:^|\s)[/;|\]>][A-Za-z]|[A-Za-z][|\]}\[{\\][A-Za-z;/|+]|[A-Za-z]'/(?:\s|$)|\}\+")


def is_legacy_number(text: str, digits: int) -> bool:
    """Return whether a text is a number typed in a legacy font: `(*$!@#$%^&` shows ९८४१२३४५६७.

    :param text: a text without letters and digits.
    :param digits: how many digits it must have at least.
    """
    return _NUMBER.fullmatch(text) is not None and len(_SHIFTED_DIGITS.findall(text)) >= digits


def is_legacy_text(text: str) -> bool:
    """Return whether a text is probably words typed in a legacy font: `/fd axfb'/` shows राम बहादुर.

    :param text: a text of ASCII characters.
    """
    return _SIGN.search(text) is not None and _TEXT.search(text) is not None


def has_sign(text: str) -> bool:
    """Return whether a text, or one of the texts that it is made of, may be one for which `is_legacy_text` holds.

    :param text: the text.
    """
    return any(map(text.__contains__, _SIGNS))
