"""Reads connections and variables for a rehearsal, in a process with the user's own Airflow.

Reads a JSON line for each from standard input and writes one with the value. A connection of type `tingting` is never
written: the line then holds its type only.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def main() -> None:
    """Answer until standard input ends."""
    # Airflow logs to standard output.
    with os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1) as output:
        os.dup2(2, 1)
        for line in sys.stdin:
            question = json.loads(line)
            find = find_variable if question["kind"] == "variable" else find_connection_fields
            print(json.dumps(find(question["name"])), file=output)


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
