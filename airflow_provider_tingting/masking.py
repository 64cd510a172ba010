"""Mask phone numbers and tokens before a text reaches a log, an error or a `repr`.

The whole package masks with these functions, so that masked text looks the same everywhere.
"""

from __future__ import annotations

import re
import unicodedata

HIDDEN = "***"
# Control and format characters, lone surrogates, private use, unassigned, and the separators of lines and paragraphs.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

# Eight digits or more in a row (separators between them allowed) are taken for a phone number: ids are
# shorter, a Nepal landline with its area code has eight. `\d` covers Devanagari digits, `%20` is a URL's space.
_PHONE_LIKE = re.compile(
    r"(?<![\dA-Za-z])(?<!\d\.)[+(]?\d(?:(?:%20|[\s().\u200b-\u200f\u2060\ufeff-]){0,3}\d){7,}(?![0-9A-Za-z])"
)
# The first digits identify a mobile number of Nepal, so it is also recognised next to letters and when it is split by
# characters that separate other numbers too.
_MOBILE_LIKE = re.compile(r"[9९][678६७८](?:[/,_|·‐-―−\s:.()-]?\d){8}(?!\d)")
# More than `_MAX_BETWEEN` of these separators mean a list of short numbers.
_BETWEEN_NUMBERS = frozenset("/,_|·:.()- ")
_MAX_BETWEEN = 2
# Markers, commits and UUIDs are hexadecimal words of at least this length; digits in one are not a phone number.
_SHORTEST_ID = 16
_HEX_DIGITS = frozenset("0123456789abcdef")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9A-Za-z])")
_UUID_LENGTH = 36
# A mobile number in a spreadsheet's scientific notation, which still contains some of its digits.
_SCIENTIFIC = re.compile(r"(?<![\d.])9\.[678]\d{0,9}[eE][+]?0?9(?!\d)")
# Dates and the seconds of a time stamp stay readable.
_DATE_LIKE = re.compile(
    r"\A(?:(?:19|20)\d{2}(?:-\d{2}-\d{2}(?:[ .]\d{1,2})?|(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01]))|\d{2}\.\d{1,6})\Z"
)
# After the word "token" only a word with a digit or of twenty characters is masked, so that sentences stay readable.
_BEARER = re.compile(
    r"""(?i)\b(bearer\s+|token\s*[:=]\s*["']?|token\s+["']?(?=[^\s"']*\d|[^\s"']{20}))[A-Za-z0-9._~+/=-]{6,}"""
)


def printable(text: str) -> str:
    """Return a text in one line, without characters that control a terminal or forge a log line.

    :param text: text from outside, such as a campaign's name or a server's message.
    """
    if text.isprintable():
        return text
    # The two joiners (category Cf) are part of Devanagari words.
    return "".join(
        char if char in "\u200c\u200d" or unicodedata.category(char) not in _UNPRINTABLE else " " for char in text
    )


def mask_number(number: object) -> str:
    """Return a phone number as its first two and last two digits, `98******67`; a shorter one as `***`.

    :param number: the number as text or integer, in any digits and with separators.
    """
    digits = "".join(str(unicodedata.digit(char)) for char in str(number) if char.isdigit())
    if len(digits) < 8:
        return HIDDEN
    return f"{digits[:2]}{'*' * (len(digits) - 4)}{digits[-2:]}"


def mask_text(text: str, *, secrets: tuple[str, ...] = ()) -> str:
    """Mask phone numbers, bearer tokens and given secrets in free text.

    :param text: the text.
    :param secrets: texts to replace by `***`.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    text = _BEARER.sub(rf"\1{HIDDEN}", text)
    text = _SCIENTIFIC.sub(HIDDEN, text)
    text = _PHONE_LIKE.sub(
        lambda match: match.group() if _DATE_LIKE.match(match.group()) else mask_number(match.group()), text
    )
    return _MOBILE_LIKE.sub(
        lambda match: match.group() if _is_not_a_number(match) else mask_number(match.group()), text
    )


def _is_not_a_number(match: re.Match[str]) -> bool:
    """Return whether a match is a list of short numbers or a part of a long hexadecimal word."""
    text, (begin, end) = match.string, match.span()
    if any(
        found.start() <= begin and end <= found.end()
        for found in _UUID.finditer(text, max(0, end - _UUID_LENGTH), begin + _UUID_LENGTH)
    ):
        return True
    if not match.group().isdigit():
        return sum(char in _BETWEEN_NUMBERS for char in match.group()) > _MAX_BETWEEN
    while begin > 0 and text[begin - 1] in _HEX_DIGITS:
        begin -= 1
    while end < len(text) and text[end] in _HEX_DIGITS:
        end += 1
    # Digits alone are a number with a country code.
    return end - begin >= _SHORTEST_ID and not text[begin:end].isdigit()
