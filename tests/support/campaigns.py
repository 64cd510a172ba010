"""Campaigns that are in the sandbox already when a test begins; making them leaves nothing in the request ledger."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from support.virtual_time import running_virtual_time

from airflow_provider_tingting.sandbox import Sandbox

NUMBERS = ("9841234501", "9841234502", "9801234503", "9861234504")
OUTCOMES = ("completed", "hungup", "unanswered", "failed")


def a_campaign(
    sandbox: Sandbox, numbers: Sequence[str] = NUMBERS, *, outcome: str | None = "completed", **fields: Any
) -> int:
    """Make a campaign with contacts, ready to be run, and return its id.

    :param outcome: how every call ends; None leaves it to the sandbox's seed.
    """
    world = sandbox.world
    campaign = world.create_campaign(
        **{
            "name": "Water notice",
            "services": "PHONE",
            "user_phone": [3],
            "message": "नमस्कार {name} जी",
            "voice": 1,
            **fields,
        }
    )
    world.add_contacts(campaign.id, [(number, {"name": f"Sita {number[-2:]}"}) for number in numbers])
    if outcome is not None:
        for number in numbers:
            world.script_outcome(number, outcome)
    return campaign.id


def a_finished_campaign(sandbox: Sandbox, numbers: Sequence[str] = NUMBERS, outcomes: Sequence[str] = OUTCOMES) -> int:
    """Make a campaign that has ended, each contact with an outcome of its own, and return its id."""
    campaign = a_campaign(sandbox, numbers, outcome=None)
    for number, outcome in zip(numbers, outcomes, strict=True):
        sandbox.world.script_outcome(number, outcome)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    return campaign


def writes(sandbox: Sandbox) -> list[str]:
    """The calls that have reached the sandbox and change something, in their order."""
    return [request.call for request in sandbox.requests if request.method != "GET"]


def reads(sandbox: Sandbox, call: str = "get_campaign") -> int:
    """How often a call has reached the sandbox."""
    return sum(request.call == call for request in sandbox.requests)


def dialled_once(sandbox: Sandbox, numbers: Sequence[str] = NUMBERS) -> bool:
    """Whether each of these contacts, and no other, was called exactly once."""
    return dict(sandbox.ledger.times_dialled()) == dict.fromkeys(numbers, 1)


def connection(sandbox: Sandbox, **changes: Any) -> str:
    """The value of a connection's environment variable, with changes; what is not a field goes into the extra."""
    parts = json.loads(sandbox.connection_json())
    fields = {name: changes.pop(name) for name in ("host", "password", "schema", "port") if name in changes}
    return json.dumps({**parts, **fields, "extra": {**parts["extra"], **changes}})


def wait_until(condition: Callable[[], bool], *, within: float = 120.0) -> None:
    """Wait for something to become so.

    :raises TimeoutError: it has not.
    """
    give_up = time.monotonic() + within
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError("what was waited for has not come about")
        time.sleep(0.005)


@contextmanager
def meanwhile(condition: Callable[[], bool], act: Callable[[], object], *, within: float = 120.0) -> Iterator[None]:
    """Do something as soon as a condition holds, while the block waits for a campaign.

    In virtual time that is in the first sleep in which it holds; otherwise another thread looks for it.
    """
    if clock := running_virtual_time():
        with clock.when(condition, act):
            yield
        return
    failed: list[BaseException] = []

    def run() -> None:
        try:
            wait_until(condition, within=within)
            act()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert not failed, failed


@contextmanager
def losing_a_contact_before_the_report(sandbox: Sandbox, campaign_id: int) -> Iterator[None]:
    """Delete a contact of a campaign after the block has read the campaign, and before TingTing makes the report."""
    held = sandbox.faults.add("slow", call="download_campaign_report", value=60, times="*")
    contact = max(sandbox.world.campaigns[campaign_id].contacts)

    def delete() -> None:
        sandbox.world.delete_contact(contact)
        sandbox.faults.remove(held.id)

    with meanwhile(lambda: any(entry.fault == "slow" for entry in sandbox.requests), delete):
        yield
