"""A private Airflow for one test session: its own home, settings and migrated database. Imports no Airflow.

Airflow reads its settings when it is first imported, so `tests/conftest.py` calls `prepare` before anything else does.
Migrating an empty database takes seconds; a migrated one is therefore kept in the checkout's `.airflow/` and copied.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLE_DAGS = CHECKOUT / "example_dags"
AIRFLOW_VERSION = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
NEWEST_AIRFLOW = (3, 3)


def prepare() -> Path:
    """Point this process and its children at a fresh Airflow home with a migrated database; removed at exit."""
    # A developer's own Airflow (its database, its real TingTing connection) must be out of reach.
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="tingting-tests-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ.update(_settings(home))
    database = _migrated_database(home)
    shutil.copyfile(database, home / "airflow.db")
    return home


def _settings(home: Path) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLE_DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__API_AUTH__JWT_SECRET": "one secret for all processes of a test session, long enough for HS512",
        # Up to 3.1 a DAG that changed within this many seconds is not written again: two tests may use one id.
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
        # No word to the outside from a test run.
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        # 2.11 warns about its own timers on every import otherwise.
        "AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True",
        # A proxy would stand between the tests and the sandbox on the loopback interface.
        "NO_PROXY": "localhost,127.0.0.1,::1",
        "no_proxy": "localhost,127.0.0.1,::1",
    }


def _migrated_database(home: Path) -> Path:
    """The kept database of this Airflow version, migrated on first use."""
    kept = CHECKOUT / ".airflow" / "tests" / f"airflow-{version('apache-airflow')}.db"
    if not kept.exists():
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(f"`airflow db migrate` failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        # Two sessions may come here at once: the file appears whole or not at all.
        descriptor, unfinished = tempfile.mkstemp(dir=kept.parent)
        os.close(descriptor)
        shutil.copyfile(home / "airflow.db", unfinished)
        Path(unfinished).replace(kept)
    return kept
