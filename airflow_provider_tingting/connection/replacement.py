"""One connection in place of every TingTing connection of a process, for rehearsals.

Airflow is then asked for no TingTing connection, and no request goes to another server.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from airflow_provider_tingting.connection.settings import ConnectionSettings
from airflow_provider_tingting.errors import TingTingConfigError

_replacement: ConnectionSettings | None = None


@contextmanager
def replace_connections(settings: ConnectionSettings) -> Iterator[None]:
    """Put one connection in place of every TingTing connection of this process while the block runs.

    :param settings: the connection that every hook uses meanwhile.
    """
    global _replacement
    before, _replacement = _replacement, settings
    try:
        yield
    finally:
        _replacement = before


def replacement() -> ConnectionSettings | None:
    """Return the connection that is in place of all others in this process; None when hooks use their own."""
    return _replacement


def check_destination(url: str) -> None:
    """Refuse a request to another server than that of the connection which is in place of all others.

    :param url: the absolute URL of the request.
    :raises TingTingConfigError: it belongs to another server.
    """
    if _replacement is not None and urlsplit(url)[:2] != urlsplit(_replacement.base_url)[:2]:
        raise TingTingConfigError(
            f"This process rehearses a DAG, so it sends requests to {_replacement.base_url} only. Nothing was sent to "
            f"{urlsplit(url).hostname}. Use TingTingHook, which has the connection of the rehearsal."
        )
