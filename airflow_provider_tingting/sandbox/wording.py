"""What a contact hears or reads: tags filled, how long it takes to say, how many SMS parts it needs.

Standard library only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

_TAG = re.compile(r"\{([^{}]+)\}")
_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("^{}\\[~]|€\f")


def fill(template: str, variables: Mapping[str, Any]) -> str:
    """Put a contact's variables into the `{tags}`; a tag that the contact lacks stays as it is written."""

    def value(tag: re.Match[str]) -> str:
        found = variables.get(tag.group(1))
        return tag.group() if found is None else str(found)

    return _TAG.sub(value, template)


def speech_seconds(text: str, length_factor: float = 1.0) -> int:
    """Return how long the sandbox takes to say a text: two seconds, and one for every fourteen characters."""
    return max(1, math.ceil((2 + len(text) / 14) * length_factor))


def sms_parts(text: str) -> int:
    """Count the parts of an SMS: 160 or 153 characters each in the GSM alphabet, 70 or 67 in Unicode."""
    if not text:
        return 0
    if all(char in _GSM_BASIC or char in _GSM_EXTENDED for char in text):
        length, alone, joined = sum(2 if char in _GSM_EXTENDED else 1 for char in text), 160, 153
    else:
        length, alone, joined = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= alone else math.ceil(length / joined)
