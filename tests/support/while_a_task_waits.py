"""What can happen while a task waits: to the campaign, to the token, to TingTing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.campaigns import connection
from support.virtual_time import running_virtual_time

from airflow_provider_tingting.sandbox import Sandbox

NEW_TOKEN = "a-new-token-for-the-sandbox"
FAST = 5000

Event = Callable[[Sandbox, int, pytest.MonkeyPatch], None]


def goes_on(sandbox: Sandbox, campaign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the world, which stands still until then, take its course."""
    sandbox.clock.speed = FAST


def nothing(sandbox: Sandbox, campaign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the world standing still."""


def token_replaced_here_too(sandbox: Sandbox, campaign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_token(sandbox, NEW_TOKEN, monkeypatch, then=lambda: goes_on(sandbox, campaign, monkeypatch))


def token_replaced_twice(sandbox: Sandbox, campaign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def again() -> None:
        replace_token(sandbox, NEW_TOKEN + "-again", monkeypatch, then=lambda: goes_on(sandbox, campaign, monkeypatch))

    replace_token(sandbox, NEW_TOKEN, monkeypatch, then=again)


def replace_token(sandbox: Sandbox, token: str, monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> None:
    """Replace the token in the connection and at TingTing, and do something once the task has read with the new one."""
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, password=token, max_retries=0))
    sandbox.world.rotate_token(token)
    before = successful_reads(sandbox)
    clock = running_virtual_time()
    assert clock is not None
    clock.once(lambda: successful_reads(sandbox) > before + 1, then)


def successful_reads(sandbox: Sandbox) -> int:
    """How often the task has read and got a response."""
    return sum(request.call == "get_campaign" and request.status == 200 for request in sandbox.requests)


def token_replaced_only_there(sandbox: Sandbox, campaign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.world.rotate_token(NEW_TOKEN)


def deleted(sandbox: Sandbox, campaign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.world.delete_campaign(campaign)


def short_outage(sandbox: Sandbox, campaign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with sandbox.outage():
        pass
    goes_on(sandbox, campaign, monkeypatch)


def errors_for_a_while(sandbox: Sandbox, campaign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("500", "503-html", "502-empty", "429", "garbage", "cut-before", "truncate"):
        sandbox.faults.add(kind, call="get_campaign", value=0 if kind == "429" else None)
    goes_on(sandbox, campaign, monkeypatch)


def lasting_trouble(sandbox: Sandbox, campaign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.faults.add("500", call="get_campaign", times="*")


def stopped_by_a_person(sandbox: Sandbox, campaign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.world.stop_campaign(campaign)


def gets_a_strange_status(sandbox: Sandbox, campaign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.world.campaigns[campaign].status = "Paused"


def never_begins(sandbox: Sandbox, campaign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.world.campaigns[campaign].status = "Not Started"
