"""The `{tags}` of a message: which there are, and the message with them filled. Imports the standard library only.

TingTing fills the tags itself; filling here is for estimates, previews and the sandbox (API page: Create a campaign).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_tingting.contacts.contact import plain_value

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
#: These take two places, the first of which is an escape.
_TWO_PLACES = frozenset("\f^{}\\[~]|€")
_GSM_AND_EXTENSION = _GSM | _TWO_PLACES

_GSM_SINGLE, _GSM_PART = 160, 153
_UNICODE_SINGLE, _UNICODE_PART = 70, 67
_TAG = re.compile(r"\{\s*([^{}\r\n]*[^{}\s])\s*\}")


def tags_in(*messages: str | None) -> tuple[str, ...]:
    """Return the names of all tags in the messages, each once, in the order of their first use.

    :param messages: message texts; None and empty ones have no tags.
    """
    return tuple(dict.fromkeys(tag for message in messages for tag in _TAG.findall(message or "")))


def fill(message: str, variables: Mapping[str, object]) -> str:
    """Return the message as this contact gets it; a tag without a variable stays as it is written.

    :param message: the text with `{tags}`.
    :param variables: a contact's variables.
    """

    def value_of(tag: re.Match[str]) -> str:
        name = tag.group(1)
        return str(plain_value(variables[name])) if name in variables else tag.group()

    return _TAG.sub(value_of, message)


@dataclass(frozen=True, slots=True)
class SmsSize:
    """What a text takes.

    :param parts: the messages that it is sent as; 0 for an empty text.
    :param is_unicode: whether it has a character outside the GSM alphabet, so that fewer fit into a part.
    """

    parts: int
    is_unicode: bool


def sms_size(text: str) -> SmsSize:
    """Return what a text takes as an SMS.

    One part holds 160 GSM characters or 70 of Unicode; of several, each holds 153 or 67. A character that takes two
    places (`€` in GSM, `😀` in Unicode) is never split between parts.

    :param text: the message with its tags filled.
    """
    if _GSM.issuperset(text):
        return SmsSize(_parts(len(text), _GSM_SINGLE, _GSM_PART), False)
    if _GSM_AND_EXTENSION.issuperset(text):
        return SmsSize(_parts_of_places([1 + (char in _TWO_PLACES) for char in text], _GSM_SINGLE, _GSM_PART), False)
    if all(char <= "\uffff" for char in text):
        return SmsSize(_parts(len(text), _UNICODE_SINGLE, _UNICODE_PART), True)
    places = [1 + (char > "\uffff") for char in text]
    return SmsSize(_parts_of_places(places, _UNICODE_SINGLE, _UNICODE_PART), True)


def _parts(places: int, single: int, part: int) -> int:
    return min(places, 1) if places <= single else -(-places // part)


def _parts_of_places(places: list[int], single: int, part: int) -> int:
    if sum(places) <= single:
        return 1
    parts, filled = 1, 0
    for width in places:
        if filled + width > part:
            parts, filled = parts + 1, 0
        filled += width
    return parts
