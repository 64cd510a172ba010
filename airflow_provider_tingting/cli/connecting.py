"""From the name of a connection to a client, in a shell, where Airflow runs no task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_tingting.connection import CONN_TYPE, ConnectionSettings
from airflow_provider_tingting.errors import TingTingConfigError

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Connection
    from airflow_provider_tingting.api.client import TingTingClient


def find_connection(conn_id: str) -> Connection | None:
    """Return a connection from wherever Airflow keeps it; None when there is none of that name."""
    from airflow_provider_tingting._compat import find_connection

    return find_connection(conn_id)


def settings_of(conn_id: str) -> ConnectionSettings:
    """Read a connection and check it.

    :raises TingTingConfigError: there is none, or it cannot be used; the text says what to do.
    """
    connection = find_connection(conn_id)
    if connection is None:
        raise TingTingConfigError(absence(conn_id))
    return read_settings(connection, conn_id)


def read_settings(connection: Connection, conn_id: str) -> ConnectionSettings:
    """Check a connection.

    :raises TingTingConfigError: it cannot be used.
    """
    return ConnectionSettings.read(
        host=connection.host,
        password=connection.password,
        schema=connection.schema,
        port=connection.port,
        extra=connection.extra_dejson,
        conn_id=conn_id,
    )


def absence(conn_id: str) -> str:
    """Return that a connection is not there, and what to do."""
    from airflow_provider_tingting.cli.database import database_trouble

    trouble = database_trouble()
    where = f" Airflow's database was not asked: {trouble.said}" if trouble else ""
    return f"Airflow knows no connection {conn_id!r}.{where} {remedy_of_absence(conn_id)}"


def remedy_of_absence(conn_id: str) -> str:
    """Return what to do about a connection that is not there."""
    return (
        f"Make one of type {CONN_TYPE} in Airflow under Admin, Connections, or set AIRFLOW_CONN_{conn_id.upper()}; "
        "--conn-id names another one."
    )


def connect(conn_id: str) -> TingTingClient:
    """Return a client for a connection; close it, or use it in a `with`.

    :raises TingTingConfigError: there is none, or it cannot be used.
    """
    from airflow_provider_tingting import api

    return api.TingTingClient(**settings_of(conn_id).client_arguments())
