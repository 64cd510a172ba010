"""Nothing that identifies a person or opens the account is in any log of a real Airflow, whatever has died.

These tests come last: they read what all other tests with real processes have left.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from durability.lives import NAME, PLACE, SPOKEN, Fleet, Remains
from durability.real_airflow import RealAirflow

# A test may wait for its file's other lives, which go on side by side with its own.
pytestmark = [pytest.mark.durability, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Undisturbed:
    """Nothing happens; so that there is something to read when nothing else was run."""

    waiting: str

    def __str__(self) -> str:
        return self.waiting

    def live(self, fleet: Fleet) -> tuple[Remains, str]:
        """Live; return also what was said in the calls."""
        with fleet.life(f"lifecycle_{self.waiting}", f"to-be-logged-{self}") as life:
            life.begin()
            remains = life.end()
            return remains, "\n".join(call.text for call in life.sandbox.ledger.dialled)


@pytest.mark.parametrize("case", [Undisturbed("sync"), Undisturbed("deferred")], ids=str)
def test_no_log_holds_a_number_a_variable_a_message_or_a_token(
    case: Undisturbed, lived: tuple[Remains, str], airflow: RealAirflow, fleet: Fleet
) -> None:
    remains, spoken = lived
    remains.assert_each_contact_was_called_once()
    logs = {path: path.read_bytes() for path in airflow.log_files()}
    of_this_run = {path: text for path, text in logs.items() if f"/run_id=to-be-logged-{case}/" in str(path)}
    everything = b"\n".join(of_this_run.values())

    # What is looked for was really there to be logged, and the logs are those of the tasks and of the triggerer.
    assert SPOKEN in spoken
    assert NAME in spoken
    assert PLACE in spoken
    assert {path.parent.name for path in of_this_run} == {f"task_id={task}" for task in remains.tasks}
    assert b"Campaign 1 was created" in everything
    assert b"Campaign 1 is Running" in everything
    assert case.waiting == "sync" or any(".trigger." in path.name for path in of_this_run)

    numbers = {number for life in fleet.lives for number in life.audience}
    secrets = numbers | fleet.tokens | {SPOKEN, NAME, PLACE}
    needles = {form.encode() for secret in secrets for form in (secret, json.dumps(secret)[1:-1])}
    found = {
        str(path.relative_to(airflow.folder)): needle.decode()
        for path, text in logs.items()
        for needle in needles
        if needle in text
    }
    assert not found
