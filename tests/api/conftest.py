"""Both clients, and servers for them to talk to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.both_clients import KINDS, Connect, connecting
from support.pushed_clock import PushedClock
from support.recording_server import RecordingServer

from airflow_provider_tingting.sandbox import Sandbox


@pytest.fixture(params=KINDS)
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """`connect(server, token=None, **settings)` makes a client; each test runs with either kind."""
    with connecting(request.param) as connect:
        yield connect


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    """A server that records what comes and answers what the test says."""
    with RecordingServer() as running:
        yield running


@pytest.fixture
def other_server() -> Iterator[RecordingServer]:
    """Another one, which is another host to the client: its port differs."""
    with RecordingServer() as running:
        yield running


@pytest.fixture(scope="module")
def _dialects() -> Iterator[Callable[..., Sandbox]]:
    running: dict[str, Sandbox] = {}

    def speaking(page_cap: int | None, **dialect: Any) -> Sandbox:
        key = repr((page_cap, dialect))
        if key not in running:
            running[key] = Sandbox(page_cap=page_cap, dialect=dialect).start()
        return running[key]

    yield speaking
    # Each takes a quarter of a second to stop: all at once.
    with ThreadPoolExecutor(max_workers=32) as pool:
        list(pool.map(Sandbox.stop, running.values()))


@pytest.fixture
def speaking(_dialects: Callable[..., Sandbox]) -> Callable[..., Sandbox]:
    """`speaking(report_path="old")` is an empty sandbox that speaks this dialect."""

    def empty(*, page_cap: int | None = 10, **dialect: Any) -> Sandbox:
        sandbox = _dialects(page_cap, **dialect)
        sandbox.reset()
        return sandbox

    return empty


@pytest.fixture
def pushed_deadlines(monkeypatch: pytest.MonkeyPatch) -> PushedClock:
    """The clock of a request's deadline, which goes by real time otherwise; the test moves it ahead with `sleep`."""
    clock = PushedClock()
    monkeypatch.setattr("airflow_provider_tingting.api.client.time", clock)
    monkeypatch.setattr("airflow_provider_tingting.api.exchange.time", clock)
    return clock
