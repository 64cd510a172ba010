"""The room of contacts keeps its doors: no Airflow, no HTTP library, no format library before its format."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LOOK = """
import importlib, pkgutil, sys
import airflow_provider_tingting.contacts as room
for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
    if not module.name.endswith(".loading"):
        importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
HEAVY = (
    "airflow",
    "requests",
    "httpx",
    "openpyxl",
    "python_calamine",
    "rustpy_xlsxwriter",
    "pyarrow",
    "pandas",
    "phonenumbers",
    "fsspec",
)


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True, env=environment)
    return set(said.stdout.split())


@pytest.mark.parametrize("library", HEAVY)
def test_the_room_is_imported_without(library: str, loaded: set[str]) -> None:
    assert "tenacity" in loaded
    assert library not in loaded
