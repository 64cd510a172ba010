"""Hides what identifies a person or opens an account before it reaches a log, an error or a `repr`.

Every room masks through these functions, so that what "masked" means is decided once. Imports the standard
library only.
"""

from __future__ import annotations

import re
import unicodedata

HIDDEN = "***"

# Eight digits or more in a row (separators between them allowed) are taken for a phone number: ids are
# shorter, a Nepal landline with its area code has eight. `\d` covers Devanagari digits, `%20` is a URL's space.
_PHONE_LIKE = re.compile(
    r"(?<![0-9A-Za-z.])[+(]?\d(?:(?:%20|[\s().\u200b-\u200f\u2060\ufeff-]){0,3}\d){7,}(?![0-9A-Za-z])"
)
# A mobile number of Nepal is known by its first digits, so it may also be glued to letters or be split by signs that
# stand between other numbers too.
_MOBILE_LIKE = re.compile(r"9[678](?:[/,_|·‐-―−]?\d){8}(?!\d)")
# More of these, which stand between the numbers of a list, make it a list of short ones.
_BETWEEN_NUMBERS = frozenset("/,_|·")
_MOST_BETWEEN = 2
# Marks, commits and UUIDs are words of at least this length, with letters: what looks like a number in one is chance.
_SHORTEST_ID = 16
_HEX_DIGITS = frozenset("0123456789abcdef")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9A-Za-z])")
_UUID_LENGTH = 36
# What a spreadsheet makes of a mobile number: some of its digits are still there.
_SCIENTIFIC = re.compile(r"(?<![\d.])9\.[678]\d{0,9}[eE][+]?0?9(?!\d)")
# What looks like a date or the seconds of a time stamp keeps its digits: a log line without its time is useless.
_DATE_LIKE = re.compile(
    r"\A(?:(?:19|20)\d{2}(?:-\d{2}-\d{2}(?:[ .]\d{1,2})?|(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01]))|\d{2}\.\d{1,6})\Z"
)
# After the plain word "token" only what looks like one is hidden: "the token belongs to" stays a sentence.
_BEARER = re.compile(
    r"""(?i)\b(bearer\s+|token\s*[:=]\s*["']?|token\s+["']?(?=[^\s"']*\d|[^\s"']{20}))[A-Za-z0-9._~+/=-]{6,}"""
)


def mask_number(number: object) -> str:
    """Show a phone number as its first two and last two digits, `98******67`; anything short as `***`."""
    digits = "".join(str(unicodedata.digit(char)) for char in str(number) if char.isdigit())
    if len(digits) < 8:
        return HIDDEN
    return f"{digits[:2]}{'*' * (len(digits) - 4)}{digits[-2:]}"


def mask_text(text: str, *, secrets: tuple[str, ...] = ()) -> str:
    """Mask every phone-like run of digits, bearer token and given secret in free text."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    text = _BEARER.sub(rf"\1{HIDDEN}", text)
    text = _SCIENTIFIC.sub(HIDDEN, text)
    text = _PHONE_LIKE.sub(
        lambda match: match.group() if _DATE_LIKE.match(match.group()) else mask_number(match.group()), text
    )
    return _MOBILE_LIKE.sub(lambda match: match.group() if _is_chance(match) else mask_number(match.group()), text)


def _is_chance(match: re.Match[str]) -> bool:
    """Whether what looks like a mobile number is a list of short numbers, or a part of a long hexadecimal word."""
    if not match.group().isdigit():
        return sum(char in _BETWEEN_NUMBERS for char in match.group()) > _MOST_BETWEEN
    text, (begin, end) = match.string, match.span()
    if any(
        found.start() <= begin and end <= found.end()
        for found in _UUID.finditer(text, max(0, end - _UUID_LENGTH), begin + _UUID_LENGTH)
    ):
        return True
    while begin > 0 and text[begin - 1] in _HEX_DIGITS:
        begin -= 1
    while end < len(text) and text[end] in _HEX_DIGITS:
        end += 1
    # Digits alone are a number with its country's code.
    return end - begin >= _SHORTEST_ID and not text[begin:end].isdigit()
