"""The `{tags}` of a message, the message with its tags filled, and the parts that it takes as an SMS.

TingTing fills the tags itself (API page: Create a campaign). This module decides what a tag is for the checks, the
estimates, the previews, the notifier and the sandbox.

SMS parts follow 3GPP TS 23.038 (the GSM alphabet and its extension) and TS 23.040 (concatenation). Nepali is in no GSM
alphabet, so one Devanagari letter makes a text Unicode.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_tingting.contacts.contact import plain_value

_TAG = re.compile(r"\{([^{}\r\n]*[^{}\s][^{}\r\n]*)\}")

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
#: These take two places, the first of which is an escape.
_TWO_PLACES = frozenset("\f^{}\\[~]|€")
_GSM_AND_EXTENSION = _GSM | _TWO_PLACES

_GSM_SINGLE, _GSM_PART = 160, 153
_UNICODE_SINGLE, _UNICODE_PART = 70, 67


def tags_in(*messages: str | None) -> tuple[str, ...]:
    """Return the names of all tags in the messages, each once, in the order of their first use.

    A name is returned as written, spaces included, because TingTing compares it letter by letter.

    :param messages: message texts; None and empty ones have no tags.
    """
    return tuple(dict.fromkeys(tag for message in messages for tag in _TAG.findall(message or "")))


def clean_tags(message: str) -> str:
    """Return a message whose tags TingTing fills: `{ name }` becomes `{name}`.

    :param message: the text as a user has written it.
    """
    return _TAG.sub(lambda tag: f"{{{_trimmed(tag[1])}}}", message)


def unfillable_tags(*messages: str | None) -> tuple[str, ...]:
    """Return the tags that TingTing does not fill as they are written: those that `clean_tags` would change.

    :param messages: message texts as TingTing has them.
    """
    return tuple(tag for tag in tags_in(*messages) if _trimmed(tag) != tag)


def same_name(name: str) -> str:
    """Return a key that is equal for names which look the same: composed or decomposed, with or without joiners.

    :param name: a tag or the header of a column.
    """
    return unicodedata.normalize("NFC", "".join(filter(_is_visible, name))).strip()


def fill(message: str, variables: Mapping[str, object]) -> str:
    """Return the message as a contact hears or reads it; a tag without a variable stays as it is written.

    :param message: the text with `{tags}`.
    :param variables: a contact's variables by tag.
    """

    def value_of(tag: re.Match[str]) -> str:
        value = variables.get(tag[1])
        if value is None:
            return tag[0]
        try:
            return str(plain_value(value))
        except TypeError:
            return str(value)

    return _TAG.sub(value_of, message)


@dataclass(frozen=True, slots=True)
class SmsSize:
    """What a text takes as an SMS.

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


def _trimmed(name: str) -> str:
    """Return a tag's name without spaces and invisible characters at its ends; inside, a joiner may be meant."""
    visible = [index for index, char in enumerate(name) if _is_visible(char) and not char.isspace()]
    return name[visible[0] : visible[-1] + 1] if visible else name


def _is_visible(char: str) -> bool:
    return unicodedata.category(char) != "Cf"


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
