"""What both forms of the demo run in: a private Airflow, the example DAGs, and a sandbox with the clock sped up."""

from __future__ import annotations

import os
from pathlib import Path

from airflow_provider_tingting.sandbox import Sandbox

# The examples' campaigns take a few minutes of the sandbox's time: at this speed a run is watched in half a minute.
SPEED = 8.0


def example_dags() -> Path:
    """Return the folder of the example DAGs: the checkout's, or the one that came with the package."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent / "example_dags", package / "example_dags"):
        if (folder / "campaign_from_spreadsheet.py").is_file():
            return folder
    raise SystemExit("The example DAGs are not here. Run the demo from a checkout of airflow-provider-tingting.")


def environment(home: Path, sandbox: Sandbox, *, deferred: bool) -> dict[str, str]:
    """Return the environment of an Airflow that knows only the sandbox and the examples."""
    home.mkdir(parents=True, exist_ok=True)
    own = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return own | {
        "AIRFLOW_HOME": str(home.resolve()),
        "AIRFLOW__CORE__DAGS_FOLDER": str(example_dags()),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": str(deferred),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW_CONN_TINGTING_DEFAULT": sandbox.connection_json(),
        "TINGTING_POLL_INTERVAL": "2",
        # Nobody is really called, so the examples need not wait for the morning.
        "TINGTING_CALLING_WINDOW": "00:00-24:00",
        "NO_PROXY": "localhost,127.0.0.1,::1",
        "no_proxy": "localhost,127.0.0.1,::1",
        "PYTHONWARNINGS": "ignore",
    }
