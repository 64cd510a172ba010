"""The voice preview's file: a real mp3, of silence, made without an encoder. Standard library only."""

from __future__ import annotations

import math

# MPEG 1, layer III, 32 kbit/s, 44.1 kHz, mono, no checksum; all side information zero means silence.
_HEADER = bytes((0xFF, 0xFB, 0x10, 0xC4))
FRAME_BYTES = 144 * 32_000 // 44_100
FRAME_SECONDS = 1152 / 44_100


def silent_mp3(seconds: float) -> bytes:
    """Return an mp3 file of silence."""
    frame = _HEADER + bytes(FRAME_BYTES - len(_HEADER))
    return frame * max(1, math.ceil(seconds / FRAME_SECONDS))
