"""What the tests of contacts share."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(params=["openpyxl", "calamine"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The library that reads workbooks in the test; the test runs once with each."""
    if request.param == "openpyxl":
        monkeypatch.setitem(sys.modules, "python_calamine", None)
    else:
        pytest.importorskip("python_calamine")
    return str(request.param)
