"""What the tests of the simulator share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from simulation.world import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The provider in virtual time, for as many lives as a test wants."""
    with Stage().set_up() as stage:
        yield stage
