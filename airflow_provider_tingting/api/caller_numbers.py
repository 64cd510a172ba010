"""The numbers that campaigns may call from: one list out of the two that TingTing keeps. No I/O."""

from __future__ import annotations

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.models import CallerNumber
from airflow_provider_tingting.errors import TingTingNotFoundError


async def caller_numbers() -> tuple[CallerNumber, ...]:
    """Read the numbers that TingTing lends, then the account's own; a server that has one list only will do.

    :raises TingTingNotFoundError: the server has neither.
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
    # The two lists may have ids in common that are different numbers: only the same row twice is left out.
    return tuple({(row.id, row.phone_number): row for row in found}.values())
