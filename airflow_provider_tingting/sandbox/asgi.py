"""The few things that gate and faults need of ASGI, the protocol below FastAPI. Standard library only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Where the server leaves the connection's transport in `scope["state"]`.
TRANSPORT = "tingting_transport"


@dataclass
class Answer:
    """A response, complete: one to send, or one held back."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def take(self, message: Message) -> None:
        """Be the `send` of an application, to hold its response back."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def send(self, send: Send, *, cut_at: int | None = None) -> None:
        """Send it; with `cut_at` only so many bytes of the body, though all of them are announced."""
        headers = [(name, value) for name, value in self.headers if name.lower() != b"content-length"]
        headers.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body[:cut_at], "more_body": cut_at is not None})


async def read_body(receive: Receive, most: int) -> tuple[bytes, bool] | None:
    """Read a request's body up to a size and tell whether that was all; None when the other side went away."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size <= most:
            parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts), size <= most


def given_again(body: bytes, receive: Receive) -> Receive:
    """Hand on a body that was read already."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def until_gone(receive: Receive) -> None:
    """Wait until the connection is closed, by whichever side."""
    while (await receive())["type"] != "http.disconnect":
        pass
