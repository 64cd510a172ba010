"""A notifier called in both ways that Airflow has, and who was notified by the sandbox's ledger."""

from __future__ import annotations

from typing import Any

import pytest
from support.virtual_time import run

from airflow_provider_tingting.sandbox import Sandbox

FIRST, SECOND, THIRD = "9841234501", "9801234502", "9861234503"


def call(notifier: Any, context: Any) -> None:
    """Call the notifier as a callback."""
    notifier(context)


def await_it(notifier: Any, context: Any) -> None:
    """Await the notifier, as a triggerer does."""
    notifier.context = context

    async def wait() -> None:
        await notifier

    run(wait())


both_ways = pytest.mark.parametrize("tell", [call, await_it])


def dialled(sandbox: Sandbox) -> list[tuple[str, str]]:
    """Who was called or texted, in their order, and how."""
    sandbox.play_out()
    return [(one.channel, one.number) for one in sandbox.ledger.dialled]


def said(sandbox: Sandbox) -> list[str]:
    """Return the texts that the recipients got."""
    sandbox.play_out()
    return [one.text for one in sandbox.ledger.dialled]
