"""Records what the tasks of a rehearsal do: when each begins, what it logs, how it fails, and what it would write."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_tingting.contacts.contact import Place

#: The logger of operators and triggers in a rehearsal; the package's own module loggers are its siblings.
TASK_LOGGER = logging.getLogger("airflow_provider_tingting.task")
_MAX_LINES = 200
_MAX_LEFT_OUT = 100_000


@dataclass
class TaskRecord:
    """What one task instance did.

    :param task_id: the task's id.
    :param map_index: the instance of a mapped task; -1 for others.
    :param began: the rehearsal's time at which it began, seconds since 1970.
    :param ended: the time at which the next task began, or the run ended.
    :param tries: how often it began.
    :param lines: what it logged: time, level, text.
    :param errors: the errors of its tries.
    :param left_out: rows that it left out: reason, place, number.
    :param answer: what a person was asked and what the rehearsal answered, for an approval.
    """

    task_id: str
    map_index: int
    began: float
    ended: float
    tries: int = 0
    lines: list[tuple[float, str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    left_out: list[tuple[str, Place, str]] = field(default_factory=list, repr=False)
    answer: dict[str, Any] | None = None


class Recorder(logging.Handler):
    """Keeps the records; as a log handler it takes the lines of the package's loggers.

    Tasks run one after the other, so the current task is the one that began last.

    :param now: returns the rehearsal's time, seconds since 1970.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(logging.INFO)
        self._now = now
        self.tasks: dict[tuple[str, int], TaskRecord] = {}
        #: What would be written to where, and where it is instead.
        self.redirected: dict[str, Path] = {}
        self._current: TaskRecord | None = None

    def __deepcopy__(self, _: object) -> Recorder:
        """Return the recorder itself: Airflow 3.0 copies a DAG with its callbacks."""
        return self

    def begin(self, ti: Any) -> TaskRecord:
        """Note that a task instance begins, or goes on after a wait, and return its record.

        :param ti: the task instance.
        """
        now, index = self._now(), -1 if ti.map_index is None else int(ti.map_index)
        self.end()
        record = self.tasks.setdefault((ti.task_id, index), TaskRecord(ti.task_id, index, now, now))
        record.tries = max(record.tries, int(getattr(ti, "try_number", 1) or 1))
        self._current = record
        return record

    def end(self) -> None:
        """Note that the current task instance has ended."""
        if self._current is not None:
            self._current.ended = self._now()
        self._current = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a log line of the current task.

        :param record: the log record.
        """
        current = self._current
        if current is not None and len(current.lines) < _MAX_LINES:
            current.lines.append((self._now(), record.levelname, record.getMessage()))

    def failed(self, context: Any) -> None:
        """Keep the error of a try; a callback of every task. On Airflow 3.0 to 3.2 it comes without the error."""
        if "exception" in context:
            self.keep_error(context["exception"])

    def keep_error(self, error: object) -> None:
        """Keep the error of a try of the current task.

        :param error: the exception, or its text.
        """
        if self._current is not None:
            self._current.errors.append(str(error))
            self._current.ended = self._now()

    def left_out(self, reason: str, place: Place, number: str) -> None:
        """Keep a row that the current task leaves out.

        :param reason: why the contact is left out.
        :param place: where its row is.
        :param number: its number.
        """
        if self._current is not None and len(self._current.left_out) < _MAX_LEFT_OUT:
            self._current.left_out.append((reason, place, number))
