"""Between the clients and the model server: latency, and whatever the adversary decides.

The real clients run on these transports, so their retries, their reading of responses and their errors are the real
ones.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from simulation.airflow_model import NOTICES_AFTER
from simulation.model_server import not_found, reply
from simulation.virtual_time import Killed

from airflow_provider_tingting.api.protocol import Call, Request, Response
from airflow_provider_tingting.errors import TingTingNeverSentError, TingTingOutcomeUnknownError

if TYPE_CHECKING:
    from simulation.world import World

    from airflow_provider_tingting.api.exchange import Exchange

#: From a client to the server, and back, each way (seconds).
LATENCY = 0.1
#: How long (seconds) a server that answers 429 asks to wait.
RETRY_AFTER = 20

Steps = Generator[float, None, Response]


def exchange(world: World, call: Call[Any], request: Request) -> Steps:
    """Carry out one request as the adversary wants it; yields how long to sleep."""
    actor = world.time.actor
    assert actor is not None
    actor.check()
    name = actor.name
    decided = world.adversary.decide(name, call.name, request.method, persons=bool(world.server.campaigns))
    fate = "answered"
    age, reorder, late = 0.0, False, 0.0
    for action in decided:
        verb, _, rest = action.partition(" ")
        if verb == "stalls":
            yield float(rest)
        elif verb == "clock":
            actor.clock_ahead = float(rest)
        elif verb == "person":
            world.person(rest, call.campaign_id)
        elif action == "doubled":
            world.airflow.double(actor)
        elif verb == "moves":
            world.airflow.move(actor, notices_after=float(rest or NOTICES_AFTER))
        elif verb == "old":
            age = float(rest)
        elif action == "reordered":
            reorder = True
        elif verb == "late":
            fate, late = "late", float(rest)
        else:
            fate = action
        actor.check()
    asked_at = world.time.now
    if fate == "killed":
        world.airflow.died(actor)
        raise Killed
    if fate == "unsent":
        yield LATENCY
        raise TingTingNeverSentError(call.name, "cannot connect (ECONNREFUSED).", campaign_id=call.campaign_id)
    yield LATENCY

    def act() -> Response:
        return world.server.handle(request, name, asked_at, age, reorder)

    if fate == "late":
        world.time.at(world.time.now + late, act)
        fate = "lost"
    elif fate == "429":
        yield LATENCY
        answer = reply({"detail": "Request was throttled."}, 429)
        return Response(429, {**answer.headers, "retry-after": str(RETRY_AFTER)}, answer.content)
    elif fate == "403":
        yield LATENCY
        return reply({"detail": "You do not have permission to perform this action."}, 403)
    elif fate == "404":
        yield LATENCY
        return not_found()
    elif fate == "503":
        yield LATENCY
        return reply({"detail": "Service unavailable"}, 503)
    elif fate == "lost":
        pass
    else:
        response = act()
        if fate == "killed after":
            world.airflow.died(actor)
            raise Killed
        if fate == "500 after":
            yield LATENCY
            return reply({"detail": "Internal server error"}, 500)
        if fate == "answered":
            yield LATENCY
            return response
    yield LATENCY
    raise TingTingOutcomeUnknownError(call.name, "the connection broke off.", campaign_id=call.campaign_id)


class Transport:
    """The synchronous transport to one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    @contextmanager
    def open(self, sent: Exchange, request: Request) -> Iterator[tuple[Response, Iterator[bytes]]]:
        """Send once; give the head of the response and its body."""
        response = self._send(sent.call, request)
        yield response, iter([response.content])

    def _send(self, call: Call[Any], request: Request) -> Response:
        steps = exchange(self._world, call, request)
        while True:
            try:
                pause = next(steps)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            self._world.time.sleep(pause)

    def close(self) -> None:
        """There is nothing to close."""


class AsyncTransport:
    """The asynchronous transport to one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def client(self) -> None:
        """There is nothing to open."""

    @asynccontextmanager
    async def open(self, sent: Exchange, request: Request) -> AsyncIterator[tuple[Response, AsyncIterator[bytes]]]:
        """Send once; give the head of the response and its body."""
        response = await self._send(sent.call, request)

        async def body() -> AsyncIterator[bytes]:
            yield response.content

        yield response, body()

    async def _send(self, call: Call[Any], request: Request) -> Response:
        with contextlib.closing(exchange(self._world, call, request)) as steps:
            while True:
                try:
                    pause = next(steps)
                except StopIteration as done:
                    return done.value  # type: ignore[no-any-return]
                await asyncio.sleep(pause)

    async def close(self) -> None:
        """There is nothing to close."""
