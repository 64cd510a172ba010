"""The ASGI middleware in front of the API: identifies the call, applies faults, checks the token, logs the request.

It works below FastAPI, because a fault can close the connection in the middle of a response.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from secrets import compare_digest, token_urlsafe

from airflow_provider_tingting.clock import monotonic, wall_time
from airflow_provider_tingting.sandbox.asgi import (
    App,
    BufferedResponse,
    Message,
    Receive,
    Scope,
    Send,
    read_body,
    replay_body,
)
from airflow_provider_tingting.sandbox.calls import API, has_path, identify
from airflow_provider_tingting.sandbox.clock import delay
from airflow_provider_tingting.sandbox.dialect import Dialect
from airflow_provider_tingting.sandbox.fault_responses import html, send_fault
from airflow_provider_tingting.sandbox.faults import KINDS, Fault, Faults
from airflow_provider_tingting.sandbox.ledger import RequestEntry
from airflow_provider_tingting.sandbox.origin_check import is_foreign
from airflow_provider_tingting.sandbox.refusals import shaped
from airflow_provider_tingting.sandbox.world import World

#: The key of the `RequestContext` in a request's scope.
CONTEXT = "tingting_request_context"
MAX_BODY_BYTES = 256 << 20
MAX_PATH_LENGTH = 500
_JSON = (b"content-type", b"application/json")
_FOREIGN_REQUEST = b"This sandbox is for this machine only.\n"


@dataclass
class RequestContext:
    """Data of one request that the middleware and the endpoint share.

    :param partial: the fault that makes the endpoint add only part of the contacts.
    :param contacts: the number of contacts in the request, for `latency_per_contact`.
    """

    partial: Fault | None = None
    contacts: int = 0


@dataclass
class ServerOptions:
    """The response times of the sandbox, and what its ledger keeps.

    :param latency: seconds from each request to its response, the processing included.
    :param latency_per_contact: additional seconds for each contact that a request adds.
    :param keep_bodies: whether the request ledger keeps the bodies of requests.
    :param closing: set when the sandbox stops, which ends stuck requests.
    """

    latency: float = 0.0
    latency_per_contact: float = 0.0
    keep_bodies: bool = False
    closing: bool = False


class Middleware:
    """The middleware.

    :param app: the application that answers the requests.
    :param world: the account, its clock and its ledger.
    :param faults: the pending faults.
    :param dialect: the shape of error responses.
    :param options: response times and ledger.
    """

    def __init__(self, app: App, *, world: World, faults: Faults, dialect: Dialect, options: ServerOptions) -> None:
        self.app = app
        self.world = world
        self.faults = faults
        self.dialect = dialect
        self.options = options
        # Requests that a fault holds back: the time at which each is processed, by the event that is set then.
        self._held_back: dict[asyncio.Event, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and is_foreign(scope):
            await BufferedResponse(403, _FOREIGN_REQUEST, [(b"content-type", b"text/plain")]).send(send)
            return
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self.app(scope, receive, send)
            return
        read = await read_body(receive, MAX_BODY_BYTES)
        if read is None:
            return
        body, complete = read
        for processed, due in list(self._held_back.items()):
            if due <= monotonic():
                await processed.wait()
        call = identify(scope["method"], scope["path"], body)
        fault = self.faults.take(call) if call else None
        entry = self._add_to_ledger(scope, body, call, fault)

        async def send_and_log(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
            await send(message)

        if complete:
            await self._answer(scope, body, receive, send_and_log, call, fault)
        else:
            await BufferedResponse(413, html("Request Entity Too Large"), [(b"content-type", b"text/html")]).send(
                send_and_log
            )

    async def _answer(
        self, scope: Scope, body: bytes, receive: Receive, send: Send, call: str | None, fault: Fault | None
    ) -> None:
        context = RequestContext()
        replay = replay_body(body, receive)
        if fault is None:
            pass
        elif fault.kind == "slow":
            await delay(fault.seconds, until=lambda: fault.removed or self.options.closing)
        elif fault.kind == "rotate-token":
            self.world.rotate_token(fault.value or token_urlsafe(24))
        elif fault.kind.startswith("partial"):
            context.partial = fault
        else:
            withheld = BufferedResponse()
            if KINDS[fault.kind].after:
                await self._serve(scope, replay, withheld.capture, call, context)
            await send_fault(scope, receive, send, fault, withheld, closing=lambda: self.options.closing)
            if fault.kind == "late-commit":
                async with self._later(fault.seconds):
                    await self._serve(scope, replay, withheld.capture, call, context)
            return
        await self._serve(scope, replay, send, call, context)

    @asynccontextmanager
    async def _later(self, seconds: float) -> AsyncIterator[None]:
        """Enter the block so many seconds later, and before any request that comes after that moment."""
        processed = asyncio.Event()
        self._held_back[processed] = monotonic() + seconds
        try:
            await delay(seconds, until=lambda: self.options.closing)
            yield
        finally:
            del self._held_back[processed]
            processed.set()

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, call: str | None, context: RequestContext
    ) -> None:
        """Respond without a fault: redirect, refuse the token, or call the endpoint."""
        path = scope["path"]
        if len(path) > MAX_PATH_LENGTH:
            await self._refuse(send, 404, "Not found.")
        elif call is None and not path.endswith("/") and has_path(path + "/"):
            query = b"?" + scope["query_string"] if scope["query_string"] else b""
            await BufferedResponse(301, b"", [(b"location", path.encode() + b"/" + query)]).send(send)
        elif (token := _bearer(scope)) is None:
            await self._refuse(send, 401, "Authentication credentials were not provided.")
        elif not compare_digest(token, self.world.token.encode()):
            await self._refuse(send, 401, "Invalid token.")
        else:
            scope[CONTEXT] = context
            await self.app(scope, receive, self._delayed(send, context))

    async def _refuse(self, send: Send, status: int, detail: str) -> None:
        shaped_status, content = shaped(status, {"detail": detail}, self.dialect.errors)
        challenge = [(b"www-authenticate", b'Bearer realm="api"')] if status == 401 else []
        await BufferedResponse(shaped_status, json.dumps(content).encode(), [_JSON, *challenge]).send(send)

    def _delayed(self, send: Send, context: RequestContext) -> Send:
        """Return a `send` that waits before the first byte until the configured latency has passed."""
        began = monotonic()

        async def send_later(message: Message) -> None:
            if message["type"] == "http.response.start":
                due = began + self.options.latency + self.options.latency_per_contact * context.contacts
                if (wait := due - monotonic()) > 0:
                    await delay(wait)
            await send(message)

        return send_later

    def _add_to_ledger(self, scope: Scope, body: bytes, call: str | None, fault: Fault | None) -> RequestEntry:
        headers = dict(scope["headers"])
        entry = RequestEntry(
            call=call or "unknown",
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            at=wall_time(),
            world_time=self.world.clock.time(),
            status=None,
            fault=fault.kind if fault else None,
            user_agent=headers.get(b"user-agent", b"").decode("latin-1"),
            content_type=headers.get(b"content-type", b"").decode("latin-1"),
            body=body if self.options.keep_bodies else None,
        )
        self.world.ledger.requests.append(entry)
        return entry


def _bearer(scope: Scope) -> bytes | None:
    given: bytes = dict(scope["headers"]).get(b"authorization", b"")
    scheme, _, token = given.partition(b" ")
    return token.strip() or None if scheme.lower() == b"bearer" else None
