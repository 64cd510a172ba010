"""The SQLAlchemy engine of an Airflow connection to a database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting._compat import AirflowException, BaseHook
from airflow_provider_tingting.errors import TingTingConfigError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

# SQLite has one writer at a time, for which a load waits (seconds); MySQL's drivers may choose a character set without
# Devanagari.
_CONNECT_ARGUMENTS = {"sqlite": {"timeout": 120}, "mysql": {"charset": "utf8mb4"}}


def sql_engine(conn_id: Any, hook_params: Mapping[str, Any] | None = None) -> Engine:
    """Return the engine of the database that a connection names; nothing is sent to it yet.

    :param conn_id: an Airflow connection whose hook is a `DbApiHook` with an SQLAlchemy dialect.
    :param hook_params: extra arguments of that hook.
    :raises TingTingConfigError: it has no database that SQLAlchemy knows.
    """
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    if not str(conn_id or "").strip():
        raise TingTingConfigError("sql_conn_id is empty. Give the Airflow connection of the database.")
    connection: Any = BaseHook.get_connection(conn_id)
    try:
        hook = connection.get_hook(hook_params=dict(hook_params or {}))
    except (AttributeError, TypeError, ValueError) as error:
        raise TingTingConfigError(
            f"Connection {conn_id!r} cannot be used: its extra, a field or sql_hook_params has a wrong "
            f"type ({type(error).__name__}). The extra must be a JSON object."
        ) from error
    except (AirflowException, ImportError) as error:
        raise TingTingConfigError(
            f"Connection {conn_id!r} is of type {connection.conn_type!r}, which this Airflow has no hook "
            f"for: {error}. Install its provider, such as apache-airflow-providers-{connection.conn_type}."
        ) from error
    if not hasattr(hook, "get_sqlalchemy_engine"):
        raise TingTingConfigError(
            f"Connection {conn_id!r} is of type {connection.conn_type!r}, which is not a database with a "
            "common SQL hook. Give the connection of a database such as SQLite, PostgreSQL or MySQL."
        )
    options: dict[str, Any] = {"hide_parameters": True, "poolclass": NullPool}
    if connection.conn_type in _CONNECT_ARGUMENTS:
        options["connect_args"] = _CONNECT_ARGUMENTS[connection.conn_type]
    try:
        engine: Engine = hook.get_sqlalchemy_engine(engine_kwargs=options)
    except (AttributeError, TypeError, ValueError) as error:
        # Hooks read the extra without checking its type.
        raise TingTingConfigError(
            f"Connection {conn_id!r} cannot be used: its extra or one of its fields has a wrong type "
            f"({type(error).__name__}). The extra must be a JSON object."
        ) from error
    except (ImportError, SQLAlchemyError, NotImplementedError) as error:
        raise TingTingConfigError(
            f"Connection {conn_id!r} cannot be used with SQLAlchemy: {error} Install the SQLAlchemy "
            "dialect of that database."
        ) from error
    return engine
