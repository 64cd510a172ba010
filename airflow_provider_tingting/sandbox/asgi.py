"""Helpers for ASGI, the protocol below FastAPI: complete responses, bodies that are read twice, disconnects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: The key of the connection's transport in `scope["state"]`.
TRANSPORT = "tingting_transport"


@dataclass
class BufferedResponse:
    """A complete response, to send or to withhold."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def capture(self, message: Message) -> None:
        """Act as the `send` of an application and keep its response.

        :param message: a part of the response, as ASGI describes it.
        """
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def send(self, send: Send, *, cut_at: int | None = None) -> None:
        """Send the response.

        :param send: ASGI's function that sends the response.
        :param cut_at: how many bytes of the body are sent, while `Content-Length` has the full length; None sends all.
        """
        headers = [(name, value) for name, value in self.headers if name.lower() != b"content-length"]
        headers.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body[:cut_at], "more_body": cut_at is not None})


async def read_body(receive: Receive, limit: int) -> tuple[bytes, bool] | None:
    """Return a request's body up to a size, and whether that is all of it; None when the client disconnected.

    :param receive: ASGI's function that reads the request.
    :param limit: the most bytes that are kept.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts), size <= limit


def replay_body(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that yields a body which was read before, then what `receive` yields.

    :param body: the bytes of the body.
    :param receive: ASGI's function that reads the request.
    """
    replayed = False

    async def replay() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def wait_for_disconnect(receive: Receive) -> None:
    """Wait until the connection is closed by either side.

    :param receive: ASGI's function that reads the request.
    """
    while (await receive())["type"] != "http.disconnect":
        pass
