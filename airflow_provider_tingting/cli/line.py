"""What the doctor sees of TingTing: the connection, the way there, the token, the clock, what the account has."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.cli.check import Check, ok, problem, warning
from airflow_provider_tingting.cli.connecting import find_connection, read_settings, remedy_of_absence
from airflow_provider_tingting.connection import CONN_TYPE, ConnectionSettings, describe_failure, is_loopback
from airflow_provider_tingting.errors import TingTingAPIError, TingTingAuthError, TingTingError
from airflow_provider_tingting.formatting import amount

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Connection
    from airflow_provider_tingting.api.client import TingTingClient

# Somebody is waiting for the answer.
_PATIENCE = 15.0
# A schedule that is this many seconds off is noticed by people; the Date header has whole seconds.
MOST_SKEW = 60.0


def look_at_line(conn_id: str) -> Iterator[Check]:
    """Look at a connection and where it leads. One free read for each line; changes nothing."""
    try:
        connection = find_connection(conn_id)
    except Exception as error:
        yield problem("connection", f"{conn_id!r} cannot be read ({type(error).__name__}).", "Write it anew.")
        return
    if connection is None:
        yield problem("connection", f"Airflow knows none called {conn_id!r}.", remedy_of_absence(conn_id))
        return
    try:
        settings = read_settings(connection, conn_id)
    except TingTingError as error:
        yield problem("connection", str(error), "Correct the connection.")
        return
    yield _connection(connection, conn_id, settings)
    yield _tls(settings)
    yield from _answers(settings)


def _connection(connection: Connection, conn_id: str, settings: ConnectionSettings) -> Check:
    said = f"{conn_id!r} leads to {settings.base_url}, with a token."
    if connection.conn_type != CONN_TYPE:
        return warning(
            "connection",
            f"{said} Its type is {connection.conn_type!r}.",
            f"Make its type {CONN_TYPE!r}: the form fits.",
        )
    return ok("connection", said)


def _tls(settings: ConnectionSettings) -> Check:
    parts = urlsplit(settings.base_url)
    if parts.scheme == "https":
        if settings.verify is False:
            return warning(
                "TLS",
                "The server's certificate is not checked: anybody in between can read the token.",
                "Take verify=false out of the connection's extra, or give the path of your CA certificates.",
            )
        return ok("TLS", "The server's certificate is checked.")
    if is_loopback(parts.hostname or ""):
        return ok("TLS", "None, and none is needed on this machine.")
    return warning("TLS", "None: the token travels in the clear.", "Write https:// into the connection's host.")


def _answers(settings: ConnectionSettings) -> Iterator[Check]:
    from airflow_provider_tingting import api

    hasty = {"timeout": min(settings.timeout, _PATIENCE), "max_retries": 0}
    with api.TingTingClient(**{**settings.client_arguments(), **hasty}) as client:
        began, waited = time.time(), time.perf_counter()
        try:
            voices, response = client.send_with_response(api.calls.list_voice_models())
        except TingTingAuthError as error:
            yield ok("reachable", f"{settings.base_url} answers.")
            yield problem("token", f"TingTing refuses it (HTTP {error.status_code}).", error.default_remedy)
            return
        except TingTingAPIError as error:
            yield problem("reachable", describe_failure(error, settings.base_url), "The token could not be tried.")
            return
        waited = time.perf_counter() - waited
        yield ok("reachable", f"{settings.base_url} answers in {waited:.1f} s.")
        yield ok("token", "TingTing takes it.")
        yield _clock(response.headers.get("date"), began + waited / 2)
        if voices:
            yield ok("voices", f"{len(voices)} voices can speak.")
        else:
            yield warning("voices", "The account has no voice.", "Ask TingTing: without one it can only send SMS.")
        yield from _account(client)


def _clock(date: str | None, now: float) -> Check:
    try:
        server: datetime | None = parsedate_to_datetime(date or "")
    except ValueError:
        server = None
    if server is None:
        return ok("clock", "TingTing does not say what time it is; not compared.")
    off = now - server.timestamp()
    if abs(off) > MOST_SKEW:
        return warning(
            "clock",
            f"This machine's clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} TingTing's.",
            "Set it by NTP: schedules and deadlines are off by as much.",
        )
    return ok("clock", f"Within {max(1, round(abs(off)))} s of TingTing's.")


def _account(client: TingTingClient) -> Iterator[Check]:
    from airflow_provider_tingting import api
    from airflow_provider_tingting.api.lookups import list_caller_numbers

    try:
        callers = run_flow(client, list_caller_numbers())
    except TingTingAPIError as error:
        yield warning("caller numbers", f"They cannot be read: {error.message}", "Give user_phone by hand.")
    else:
        ids = ", ".join(str(caller.id) for caller in callers)
        if ids:
            yield ok("caller numbers", f"user_phone can be {ids}.")
        else:
            yield problem("caller numbers", "The account has none.", "Ask TingTing for one: nothing can call without.")
    try:
        credits = client.send(api.calls.get_dashboard()).remaining_credits
    except TingTingAPIError as error:
        yield ok("credits", f"TingTing does not say: {error.message}")
        return
    if credits is None:
        yield ok("credits", "TingTing does not say.")
    elif credits <= 0:
        yield problem(
            "credits", f"{amount(credits)} are left.", "Buy credits: a campaign without them ends as Terminated."
        )
    else:
        yield ok("credits", f"{amount(credits)} are left.")
