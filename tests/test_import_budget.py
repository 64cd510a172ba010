"""A DAG file pays for every import at every parse, so nothing heavy may come with the provider's classes."""

from __future__ import annotations

import subprocess
import sys

from airflow_provider_tingting.provider_info import get_provider_info

HEAVY = {
    "airflow.providers.standard.operators.python",
    "aiohttp",
    "fastapi",
    "matplotlib",
    "numpy",
    "openpyxl",
    "pandas",
    "phonenumbers",
    "pyarrow",
    "python_calamine",
    "rustpy_xlsxwriter",
    "requests",
    "uvicorn",
}

# Of the package's modules, with every class that a DAG file can use; each costs about a millisecond. Airflow 3.3 has
# loaded eight of them by itself before.
MAX_OWN_MODULES = 95


def test_importing_every_operator_sensor_and_trigger_loads_nothing_heavy() -> None:
    info = get_provider_info()
    kinds = ("hooks", "operators", "sensors", "triggers")
    modules = [module for kind in kinds for entry in info[kind] for module in entry["python-modules"]]
    modules += [path.rpartition(".")[0] for path in (*info["notifications"], *info["cli"])]
    # What Airflow itself has loaded by then is not ours.
    program = f"""
import sys
try:
    import airflow.sdk
except ImportError:
    import airflow.models.baseoperator, airflow.sensors.base
import airflow.triggers.base
from airflow.providers.common.compat.sdk import BaseNotifier
before = set(sys.modules)
for module in {modules!r}:
    __import__(module)
loaded = set(sys.modules) - before
print(",".join(sorted({HEAVY!r} & loaded)))
print(sum(name.startswith("airflow_provider_tingting") for name in loaded))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy, own = done.stdout.splitlines()[-2:]

    assert heavy == ""
    assert int(own) <= MAX_OWN_MODULES


def test_the_client_and_the_folders_below_it_import_no_airflow() -> None:
    program = """
import pkgutil, sys
from importlib import import_module
for package in ("api", "campaigns", "contacts", "files", "polling", "reports"):
    room = import_module(f"airflow_provider_tingting.{package}")
    for found in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
        import_module(found.name)
modules = "connection errors formatting masking provider_info"
for module in modules.split():
    import_module(f"airflow_provider_tingting.{module}")
print(",".join(sorted(name for name in sys.modules if name == "airflow" or name.startswith("airflow."))))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == ""
