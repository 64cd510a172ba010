"""Campaigns on a cluster to which nothing happens, and on one whose TingTing fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cluster.scene import Figures, Scene

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(700)]

_CAMPAIGNS = 6
_DISTRICTS = 5
# Before and after the request is carried out, for writes and reads: TingTing refuses, fails, and does not respond.
_FAULTS = (
    "503-html:write:4",
    "503-after-commit:create:2:1",
    "lose-reply:create:1:4",
    "429=2:add:6:2",
    "500-after-commit:add:2:6",
    "stuck-after-commit=6:add:1:10",
    "429-date=2:run:2",
    "lose-reply:run:2:3",
    "503-after-commit:run:1:6",
    "stuck=6:get:3:8",
    "503-html:read:6:30",
    "slow=3:report:2",
)


@pytest.fixture(scope="module", autouse=True)
def _begun(scenes: dict[str, Scene]) -> None:
    """All scenarios of this file go on side by side."""
    scenes["plain"].begin("whole_life", _CAMPAIGNS)
    for fault in _FAULTS:
        scenes["faults"].sandbox.faults.parse(fault)
    scenes["faults"].begin("whole_life", _CAMPAIGNS)
    mapped = scenes["mapped"]
    districts = [{"name": f"District {number}", "contacts": mapped.new_contacts()} for number in range(_DISTRICTS)]
    mapped.trigger("mapped_campaigns", {"districts": districts})


def test_campaigns_run_on_two_workers_and_two_triggerers(
    scenes: dict[str, Scene], note: Callable[[Figures], Figures]
) -> None:
    plain = scenes["plain"]
    figures = note(plain.end(_CAMPAIGNS))
    figures.assert_each_contact_was_called_once()
    assert figures.second_tries == 0
    assert {task.host for task in plain.tasks()} == {"worker-1", "worker-2"}


def test_mapped_campaigns_are_run_once_each(scenes: dict[str, Scene], note: Callable[[Figures], Figures]) -> None:
    note(scenes["mapped"].end(_DISTRICTS)).assert_each_contact_was_called_once()


def test_a_tingting_that_fails_costs_no_call(scenes: dict[str, Scene], note: Callable[[Figures], Figures]) -> None:
    faults = scenes["faults"]
    figures = faults.end(_CAMPAIGNS)
    applied = sum(entry.fault is not None for entry in faults.sandbox.requests)
    note(figures).assert_each_contact_was_called_once()
    assert applied >= 20
