"""TingTing is down for a while, or its token is replaced, while real workers and a real triggerer wait on."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from durability.lives import Fleet, Remains

# A test may wait for its file's other lives, which go on side by side with its own.
pytestmark = [pytest.mark.durability, pytest.mark.timeout(900)]

WAITING = ("sync", "deferred")
# Longer than the client's own retries may take for one read.
_SECONDS_OF_OUTAGE = 16.0
# At the very beginning the tries of the create task must outlast it.
_SECONDS_OF_OUTAGE_AT_FIRST = 5.0


@dataclass(frozen=True)
class Outage:
    """TingTing is down while a task waits for the campaign.

    :param how: `cut` (each connection is closed without an answer) or `refused` (no server listens).
    """

    waiting: str
    how: str

    def __str__(self) -> str:
        return f"{self.waiting}-{self.how}"

    def live(self, fleet: Fleet) -> tuple[int, Remains]:
        """Live through it; return also how many polls came while TingTing was down."""
        with fleet.life(f"lifecycle_{self.waiting}", f"outage-{self}") as life:
            life.is_held = True
            life.begin()
            life.until_seen_running()
            struck = 0
            if self.how == "refused":
                with life.sandbox.outage():
                    time.sleep(_SECONDS_OF_OUTAGE)
            else:
                fault = life.sandbox.faults.add("cut-before", call="*", times="*")
                time.sleep(_SECONDS_OF_OUTAGE)
                life.sandbox.faults.remove(fault.id)
                struck = fault.applied
            life.is_held = False
            return struck, life.end()


@dataclass(frozen=True)
class OutageAtFirst:
    """TingTing is down when the first task begins."""

    waiting: str

    def __str__(self) -> str:
        return self.waiting

    def live(self, fleet: Fleet) -> Remains:
        """Live through it."""
        with fleet.life(f"lifecycle_{self.waiting}", f"outage-at-first-{self}") as life:
            fault = life.sandbox.faults.add("cut-before", call="*", times="*")
            life.begin()
            life.until_struck(fault)
            time.sleep(_SECONDS_OF_OUTAGE_AT_FIRST)
            life.sandbox.faults.remove(fault.id)
            return life.end()


@dataclass(frozen=True)
class RotatedToken:
    """The connection gets the new token, then TingTing refuses the old one."""

    waiting: str

    def __str__(self) -> str:
        return self.waiting

    def live(self, fleet: Fleet) -> Remains:
        """Live through it."""
        with fleet.life(f"lifecycle_{self.waiting}", f"rotated-token-{self}") as life:
            life.is_held = True
            life.begin()
            life.until_seen_running()
            life.lane.token = fleet.new_token()
            life.airflow.put_connections({life.lane.connection: life.lane.connection_json()})
            life.sandbox.world.rotate_token(life.lane.token)
            life.until(lambda: any(entry.status == 401 for entry in life.sandbox.requests), "the old token")
            life.is_held = False
            return life.end()


@pytest.mark.parametrize("case", [Outage(waiting, how) for waiting in WAITING for how in ("cut", "refused")], ids=str)
def test_an_outage_during_the_wait_is_waited_out_and_costs_no_try(case: Outage, lived: tuple[int, Remains]) -> None:
    struck, remains = lived

    remains.assert_each_contact_was_called_once()
    assert set(remains.tries().values()) == {1}, remains.story
    assert case.how == "refused" or struck > 1, f"TingTing was down and no request came\n{remains.story}"


@pytest.mark.parametrize("case", [OutageAtFirst(waiting) for waiting in WAITING], ids=str)
def test_an_outage_at_the_beginning_is_outlasted(case: OutageAtFirst, lived: Remains) -> None:
    lived.assert_each_contact_was_called_once()


@pytest.mark.parametrize("case", [RotatedToken(waiting) for waiting in WAITING], ids=str)
def test_a_token_replaced_during_the_wait_is_read_again_and_costs_no_try(case: RotatedToken, lived: Remains) -> None:
    lived.assert_each_contact_was_called_once()
    assert set(lived.tries().values()) == {1}, lived.story
    assert lived.statuses["get_campaign", 401] >= 1, lived.story
