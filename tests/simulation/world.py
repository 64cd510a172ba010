"""One world: a TingTing, an Airflow, an adversary and a clock, with the real provider running in it."""

from __future__ import annotations

import gc
import logging
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

from simulation import network
from simulation.adversary import Adversary
from simulation.airflow_model import AirflowModel
from simulation.model_server import ModelServer
from simulation.virtual_time import Actor, VirtualTime

from airflow_provider_tingting import clock
from airflow_provider_tingting.api import transport_httpx, transport_requests
from airflow_provider_tingting.contacts import send
from airflow_provider_tingting.contacts.batch_sender import BatchSender
from airflow_provider_tingting.hooks import tingting as hook_module
from airflow_provider_tingting.operators.base import TingTingBaseOperator
from airflow_provider_tingting.triggers import base as trigger_base

#: Where files take no disk; None for the system's usual place.
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
_LIVES_PER_COLLECTION = 100
_CONNECTION: dict[str, Any] = {
    "conn_type": "tingting",
    "host": "http://model.example/api/v1/",
    "password": "a-token-of-the-model",
    "schema": None,
    "port": None,
    "login": None,
}


class Line(NamedTuple):
    """One line of a log."""

    at: float
    actor: str
    level: str
    text: str


class World:
    """What exists during one life.

    :param folder: an empty folder, or one that an earlier life has used.
    :param has_store: whether Airflow has a task state store.
    """

    def __init__(self, adversary: Adversary, folder: Path, *, has_store: bool = True) -> None:
        self.adversary = adversary
        self.has_store = has_store
        # Both came with Airflow 3.3.
        self.triggers_have_on_kill = has_store
        self.time = VirtualTime()
        self.server = ModelServer(lambda: self.time.now)
        self.airflow = AirflowModel(self)
        self.began = self.time.now
        #: Whether a deadline may stop a campaign in this life.
        self.may_stop = False
        #: In which time no campaign may be stopped by its task, which stops it later; None where none is stopped.
        self.stops_outside: tuple[float, float] | None = None
        #: From when until when a campaign may be run.
        self.may_call = (0.0, float("inf"))
        #: The numbers to call.
        self.audience: tuple[str, ...] = ("9841234501", "9841234502", "9801234503", "9861234504")
        #: What the connection's extra holds beside `max_retries`.
        self.extra: dict[str, Any] = {}
        #: The numbers that must not be called.
        self.do_not_call: set[str] = set()
        #: Those of them that were put on the list last, while `add` was at work.
        self.listed_last: set[str] = set()
        #: For files; the same for every life.
        self.folder = folder
        #: What is simulated, where other promises hold than for campaigns.
        self.is_about = "campaign"
        #: The tasks that are red by right.
        self.may_fail: set[str] = set()
        self.lines: list[Line] = []
        #: What persons have done to tasks and campaigns.
        self.acts: list[str] = []
        #: Those on campaigns: which act, on which campaign, and when.
        self.acts_on_campaigns: list[tuple[str, int, float]] = []
        #: Errors that no code of the provider raises on purpose.
        self.unexpected: list[BaseException] = []

    def log(self, level: str, text: str, *, actor: Actor | None = None) -> None:
        """Keep a line of a log, unless its process is gone."""
        actor = actor or self.time.actor
        if actor is None or not actor.is_dead:
            self.lines.append(Line(self.time.now, actor.name if actor else "", level, text))

    def close(self) -> None:
        """End all processes; and let go of everything, so that little is left for the garbage collector."""
        self.time.close()
        for part in (*self.airflow.parts(), *self.time.actors, self.time, self.airflow, self.server, self):
            vars(part).clear()

    def person(self, act: str, campaign_id: int | None) -> None:
        """Let a person act at TingTing or in Airflow's pages."""
        if act == "marks failed":
            assert self.time.actor is not None
            self.airflow.mark_failed(self.time.actor)
            return
        live = [one.id for one in self.server.campaigns.values() if not one.is_deleted]
        number = campaign_id if campaign_id in live else live[-1] if live else None
        if number is None:
            return
        if act == "runs" and self.server.has_begun(number):
            return
        self.acts.append(act)
        self.acts_on_campaigns.append((act, number, self.time.now))
        if act == "runs":
            self.server.run(number, "person")
        elif act == "edits":
            self.server.edit(number)
        elif act == "renames":
            self.server.rename(number)
        elif act == "deletes":
            self.server.delete(number, "person")


class _Logger:
    """Stands in for the `log` of operators and triggers."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _say(self, level: str, message: object, *values: object) -> None:
        self._world.log(level, str(message) % values if values else str(message))

    def debug(self, message: object, *values: object, **_: Any) -> None:
        pass

    def info(self, message: object, *values: object, **_: Any) -> None:
        self._say("INFO", message, *values)

    def warning(self, message: object, *values: object, **_: Any) -> None:
        self._say("WARNING", message, *values)

    def error(self, message: object, *values: object, **_: Any) -> None:
        self._say("ERROR", message, *values)

    exception = error


class _Handler(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.world: World | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.world is not None:
            self.world.log(record.levelname, record.getMessage())


class _Event:
    """Stands in for `threading.Event` where there are no threads."""

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_set:
            clock.sleep(timeout or 0.0)
        return self._is_set


class _Inline:
    """Stands in for a pool of threads: carries each job out at once."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Any:
        from concurrent.futures import Future

        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, **_: Any) -> None:
        pass


class Stage:
    """The provider with its seams replaced: clock, transports, connections, logs and threads."""

    def __init__(self) -> None:
        self.world: World | None = None
        self._handler = _Handler()
        self._folder = Path()
        self._lives = 0

    @contextmanager
    def set_up(self, folder: str | None = None) -> Iterator[Stage]:
        """Replace the seams while the block runs.

        :param folder: where to make a folder for files; in memory by default, where the system has such a place.
        """
        logger = logging.getLogger("airflow_provider_tingting")
        before = logger.level, logger.propagate

        def connection(*_: Any, **__: Any) -> Any:
            return SimpleNamespace(**_CONNECTION, extra_dejson={"max_retries": 0, **self._now().extra})

        async def connection_async(*_: Any, **__: Any) -> Any:
            return connection()

        async def extra_async(made: Any) -> Any:
            return dict(made.extra_dejson)

        async def task_state(task_instance: Any) -> str | None:
            return self._now().airflow.state_of(task_instance)

        async def xcom(task_instance: Any, key: str) -> Any:
            return task_instance.pushed.get(key)

        log = property(lambda _: _Logger(self._now()))
        with (
            tempfile.TemporaryDirectory(prefix="simulation-", dir=folder or IN_MEMORY) as own_folder,
            patch.object(tempfile, "tempdir", own_folder),
            clock.use_clock(_StageClock(self)),
            patch.object(transport_requests, "RequestsTransport", lambda _: network.Transport(self._now())),
            patch.object(transport_httpx, "HttpxTransport", lambda _: network.AsyncTransport(self._now())),
            patch.object(hook_module.TingTingHook, "get_connection", connection),
            patch.object(hook_module, "get_connection_async", connection_async),
            patch.object(hook_module, "get_extra_async", extra_async),
            patch.object(TingTingBaseOperator, "log", log, create=True),
            patch.object(trigger_base.TingTingBaseTrigger, "log", log, create=True),
            patch.object(trigger_base, "get_task_state_async", task_state),
            patch.object(trigger_base, "get_xcom_async", xcom),
            patch.object(send, "BatchSender", lambda *arguments: BatchSender(*arguments, _stopped=_Event())),
            patch.object(send, "ThreadPoolExecutor", _Inline),
            # What a killed process leaves behind ends in the wrong order, between two lives.
            patch.object(sys, "unraisablehook", lambda _: None),
        ):
            self._folder = Path(own_folder)
            logger.setLevel(logging.INFO)
            logger.propagate = False
            state = random.getstate()
            # Airflow is large, and is searched again and again otherwise.
            gc.collect()
            gc.freeze()
            # What lives leave behind is collected in `life`, in one go for many.
            gc.disable()
            try:
                yield self
            finally:
                gc.enable()
                gc.unfreeze()
                random.setstate(state)
                logger.level, logger.propagate = before

    @contextmanager
    def life(self, adversary: Adversary, *, has_store: bool) -> Iterator[World]:
        """Give a new world its turn."""
        world = self.world = self._handler.world = World(adversary, self._folder, has_store=has_store)
        random.seed(1)
        # pytest adds handlers of its own, which would keep the lines of each life.
        logger = logging.getLogger("airflow_provider_tingting")
        handlers, logger.handlers = logger.handlers, [self._handler]
        try:
            yield world
        finally:
            logger.handlers = handlers
            world.close()
            self.world = self._handler.world = None
            self._lives += 1
            if self._lives % _LIVES_PER_COLLECTION == 0:
                gc.collect()

    def _now(self) -> World:
        assert self.world is not None
        return self.world


class _StageClock:
    """The clock of whichever world has its turn."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def time(self) -> float:
        return self._stage._now().time.time()

    def monotonic(self) -> float:
        return self._stage._now().time.monotonic()

    def sleep(self, seconds: float) -> None:
        self._stage._now().time.sleep(seconds)
