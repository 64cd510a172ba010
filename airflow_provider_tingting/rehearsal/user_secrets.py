"""The connections and variables of a rehearsal: its own, and those that it reads from the user's Airflow.

Imports Airflow only in the second process, which runs this module with the user's own environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from airflow_provider_tingting.connection import DEFAULT_CONN_ID


class UserSecrets:
    """Connections and variables of the user's Airflow, read by another process in the user's own environment.

    :param environ: the environment of the user's process.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._process: subprocess.Popen[str] | None = None

    def get(self, kind: str, name: str) -> Any:
        """Return a secret's JSON value, or None when Airflow has none of the name.

        :param kind: `connection` or `variable`.
        :param name: the connection's id, or the variable's key.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "airflow_provider_tingting.rehearsal.user_secrets"],
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            print(json.dumps({"kind": kind, "name": name}), file=process.stdin, flush=True)
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else None

    def close(self) -> None:
        """End the process, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class RehearsalConnections:
    """What the secrets backend of a rehearsal returns; set before Airflow asks for a connection.

    :ivar sandbox: the sandbox's connection, as JSON.
    :ivar own: connections of the rehearsal itself by id, as JSON.
    :ivar tingting_ids: the ids that the DAG's tasks use for TingTing.
    :ivar user: the user's other connections and variables.
    """

    def __init__(self) -> None:
        self.sandbox = ""
        self.own: dict[str, str] = {}
        self.tingting_ids = {DEFAULT_CONN_ID}
        self.user: UserSecrets | None = None


#: Kept in the module, because Airflow creates the backend without arguments.
connections = RehearsalConnections()


def main() -> None:
    """Answer the requests of `UserSecrets` until standard input ends.

    Each line of standard input is a JSON request, and gets one line with the value. A connection of type `tingting` is
    never written: its line holds the type only.
    """
    # Airflow logs to standard output.
    with os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1) as output:
        os.dup2(2, 1)
        for line in sys.stdin:
            request = json.loads(line)
            find = find_variable if request["kind"] == "variable" else find_connection_fields
            print(json.dumps(find(request["name"])), file=output)


def find_connection_fields(conn_id: str) -> Any:
    """Return the fields of a connection, `tingting` for one of TingTing, or None.

    :param conn_id: the id of the connection.
    """
    from airflow_provider_tingting._compat import find_connection

    found = find_connection(conn_id)
    if found is None or found.conn_type == "tingting":
        return found and "tingting"
    names = ("conn_type", "host", "login", "password", "schema", "port", "extra")
    return {name: getattr(found, name) for name in names if getattr(found, name) is not None}


def find_variable(key: str) -> Any:
    """Return the text of a variable, or None.

    :param key: the key of the variable.
    """
    from airflow.models.variable import Variable

    return Variable.get_variable_from_secrets(key)


if __name__ == "__main__":
    main()
