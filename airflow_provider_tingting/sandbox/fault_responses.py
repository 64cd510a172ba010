"""Responds to a request as a scripted fault says: an error, a broken response, a closed connection, or nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

from airflow_provider_tingting.sandbox.asgi import (
    TRANSPORT,
    BufferedResponse,
    Receive,
    Scope,
    Send,
    wait_for_disconnect,
)
from airflow_provider_tingting.sandbox.clock import delay
from airflow_provider_tingting.sandbox.faults import Fault

_HTML = (b"content-type", b"text/html; charset=utf-8")
_JSON = (b"content-type", b"application/json")
_TITLES = {413: "Request Entity Too Large", 503: "Service Unavailable"}


async def send_fault(
    scope: Scope,
    receive: Receive,
    send: Send,
    fault: Fault,
    response: BufferedResponse,
    *,
    closing: Callable[[], bool],
) -> None:
    """Respond to a request with a fault.

    :param scope: the request, as ASGI describes it.
    :param receive: ASGI's function that reads the request.
    :param send: ASGI's function that sends the response.
    :param fault: the fault.
    :param response: the response without the fault, for the kinds that process the request first.
    :param closing: returns whether the sandbox is stopping, which ends a stuck request.
    """
    kind = fault.kind.removesuffix("-after-commit")
    if kind in ("cut-before", "lose-reply", "late-commit"):
        await _close(scope, receive, at_once=True)
    elif kind == "stuck":
        if not await _client_leaves(receive, fault.seconds, lambda: fault.removed or closing()):
            await _close(scope, receive, at_once=True)
    elif kind == "truncate":
        # A response without a body is cut before its first byte.
        if response.body:
            await response.send(send, cut_at=len(response.body) // 2)
        await _close(scope, receive, at_once=not response.body)
    else:
        await _replacement(kind, fault, response).send(send)


def html(title: str) -> bytes:
    """Return an error page as a reverse proxy shows it.

    :param title: the title and heading.
    """
    return f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>".encode()


def _replacement(kind: str, fault: Fault, response: BufferedResponse) -> BufferedResponse:
    if kind == "garbage" and fault.value == "json":
        return BufferedResponse(200, response.body[: len(response.body) // 2] or b"{", [_JSON])
    if kind == "garbage":
        return BufferedResponse(200, html("Welcome"), [_HTML])
    if kind == "redirect":
        return BufferedResponse(302, b"", [(b"location", fault.value.encode())])
    if kind in ("429", "429-date"):
        due = datetime.now(timezone.utc) + timedelta(seconds=fault.seconds)
        after = format_datetime(due, usegmt=True) if kind == "429-date" else f"{fault.seconds:g}"
        content = {"detail": f"Request was throttled. Expected available in {fault.seconds:g} seconds."}
        return BufferedResponse(429, json.dumps(content).encode(), [_JSON, (b"retry-after", after.encode())])
    if kind == "500":
        return BufferedResponse(500, json.dumps({"detail": "A server error occurred."}).encode(), [_JSON])
    status = int(kind[:3])
    return BufferedResponse(status, html(_TITLES[status]) if status in _TITLES else b"", [_HTML])


async def _close(scope: Scope, receive: Receive, *, at_once: bool) -> None:
    """Close the connection of a request; with `at_once`, data that is not yet sent is dropped."""
    transport = scope.get("state", {}).get(TRANSPORT)
    if transport is None:
        raise ConnectionResetError("the connection was cut by a scripted fault")
    if at_once:
        transport.abort()
    else:
        transport.close()
    # Uvicorn reports an application that returns without a response as an error, unless the client disconnected.
    await wait_for_disconnect(receive)


async def _client_leaves(receive: Receive, seconds: float, closing: Callable[[], bool]) -> bool:
    """Return whether the client disconnects before the time is up or the sandbox stops."""
    disconnected = asyncio.ensure_future(wait_for_disconnect(receive))
    try:
        await delay(seconds, until=lambda: disconnected.done() or closing())
        return disconnected.done()
    finally:
        disconnected.cancel()
