"""A TingTing that answers by a script, in virtual time: for flows, which need nothing but a client that sends."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.api.models import Campaign, Page
from airflow_provider_tingting.clock import use_clock

#: When a script begins: Tuesday 2026-11-24, 09:00 in Nepal, in seconds since 1970.
BEGINS = 1_795_490_100.0


class ScriptedServer:
    """Answers each call by the script of its name, and notes what was sent and when.

    :param script: by a call's name its answers in their order, the last of which is repeated. An answer is a value, an
        error, or a function from the call to one of these.
    """

    def __init__(self, now: float = BEGINS, **script: Any) -> None:
        self.now = now
        self.script = {name: answers if isinstance(answers, list) else [answers] for name, answers in script.items()}
        self.calls: list[Any] = []
        self.times: list[float] = []

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def send(self, call: Any) -> Any:
        self.calls.append(call)
        self.times.append(self.now)
        answers = self.script[call.name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if callable(answer):
            answer = answer(call)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def run(self, flow: Any) -> Any:
        with use_clock(self):
            return run_flow(self, flow)

    def sent(self, *names: str) -> list[str]:
        """Return the names of the calls that were sent, of all calls or of these."""
        return [call.name for call in self.calls if not names or call.name in names]

    def pauses(self, name: str) -> list[float]:
        """Return the seconds between each two calls of a name."""
        times = [at for call, at in zip(self.calls, self.times, strict=True) if call.name == name]
        return [later - earlier for earlier, later in pairwise(times)]


def a_page(*campaigns: Campaign, count: int | None = None, following: str | None = None) -> Page[Campaign]:
    """Return one page of the list of campaigns."""
    return Page[Campaign](count=len(campaigns) if count is None else count, next=following, results=list(campaigns))


def pages_of(campaigns: list[Campaign], size: int = 50) -> Callable[[Any], Page[Campaign]]:
    """Return what answers a list call with the page that it asks for."""

    def answer(call: Any) -> Page[Campaign]:
        offset = int(call.request.query.get("offset", 0))
        shown = campaigns[offset : offset + size]
        more = offset + size < len(campaigns)
        return a_page(*shown, count=len(campaigns), following=f"?offset={offset + size}" if more else None)

    return answer
