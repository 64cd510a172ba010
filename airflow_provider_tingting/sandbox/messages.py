"""A spoken message: the seconds that it takes, and its audio."""

from __future__ import annotations

import math

# MPEG 1, layer III, 32 kbit/s, 44.1 kHz, mono, no checksum; all side information zero means silence.
_HEADER = bytes((0xFF, 0xFB, 0x10, 0xC4))
FRAME_BYTES = 144 * 32_000 // 44_100
FRAME_SECONDS = 1152 / 44_100


def speech_seconds(text: str, length_factor: float = 1.0) -> int:
    """Return how long the sandbox takes to speak a text: two seconds, and one for every fourteen characters.

    :param text: the text.
    :param length_factor: how many times slower than usual it is spoken; default 1.
    """
    return max(1, math.ceil((2 + len(text) / 14) * length_factor))


def silent_mp3(seconds: float) -> bytes:
    """Return an mp3 file of silence, made without an encoder.

    :param seconds: the length.
    """
    frame = _HEADER + bytes(FRAME_BYTES - len(_HEADER))
    return frame * max(1, math.ceil(seconds / FRAME_SECONDS))
