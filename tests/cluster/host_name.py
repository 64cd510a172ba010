"""The name of the host that a process of the cluster believes to be on: all share one machine."""

from __future__ import annotations

import os

HOST = "CLUSTER_HOST"


def host_name() -> str:
    """Return the name, as Airflow's setting `[core] hostname_callable` asks for it."""
    return os.environ[HOST]
