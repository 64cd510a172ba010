"""Nights that pass while a process sleeps."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _time(virtual_time):
    """Each test runs in virtual time."""
