"""Writes what a probe has found into the extra of the Airflow connection."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_tingting.cli.connections import find_connection
from airflow_provider_tingting.connection.server_dialect import ServerDialect
from airflow_provider_tingting.errors import TingTingConfigError


def save_dialect(conn_id: str, dialect: ServerDialect) -> None:
    """Store a dialect as `dialect` in the extra of a connection in Airflow's database; other fields stay.

    :param conn_id: the connection's id.
    :param dialect: what is known about the server.
    :raises TingTingConfigError: the connection that tasks use is not that of Airflow's database; the text has what to
        write into its extra.
    """
    by_hand = f"Put this into its extra yourself: {json.dumps({'dialect': str(dialect)})}"
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    used: Any = find_connection(conn_id)
    try:
        with create_session() as session:
            stored: Any = session.query(Connection).filter(Connection.conn_id == conn_id).one_or_none()
            if stored is None or used is None or _fields(stored) != _fields(used):
                raise TingTingConfigError(
                    f"The connection {conn_id!r} does not come from Airflow's database but from the environment or a "
                    f"secrets backend, where this command writes nothing. {by_hand}"
                )
            stored.set_extra(json.dumps({**stored.extra_dejson, "dialect": str(dialect)}))
    except TingTingConfigError:
        raise
    except Exception as error:
        # A driver's text may quote the connection.
        raise TingTingConfigError(
            f"Airflow's database cannot be written ({type(error).__name__}), so nothing was saved. {by_hand}"
        ) from error


def _fields(connection: object) -> list[Any]:
    names = ("conn_type", "host", "login", "password", "schema", "port", "extra_dejson")
    return [getattr(connection, name) or None for name in names]
