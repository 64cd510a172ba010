"""The checks of `doctor` that use a connection: its fields, TLS, the token, the clock, and the account."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_tingting.api import TingTingClient, calls
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.api.lookups import list_caller_numbers
from airflow_provider_tingting.cli.checks import Check, ok, problem, warning
from airflow_provider_tingting.cli.connections import find_connection, missing_connection_remedy, read_settings
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.connection import CONN_TYPE, ConnectionSettings, describe_failure, is_loopback
from airflow_provider_tingting.errors import TingTingAPIError, TingTingAuthError, TingTingError
from airflow_provider_tingting.formatting import amount, counted
from airflow_provider_tingting.utils.connection_contact_log import ConnectionContactLog
from airflow_provider_tingting.utils.do_not_call import read_do_not_call

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Connection

log = logging.getLogger(__name__)

_MAX_TIMEOUT = 15.0
# Seconds. The Date header has whole seconds only, and a user notices a schedule that is a minute off.
_MAX_CLOCK_SKEW = 60.0


def check_connection(conn_id: str) -> Iterator[Check]:
    """Yield the checks of a connection and of the account behind it. They only read, and cost no credits.

    :param conn_id: the connection's id.
    """
    try:
        connection = find_connection(conn_id)
    except Exception as error:
        yield problem("connection", f"{conn_id!r} cannot be read ({type(error).__name__}).", "Create it again.")
        return
    if connection is None:
        yield problem("connection", f"Airflow has no connection {conn_id!r}.", missing_connection_remedy(conn_id))
        return
    try:
        settings = read_settings(connection, conn_id)
    except TingTingError as error:
        yield problem("connection", str(error), "Correct the connection.")
        return
    yield _connection(connection, conn_id, settings)
    yield _tls(settings)
    yield from _account(settings)
    yield from _rules(settings, conn_id)


def _connection(connection: Connection, conn_id: str, settings: ConnectionSettings) -> Check:
    message = f"{conn_id!r} has the address {settings.base_url} and a token."
    if connection.conn_type != CONN_TYPE:
        return warning(
            "connection", f"{message} Its type is {connection.conn_type!r}.", f"Change its type to {CONN_TYPE!r}."
        )
    return ok("connection", message)


def _tls(settings: ConnectionSettings) -> Check:
    parts = urlsplit(settings.base_url)
    if parts.scheme == "https":
        if settings.verify is False:
            return warning(
                "TLS",
                "The server's certificate is not verified: another machine on the network can read the token.",
                "Remove verify=false from the connection's extra, or set it to the path of your CA certificates.",
            )
        return ok("TLS", "The server's certificate is verified.")
    if is_loopback(parts.hostname or ""):
        return ok("TLS", "Not used, and not needed on this machine.")
    return warning("TLS", "Not used: the token is sent unencrypted.", "Use https:// in the connection's host.")


def _rules(settings: ConnectionSettings, conn_id: str) -> Iterator[Check]:
    """Yield the checks of the rules that the connection names; they only read the list and the log."""
    checks: list[tuple[str, str, Callable[[], str]]] = []
    if settings.do_not_call is not None:
        checks.append(("do-not-call list", "do_not_call", lambda: _listed(settings, conn_id)))
    if settings.contact_log is not None:
        checks.append(("contact log", "contact_log", lambda: _logged(settings, conn_id)))
    elif settings.daily_credit_limit is not None:
        remedy = "Name one in the field contact_log, or clear daily_credit_limit."
        yield problem("contact log", "The connection has a daily credit limit and no contact log.", remedy)
    for name, field, check in checks:
        try:
            yield ok(name, check())
        except Exception as error:
            message = str(error) if isinstance(error, TingTingError) else f"It cannot be read ({type(error).__name__})."
            # Airflow 3 gives a command no connection that is in its database, so this may be no problem in a task.
            remedy = (
                f"Correct the field {field} of the connection, or what it names. A database's connection that only "
                "Airflow's own database has is not found by this command."
            )
            yield warning(name, message, remedy)


def _listed(settings: ConnectionSettings, conn_id: str) -> str:
    listed = read_do_not_call(settings.do_not_call, conn_id, log)
    return f"It has {counted(listed.size if listed else 0, 'number')}."


def _logged(settings: ConnectionSettings, conn_id: str) -> str:
    credits = ConnectionContactLog(settings, conn_id).credits_since(wall_time() - 86400)
    return f"It can be read; the campaigns of the last day that are in it have cost {amount(credits)} credits."


def _account(settings: ConnectionSettings) -> Iterator[Check]:
    limits = {"timeout": min(settings.timeout, _MAX_TIMEOUT), "max_retries": 0}
    with TingTingClient(**{**settings.client_arguments(), **limits}) as client:
        began, started = time.time(), time.perf_counter()
        try:
            voices, response = client.send_with_response(calls.list_voice_models())
        except TingTingAuthError as error:
            yield ok("reachable", f"{settings.base_url} responds.")
            yield problem("token", f"TingTing refuses it (HTTP {error.status_code}).", error.default_remedy)
            return
        except TingTingAPIError as error:
            message = describe_failure(error, settings.base_url)
            yield problem("reachable", message, "Correct this first: the token was not checked.")
            return
        seconds = time.perf_counter() - started
        yield ok("reachable", f"{settings.base_url} responds in {seconds:.1f} s.")
        yield ok("token", "TingTing accepts it.")
        yield check_clock(response.headers.get("date"), began + seconds / 2)
        if voices:
            yield ok("voices", f"The account has {len(voices)} voices.")
        else:
            yield warning("voices", "The account has no voice.", "Ask TingTing: without one it can send SMS only.")
        yield _caller_numbers(client)
        yield _credits(client)


def check_clock(date: str | None, now: float) -> Check:
    """Compare this machine's clock with the server's.

    :param date: the `Date` header of a response, if it has one.
    :param now: this machine's time of the response, seconds since 1970.
    """
    try:
        server: datetime | None = parsedate_to_datetime(date or "")
    except ValueError:
        server = None
    if server is None:
        return ok("clock", "Not compared: TingTing's response has no date.")
    skew = now - server.timestamp()
    if abs(skew) > _MAX_CLOCK_SKEW:
        return warning(
            "clock",
            f"This machine's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} TingTing's.",
            "Set it with NTP: schedules and deadlines are wrong by the same time.",
        )
    return ok("clock", f"Within {max(1, round(abs(skew)))} s of TingTing's.")


def _caller_numbers(client: TingTingClient) -> Check:
    name = "caller numbers"
    try:
        callers = run_flow(client, list_caller_numbers())
    except TingTingAPIError as error:
        return warning(name, f"They cannot be read: {error.message}", "Set user_phone in the DAG.")
    if not callers:
        return problem(name, "The account has none.", "Ask TingTing for one: no campaign can call without it.")
    return ok(name, f"user_phone can be {', '.join(str(caller.id) for caller in callers)}.")


def _credits(client: TingTingClient) -> Check:
    try:
        credits = client.send(calls.get_dashboard()).remaining_credits
    except TingTingAPIError as error:
        return ok("credits", f"Unknown: {error.message}")
    if credits is None:
        return ok("credits", "Unknown: TingTing's response has no balance.")
    if credits <= 0:
        remedy = "Buy credits: a campaign without them becomes Terminated."
        return problem("credits", f"The balance is {amount(credits)}.", remedy)
    return ok("credits", f"The balance is {amount(credits)}.")
