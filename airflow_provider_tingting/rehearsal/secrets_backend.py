"""The secrets backend of a rehearsal: the sandbox in place of every TingTing connection.

Airflow asks it before anything else. For other connections and variables it asks the user's Airflow, in a process of
its own that starts when the first of them is needed. That process never hands out a connection of type `tingting`.
"""

from __future__ import annotations

import json
import os
from typing import Any

from airflow.secrets import BaseSecretsBackend

from airflow_provider_tingting.rehearsal.user_secrets import connections


class RehearsalSecrets(BaseSecretsBackend):
    """Hands out the sandbox for TingTing, and the user's own connections for everything else."""

    def __init__(self, **_: Any) -> None:
        super().__init__()

    def get_conn_value(self, conn_id: str, *_: Any, **__: Any) -> str | None:
        """Return a connection as JSON, or None when there is none.

        :param conn_id: the id of the connection.
        """
        if conn_id in connections.tingting_ids:
            return connections.sandbox
        if conn_id in connections.own:
            return connections.own[conn_id]
        found = connections.user.get("connection", conn_id) if connections.user else None
        if found is None:
            return None
        return connections.sandbox if found == "tingting" else json.dumps(found)

    def get_variable(self, key: str, *_: Any, **__: Any) -> str | None:
        """Return a variable of the user's Airflow; one in the environment is found there.

        :param key: the key.
        """
        if f"AIRFLOW_VAR_{key.upper()}" in os.environ or connections.user is None:
            return None
        found = connections.user.get("variable", key)
        return None if found is None else str(found)

    def get_config(self, key: str, *_: Any, **__: Any) -> str | None:
        """Return nothing: a rehearsal has no secret settings.

        :param key: the key.
        """
        return None
