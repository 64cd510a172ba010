"""Flows that read what a notification needs of the account: credits, a caller number, a voice."""

from __future__ import annotations

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.lookups import choose_voice, list_caller_numbers, read_balance
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.notifications.notification import Notification


async def first_caller() -> tuple[int, ...]:
    """Return the id of the account's first caller number.

    :raises TingTingConfigError: the account has none.
    """
    found = await list_caller_numbers()
    if not found:
        raise TingTingConfigError(
            "The TingTing account has no caller number, so no call is possible. Ask TingTing for one, or give its id "
            "as user_phone."
        )
    return (found[0].id,)


async def check_credits(services: str) -> None:
    """Raise when the account has no credits; an unknown balance is taken for a sufficient one.

    :param services: `PHONE`, `SMS` or `SMS & PHONE`.
    :raises TingTingConfigError: the account has no credits for these services.
    """
    dashboard = await read_balance()
    credits = dashboard.credits_for(services) if dashboard else None
    if credits is not None and credits <= 0:
        raise TingTingConfigError("The TingTing account has no credits left, so no notification is sent. Buy credits.")


async def voice_of(notification: Notification) -> int:
    """Return the id of the voice that speaks: the wanted one, or the account's first.

    :param notification: its `voice` is an id, a display name or None.
    :raises TingTingConfigError: there is no such voice, or none at all.
    """
    voices = await calls.list_voice_models()
    if notification.voice is not None:
        return choose_voice(voices, notification.voice).id
    if not voices:
        raise TingTingConfigError('The TingTing account has no voice. Ask TingTing, or use services="SMS".')
    return int(voices[0].id)
