"""Drives conversations to their end, for synchronous and for asynchronous callers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from airflow_provider_tingting.api.wire import Call, Conversation, Pause
from airflow_provider_tingting.errors import TingTingError

T = TypeVar("T")


def converse(conversation: Conversation[T], carry_out: Callable[[Call[Any]], Any]) -> T:
    """Carry out each call that a conversation yields and hand it the answer or the error; return its outcome.

    :param carry_out: sends a call and returns its answer.
    """
    answer: Any = None
    error: TingTingError | None = None
    try:
        while True:
            step = conversation.throw(error) if error is not None else conversation.send(answer)
            answer = error = None
            if isinstance(step, Pause):
                sleep(step.seconds)
                continue
            try:
                answer = carry_out(step)
            except TingTingError as raised:
                error = raised
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    finally:
        conversation.close()


async def converse_async(conversation: Conversation[T], carry_out: Callable[[Call[Any]], Awaitable[Any]]) -> T:
    """Do what `converse` does, without blocking the event loop."""
    answer: Any = None
    error: TingTingError | None = None
    try:
        while True:
            step = conversation.throw(error) if error is not None else conversation.send(answer)
            answer = error = None
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                continue
            try:
                answer = await carry_out(step)
            except TingTingError as raised:
                error = raised
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    finally:
        conversation.close()


def sleep(seconds: float) -> None:
    """Let time pass, if there is any to pass."""
    if seconds > 0:
        time.sleep(seconds)
