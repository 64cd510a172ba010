"""A campaign whose report can be loaded into a database."""

from __future__ import annotations

import pytest
from support.campaigns import a_finished_campaign


@pytest.fixture
def campaign(sandbox):
    return a_finished_campaign(sandbox)
