"""What a notice needs of the account: credits, a number to call from, a voice. Reads only; no I/O."""

from __future__ import annotations

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.lookups import choose_voice, list_caller_numbers, read_balance
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.notifications.notice import Notice


async def first_caller() -> tuple[int, ...]:
    """Return the id of the account's first caller number.

    :raises TingTingConfigError: there is none.
    """
    found = await list_caller_numbers()
    if not found:
        raise TingTingConfigError(
            "The TingTing account has no caller number, so nobody can be called. Ask TingTing for one, or give its id "
            "as user_phone."
        )
    return (found[0].id,)


async def check_credits(services: str) -> None:
    """Refuse to begin without credits; an unknown balance is taken for a sufficient one.

    :param services: `PHONE`, `SMS` or `SMS & PHONE`.
    :raises TingTingConfigError: the account has no credits for these services.
    """
    dashboard = await read_balance()
    credits = dashboard.credits_for(services) if dashboard else None
    if credits is not None and credits <= 0:
        raise TingTingConfigError("The TingTing account has no credits left, so nobody can be told. Buy some.")


async def voice_of(notice: Notice) -> int:
    """Return the id of the voice that speaks: the wanted one, or the account's first.

    :raises TingTingConfigError: there is no such voice, or none at all.
    """
    voices = await calls.list_voice_models()
    if notice.voice is not None:
        return choose_voice(voices, notice.voice).id
    if not voices:
        raise TingTingConfigError('The TingTing account has no voice. Ask TingTing, or use services="SMS".')
    return int(voices[0].id)
