"""What a rehearsal hands out in place of the user's connections, and how it reads the others. Imports no Airflow."""

from __future__ import annotations

import json
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
                [sys.executable, "-m", "airflow_provider_tingting.rehearsal.lookup"],
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


class Vault:
    """What the backend hands out; set up before Airflow asks.

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


#: Airflow itself creates the backend, without arguments.
vault = Vault()
