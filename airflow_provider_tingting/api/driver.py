"""Runs flows to their end: `run_flow` for synchronous callers, `run_flow_async` for an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar, cast

from airflow_provider_tingting.api.protocol import Call, Flow, Pause
from airflow_provider_tingting.clock import sleep
from airflow_provider_tingting.errors import TingTingError

T = TypeVar("T")


class CallSender(Protocol):
    """A synchronous client, such as `TingTingClient`."""

    def send(self, call: Call[T], /) -> T:
        """Send one call and return its result.

        :param call: the call.
        """


class AsyncCallSender(Protocol):
    """An asynchronous client, such as `AsyncTingTingClient`."""

    def send(self, call: Call[T], /) -> Awaitable[T]:
        """Send one call and return its result.

        :param call: the call.
        """


def run_flow(client: CallSender, flow: Flow[T]) -> T:
    """Run a flow to its end with a synchronous client.

    The driver sends each call that the flow awaits and returns the result to it, or raises the call's
    `TingTingError` inside the flow. It sleeps for each `Pause`.

    :param client: sends the calls.
    :param flow: an unstarted coroutine that awaits calls, pauses and other flows only.
    :returns: what the flow returns.
    :raises TingTingError: what the flow raises or does not catch.
    """
    return drive(flow, client.send)


async def run_flow_async(client: AsyncCallSender, flow: Flow[T]) -> T:
    """Run a flow to its end as `run_flow` does, without blocking the event loop.

    :param client: sends the calls.
    :param flow: an unstarted coroutine that awaits calls, pauses and other flows only.
    """
    return await drive_async(flow, client.send)


def drive(flow: Flow[T], send: Callable[[Call[Any]], Any]) -> T:
    """Run a flow with a function that sends one call; see `run_flow`.

    :param flow: an unstarted coroutine that awaits calls, pauses and other flows only.
    :param send: sends one call and returns its result.
    """
    result: Any = None
    error: TingTingError | None = None
    try:
        while True:
            step = flow.throw(error) if error is not None else flow.send(result)
            result = error = None
            if isinstance(step, Pause):
                sleep(step.seconds)
                continue
            try:
                result = send(step)
            except TingTingError as raised:
                error = raised
    except StopIteration as stop:
        return cast("T", stop.value)
    finally:
        # The error's traceback refers to this frame: without this, both wait for the garbage collector.
        error = None
        flow.close()


async def drive_async(flow: Flow[T], send: Callable[[Call[Any]], Awaitable[Any]]) -> T:
    """Run a flow with an asynchronous function that sends one call; see `run_flow`.

    :param flow: an unstarted coroutine that awaits calls, pauses and other flows only.
    :param send: sends one call and returns its result.
    """
    result: Any = None
    error: TingTingError | None = None
    try:
        while True:
            step = flow.throw(error) if error is not None else flow.send(result)
            result = error = None
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                continue
            try:
                result = await send(step)
            except TingTingError as raised:
                error = raised
    except StopIteration as stop:
        return cast("T", stop.value)
    finally:
        # The error's traceback refers to this frame: without this, both wait for the garbage collector.
        error = None
        flow.close()
