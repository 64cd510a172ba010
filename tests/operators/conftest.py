"""What tests of several operators ask for."""

from __future__ import annotations

import pytest


@pytest.fixture(params=[False, True], ids=["in a worker", "deferred"])
def deferrable(request):
    return request.param
