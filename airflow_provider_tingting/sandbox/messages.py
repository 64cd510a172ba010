"""The message that a contact hears or reads: its text, the seconds it takes to speak, its SMS parts, its audio."""

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

# MPEG 1, layer III, 32 kbit/s, 44.1 kHz, mono, no checksum; all side information zero means silence.
_HEADER = bytes((0xFF, 0xFB, 0x10, 0xC4))
FRAME_BYTES = 144 * 32_000 // 44_100
FRAME_SECONDS = 1152 / 44_100


def render(template: str, variables: Mapping[str, Any]) -> str:
    """Return a message with its `{tags}` replaced by a contact's variables; a tag without a variable is kept."""

    def value(tag: re.Match[str]) -> str:
        found = variables.get(tag.group(1))
        return tag.group() if found is None else str(found)

    return _TAG.sub(value, template)


def speech_seconds(text: str, length_factor: float = 1.0) -> int:
    """Return how long the sandbox takes to speak a text: two seconds, and one for every fourteen characters."""
    return max(1, math.ceil((2 + len(text) / 14) * length_factor))


def sms_parts(text: str) -> int:
    """Return the number of parts of an SMS: 160 or 153 characters each in the GSM alphabet, 70 or 67 in Unicode."""
    if not text:
        return 0
    if all(char in _GSM_BASIC or char in _GSM_EXTENDED for char in text):
        length, alone, joined = sum(2 if char in _GSM_EXTENDED else 1 for char in text), 160, 153
    else:
        length, alone, joined = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= alone else math.ceil(length / joined)


def silent_mp3(seconds: float) -> bytes:
    """Return an mp3 file of silence, made without an encoder."""
    frame = _HEADER + bytes(FRAME_BYTES - len(_HEADER))
    return frame * max(1, math.ceil(seconds / FRAME_SECONDS))
