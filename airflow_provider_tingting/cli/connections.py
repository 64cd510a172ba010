"""Airflow connections in a shell: finds one, makes a client from it, and stores what a probe has found."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting.api import TingTingClient
from airflow_provider_tingting.connection import CONN_TYPE, ConnectionSettings
from airflow_provider_tingting.connection.server_dialect import ServerDialect
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.masking import mask_text

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Connection

# Airflow is imported inside the functions: it takes more than a second, and its import reads the configuration.


@dataclass(frozen=True)
class DatabaseProblem:
    """Why Airflow's database cannot be read.

    :param message: what is wrong, in one sentence.
    :param remedy: what to do.
    """

    message: str
    remedy: str


def database_problem() -> DatabaseProblem | None:
    """Return why Airflow's database cannot be read, or None when it can."""
    try:
        from airflow.utils.session import create_session

        with _without_log_records(), create_session() as session:
            connection = session.connection()
            migrated = all(connection.dialect.has_table(connection, table) for table in ("connection", "job"))
    except Exception as error:
        # A driver's message can have several lines; the first one names the cause.
        lines = mask_text(str(getattr(error, "orig", None) or error)).strip().splitlines() or [type(error).__name__]
        return DatabaseProblem(
            f"it cannot be reached ({type(error).__name__}: {lines[0]}).",
            "Start it, or correct [database] sql_alchemy_conn. Connections in environment variables work without it.",
        )
    if not migrated:
        return DatabaseProblem("it is not initialized.", "Run: airflow db migrate")
    return None


def find_connection(conn_id: str) -> Connection | None:
    """Return a connection from the environment, a secrets backend or Airflow's database; None when none has the id.

    :param conn_id: the id of the connection.
    """
    from airflow_provider_tingting import _compat

    with _without_log_records():
        return _compat.find_connection(conn_id)


def settings_of(conn_id: str) -> ConnectionSettings:
    """Return the checked settings of a connection.

    :param conn_id: the id of the connection.
    :raises TingTingConfigError: there is no such connection, or it is invalid; the text says what to do.
    """
    connection = find_connection(conn_id)
    if connection is None:
        problem = database_problem()
        database = f" Airflow's database was not searched: {problem.message}" if problem else ""
        raise TingTingConfigError(
            f"Airflow has no connection {conn_id!r}.{database} {missing_connection_remedy(conn_id)}"
        )
    return read_settings(connection, conn_id)


def read_settings(connection: Connection, conn_id: str) -> ConnectionSettings:
    """Return the checked settings of a connection that was found.

    :param connection: the connection, as Airflow has it.
    :param conn_id: the id of the connection.
    :raises TingTingConfigError: the connection is invalid.
    """
    return ConnectionSettings.read(
        host=connection.host,
        password=connection.password,
        schema=connection.schema,
        port=connection.port,
        extra=connection.extra_dejson,
        conn_id=conn_id,
    )


def missing_connection_remedy(conn_id: str) -> str:
    """Return what to do about a connection that does not exist.

    :param conn_id: the id of the connection.
    """
    return (
        f"Create one of type {CONN_TYPE} in Airflow under Admin, Connections, or set AIRFLOW_CONN_{conn_id.upper()}. "
        "--conn-id selects another one."
    )


def connect(conn_id: str) -> TingTingClient:
    """Return a client for a connection, to close or to use in a `with` statement.

    :param conn_id: the id of the connection.
    :raises TingTingConfigError: there is no such connection, or it is invalid.
    """
    return TingTingClient(**settings_of(conn_id).client_arguments())


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


@contextmanager
def _without_log_records() -> Iterator[None]:
    """Suppress log records: Airflow logs a traceback for each secrets backend that fails, the database among them."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _fields(connection: object) -> list[Any]:
    names = ("conn_type", "host", "login", "password", "schema", "port", "extra_dejson")
    return [getattr(connection, name) or None for name in names]
