"""Find what a campaign refers to: caller numbers, and a voice by id or name; and the balance that it spends."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.models import CallerNumber, Dashboard, Voice
from airflow_provider_tingting.api.protocol import Call
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingConfigError,
    TingTingForbiddenError,
    TingTingNotFoundError,
)

log = logging.getLogger(__name__)


async def list_caller_numbers() -> tuple[CallerNumber, ...]:
    """Return the caller numbers that TingTing lends, then the account's own (vendor's client, not on the API page).

    A server that has only one of the two lists is accepted.

    :raises TingTingNotFoundError: the server has neither list.
    """
    found: list[CallerNumber] = []
    missing: list[TingTingNotFoundError] = []
    for call in (calls.list_broker_numbers(), calls.list_own_numbers()):
        try:
            found += await call
        except TingTingNotFoundError as error:
            missing.append(error)
    if len(missing) == 2:
        raise missing[0]
    # Different numbers of the two lists may share an id, so only a row that is equal in both is a duplicate.
    return tuple({(row.id, row.phone_number): row for row in found}.values())


async def read_balance() -> Dashboard | None:
    """Return the account's balances, or None when TingTing does not return them.

    TingTing answers 403 to accounts that are not company accounts. The balance is optional information, so neither
    that nor another failure of this read is an error.

    :raises TingTingAuthError: TingTing rejects the token, so that no other call can succeed.
    """
    return await _read_dashboard(calls.get_dashboard(), "balance")


async def read_credits_used(*, days: int) -> float | None:
    """Return the credits that the account has spent in the last days, or None when TingTing does not return them.

    Whether a day begins at midnight is not documented.

    :param days: how many days.
    :raises TingTingAuthError: TingTing rejects the token, so that no other call can succeed.
    """
    dashboard = await _read_dashboard(calls.get_dashboard(days=days), "use of credits")
    return dashboard.credits_used if dashboard else None


async def _read_dashboard(call: Call[Dashboard], what: str) -> Dashboard | None:
    try:
        return await call
    except TingTingAPIError as error:
        if isinstance(error, TingTingAuthError) and not isinstance(error, TingTingForbiddenError):
            raise
        log.info("The %s of the TingTing account is unknown: %s", what, error.message)
        return None


def choose_voice(voices: Sequence[Voice], name_or_id: str | int) -> Voice:
    """Return the voice with this id, display name or internal name; names are compared without regard to case.

    Internal names are not unique at TingTing, so one identifies a voice only if no other voice has it.

    :param voices: the account's voices.
    :param name_or_id: what the user wrote.
    :raises TingTingConfigError: no voice matches, or several do; the text lists the account's voices.
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
    known = ", ".join(f"{voice.voice_display_name!r} ({voice.id})" for voice in voices) or "none"
    problem = "is shared by several voices" if matches else "does not exist"
    raise TingTingConfigError(f"The voice {str(name_or_id)!r} {problem} in this account. Its voices are: {known}.")
