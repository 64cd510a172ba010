"""Notice calls that block an event loop, by the thread in which they are made: no clock is needed to see them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

_SOCKET_CALLS = ("accept", "connect", "recv", "recv_into", "send", "sendall")


def _in_an_event_loop() -> bool:
    return asyncio._get_running_loop() is not None


@contextmanager
def blocking_calls() -> Iterator[list[str]]:
    """Yield a list of the calls that block an event loop while the block runs: their names, in their order.

    Those are operations on a socket that waits, name look-ups, sleeps, and results of other threads that are not there
    yet. An event loop's own sockets never wait.
    """
    noticed: list[str] = []

    def watched(owner: Any, name: str, blocks: Callable[..., bool]) -> Any:
        really = getattr(owner, name)

        @functools.wraps(really)
        def call(*arguments: Any, **named: Any) -> Any:
            if _in_an_event_loop() and blocks(*arguments):
                noticed.append(name)
            return really(*arguments, **named)

        return patch.object(owner, name, call)

    patches = [
        *(watched(socket.socket, name, lambda sock, *_: sock.gettimeout() != 0) for name in _SOCKET_CALLS),
        watched(socket, "getaddrinfo", lambda *_: True),
        watched(time, "sleep", lambda *_: True),
        watched(concurrent.futures.Future, "result", lambda future, *_: not future.done()),
    ]
    for each in patches:
        each.start()
    try:
        yield noticed
    finally:
        for each in patches:
            each.stop()
