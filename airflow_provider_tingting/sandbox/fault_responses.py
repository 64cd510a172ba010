"""Carries scripted faults out: cuts connections, answers nonsense, or never. Standard library only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

from airflow_provider_tingting.sandbox.asgi import TRANSPORT, Answer, Receive, Scope, Send, until_gone
from airflow_provider_tingting.sandbox.faults import Fault

_HTML = (b"content-type", b"text/html; charset=utf-8")
_JSON = (b"content-type", b"application/json")
_TITLES = {413: "Request Entity Too Large", 503: "Service Unavailable"}


async def spoil(
    scope: Scope, receive: Receive, send: Send, fault: Fault, answer: Answer, *, closing: Callable[[], bool]
) -> None:
    """Give a request the end that a fault has for it.

    :param answer: what would have been answered, for the faults that strike after the work.
    :param closing: tells whether the sandbox is about to stop, so that a stuck request lets go.
    """
    kind = fault.kind.removesuffix("-after-commit")
    if kind in ("cut-before", "lose-reply", "late-commit"):
        await _close(scope, receive, at_once=True)
    elif kind == "stuck":
        if not await _hang(receive, closing):
            await _close(scope, receive, at_once=True)
    elif kind == "truncate":
        # An answer without a body can only break off before it begins.
        if answer.body:
            await answer.send(send, cut_at=len(answer.body) // 2)
        await _close(scope, receive, at_once=not answer.body)
    else:
        await _nonsense(kind, fault, answer).send(send)


def html(title: str) -> bytes:
    """Write the kind of page that a proxy shows when the server behind it fails."""
    return f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>".encode()


def _nonsense(kind: str, fault: Fault, answer: Answer) -> Answer:
    if kind == "garbage" and fault.value == "json":
        return Answer(200, answer.body[: len(answer.body) // 2] or b"{", [_JSON])
    if kind == "garbage":
        return Answer(200, html("Welcome"), [_HTML])
    if kind == "redirect":
        return Answer(302, b"", [(b"location", fault.value.encode())])
    if kind in ("429", "429-date"):
        due = datetime.now(timezone.utc) + timedelta(seconds=fault.seconds)
        after = format_datetime(due, usegmt=True) if kind == "429-date" else f"{fault.seconds:g}"
        said = {"detail": f"Request was throttled. Expected available in {fault.seconds:g} seconds."}
        return Answer(429, json.dumps(said).encode(), [_JSON, (b"retry-after", after.encode())])
    if kind == "500":
        return Answer(500, json.dumps({"detail": "A server error occurred."}).encode(), [_JSON])
    status = int(kind[:3])
    return Answer(status, html(_TITLES[status]) if status in _TITLES else b"", [_HTML])


async def _close(scope: Scope, receive: Receive, *, at_once: bool) -> None:
    """Close the connection under the request; unless at once, what was written still goes out."""
    transport = scope.get("state", {}).get(TRANSPORT)
    if transport is None:
        raise ConnectionResetError("the connection was cut by a scripted fault")
    if at_once:
        transport.abort()
    else:
        transport.close()
    # The server takes an application that returns without an answer for a broken one, unless the peer is gone.
    await until_gone(receive)


async def _hang(receive: Receive, closing: Callable[[], bool]) -> bool:
    """Say nothing until the other side gives up, which is True, or the sandbox stops."""
    gone = asyncio.ensure_future(until_gone(receive))
    try:
        while not gone.done() and not closing():
            await asyncio.wait({gone}, timeout=0.1)
        return gone.done()
    finally:
        gone.cancel()
