"""The contacts folder imports no Airflow, no HTTP library, and no format library before its format."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

IMPORTS = """
import importlib, pkgutil, sys
import airflow_provider_tingting.contacts as folder
for module in pkgutil.walk_packages(folder.__path__, folder.__name__ + "."):
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
    said = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True, env=environment)
    return set(said.stdout.split())


@pytest.mark.parametrize("library", HEAVY)
def test_the_folder_is_imported_without(library: str, loaded: set[str]) -> None:
    assert "tenacity" in loaded
    assert library not in loaded
