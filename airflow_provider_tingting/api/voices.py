"""Which voice a person means by an id or a name. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_tingting.api.models import Voice
from airflow_provider_tingting.errors import TingTingConfigError


def choose_voice(voices: Sequence[Voice], name_or_id: str | int) -> Voice:
    """Return the voice with this id or display name.

    The display name is compared without regard to case; internal names are not unique at TingTing, so a voice is
    found by one only when no other voice shares it.

    :raises TingTingConfigError: there is no such voice, or several; the text lists those that there are.
    """
    wanted = str(name_or_id).strip().casefold()
    for matches in (
        [voice for voice in voices if str(voice.id) == wanted],
        [voice for voice in voices if voice.voice_display_name.strip().casefold() == wanted],
        [voice for voice in voices if voice.voice_internal_name.strip().casefold() == wanted],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            break
    known = ", ".join(f"{voice.voice_display_name!r} ({voice.id})" for voice in voices) or "none at all"
    problem = "is shared by several voices" if matches else "does not exist"
    raise TingTingConfigError(f"The voice {str(name_or_id)!r} {problem} in this account. There are: {known}.")
