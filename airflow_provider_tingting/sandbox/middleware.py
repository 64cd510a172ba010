"""The gate in front of the API: names the call, takes scripted faults, checks the token, keeps the request ledger.

A raw ASGI middleware, because a fault must be able to close the connection under the answer. It never sees FastAPI;
standard library only.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from secrets import compare_digest, token_urlsafe

from airflow_provider_tingting.sandbox.asgi import Answer, App, Message, Receive, Scope, Send, given_again, read_body
from airflow_provider_tingting.sandbox.calls import API, has_path, identify
from airflow_provider_tingting.sandbox.dialect import Dialect
from airflow_provider_tingting.sandbox.fault_responses import html, spoil
from airflow_provider_tingting.sandbox.faults import KINDS, Fault, Faults
from airflow_provider_tingting.sandbox.ledger import RequestEntry
from airflow_provider_tingting.sandbox.origin_check import comes_from_elsewhere
from airflow_provider_tingting.sandbox.refusals import shaped
from airflow_provider_tingting.sandbox.world import World

#: Where the gate leaves its note in a request's scope.
NOTE = "tingting_note"
MOST_BYTES = 256 << 20
LONGEST_PATH = 500
_JSON = (b"content-type", b"application/json")
_NOT_FOR_OTHERS = b"This sandbox is for this machine only.\n"


@dataclass
class Note:
    """What gate and endpoint tell each other about one request.

    :param partial: the fault that makes the endpoint take only part of the contacts.
    :param contacts: how many contacts the endpoint was sent; each takes its time when `latency_per_contact` is set.
    """

    partial: Fault | None = None
    contacts: int = 0


@dataclass
class ServerOptions:
    """How long the sandbox takes to answer, and how much it remembers.

    :param latency: seconds that every answer takes, the work included.
    :param latency_per_contact: seconds more for each contact that a request adds.
    :param keep_bodies: whether the request ledger keeps what was sent.
    :param closing: set when the sandbox stops, so that stuck requests let go.
    """

    latency: float = 0.0
    latency_per_contact: float = 0.0
    keep_bodies: bool = False
    closing: bool = False


class Middleware:
    """The middleware.

    :param app: what answers behind the gate.
    """

    def __init__(self, app: App, *, world: World, faults: Faults, dialect: Dialect, manners: ServerOptions) -> None:
        self.app = app
        self.world = world
        self.faults = faults
        self.dialect = dialect
        self.manners = manners

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not scope["path"].startswith(API):
            if scope["type"] == "http" and comes_from_elsewhere(scope):
                await Answer(403, _NOT_FOR_OTHERS, [(b"content-type", b"text/plain")]).send(send)
            else:
                await self.app(scope, receive, send)
            return
        read = await read_body(receive, MOST_BYTES)
        if read is None:
            return
        body, whole = read
        call = identify(scope["method"], scope["path"], body)
        fault = self.faults.take(call) if call else None
        entry = self._write_down(scope, body, call, fault)

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
            await send(message)

        if whole:
            await self._answer(scope, body, receive, noting, call, fault)
        else:
            await Answer(413, html("Request Entity Too Large"), [(b"content-type", b"text/html")]).send(noting)

    async def _answer(
        self, scope: Scope, body: bytes, receive: Receive, send: Send, call: str | None, fault: Fault | None
    ) -> None:
        note = Note()
        again = given_again(body, receive)
        if fault is None:
            pass
        elif fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        elif fault.kind == "rotate-token":
            self.world.rotate_token(fault.value or token_urlsafe(24))
        elif fault.kind.startswith("partial"):
            note.partial = fault
        else:
            held = Answer()
            if KINDS[fault.kind].after:
                await self._serve(scope, again, held.take, call, note)
            await spoil(scope, receive, send, fault, held, closing=lambda: self.manners.closing)
            if fault.kind == "late-commit":
                await asyncio.sleep(fault.seconds)
                await self._serve(scope, again, held.take, call, note)
            return
        await self._serve(scope, again, send, call, note)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, call: str | None, note: Note) -> None:
        """Answer as TingTing would: redirect, refuse the token, or hand on to the endpoint."""
        path = scope["path"]
        if len(path) > LONGEST_PATH:
            await self._refuse(send, 404, "Not found.")
        elif call is None and not path.endswith("/") and has_path(path + "/"):
            query = b"?" + scope["query_string"] if scope["query_string"] else b""
            await Answer(301, b"", [(b"location", path.encode() + b"/" + query)]).send(send)
        elif (token := _bearer(scope)) is None:
            await self._refuse(send, 401, "Authentication credentials were not provided.")
        elif not compare_digest(token, self.world.token.encode()):
            await self._refuse(send, 401, "Invalid token.")
        else:
            scope[NOTE] = note
            await self.app(scope, receive, self._in_time(send, note))

    async def _refuse(self, send: Send, status: int, detail: str) -> None:
        said, content = shaped(status, {"detail": detail}, self.dialect.errors)
        challenge = [(b"www-authenticate", b'Bearer realm="api"')] if status == 401 else []
        await Answer(said, json.dumps(content).encode(), [_JSON, *challenge]).send(send)

    def _in_time(self, send: Send, note: Note) -> Send:
        """Let every answer take its time, the work included: after the work, before the first byte."""
        began = time.monotonic()

        async def later(message: Message) -> None:
            if message["type"] == "http.response.start":
                due = began + self.manners.latency + self.manners.latency_per_contact * note.contacts
                if (wait := due - time.monotonic()) > 0:
                    await asyncio.sleep(wait)
            await send(message)

        return later

    def _write_down(self, scope: Scope, body: bytes, call: str | None, fault: Fault | None) -> RequestEntry:
        headers = dict(scope["headers"])
        entry = RequestEntry(
            call=call or "unknown",
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            at=time.time(),
            world_time=self.world.clock.time(),
            status=None,
            fault=fault.kind if fault else None,
            user_agent=headers.get(b"user-agent", b"").decode("latin-1"),
            content_type=headers.get(b"content-type", b"").decode("latin-1"),
            body=body if self.manners.keep_bodies else None,
        )
        self.world.ledger.requests.append(entry)
        return entry


def _bearer(scope: Scope) -> bytes | None:
    given: bytes = dict(scope["headers"]).get(b"authorization", b"")
    scheme, _, token = given.partition(b" ")
    return token.strip() or None if scheme.lower() == b"bearer" else None
