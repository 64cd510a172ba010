"""The sandbox's state file: a journal of every change, from which the same world is built again.

Each line is one change as JSON, appended when it is made. The first line holds the initial settings.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import IO, Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import TingTingConfigError

FORMAT = 1


@dataclass(frozen=True)
class Change:
    """One line of the journal: the change, its arguments, and its time in the world and in reality."""

    what: str
    arguments: dict[str, Any]
    world_time: float
    real_time: float


@dataclass(frozen=True)
class Saved:
    """The content of a state file: the initial settings, the real time of the start, and the changes."""

    settings: dict[str, Any]
    real_time: float
    changes: list[Change]


class Journal:
    """A state file. It holds phone numbers and the token in the clear, so only its owner may read it.

    :param path: the file; `begin` creates it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file: IO[str] | None = None

    def read(self) -> Saved | None:
        """Return the content of the file; None when it does not exist or is empty.

        A file that cannot be used is left as it is.

        :raises TingTingConfigError: the file is not a sandbox's state file, is damaged, or cannot be read.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self.unusable(f"cannot be read ({type(error).__name__})") from error
        if not text:
            return None
        lines = self._lines(text)
        head = next(lines, None)
        if not isinstance(head, dict) or "tingting_sandbox" not in head:
            raise self.unusable("is not a state file of a TingTing sandbox")
        if head["tingting_sandbox"] != FORMAT:
            raise self.unusable(f"was written by another version (format {head['tingting_sandbox']}, not {FORMAT})")
        try:
            settings, real_time = dict(head["settings"]), _finite(head["real"])
        except (KeyError, TypeError, ValueError, OverflowError):
            raise self.unusable("is damaged at line 1") from None
        changes = []
        for number, line in enumerate(lines, 2):
            try:
                changes.append(Change(line["do"], dict(line["with"]), _finite(line["at"]), _finite(line["real"])))
            except (KeyError, TypeError, ValueError, OverflowError):
                raise self.unusable(f"is damaged at line {number}") from None
        return Saved(settings, real_time, changes)

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Replace the file by one without changes, in one step: a reader sees the old file or the new one.

        :param settings: the initial settings of the world.
        :raises TingTingConfigError: the file cannot be written.
        """
        self.close()
        head = json.dumps({"tingting_sandbox": FORMAT, "real": wall_time(), "settings": settings}, ensure_ascii=False)
        fresh = self.path.with_name(self.path.name + ".new")
        try:
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(head + "\n")
            fresh.replace(self.path)
        except OSError as error:
            raise self.unusable(f"cannot be written ({error.strerror})") from error

    def append(self, what: str, arguments: Mapping[str, Any], world_time: float) -> None:
        """Append one change and pass it to the operating system.

        :param what: the name of the change.
        :param arguments: its arguments, as JSON.
        :param world_time: its time in the world, seconds since 1970.
        :raises TingTingConfigError: the file cannot be written.
        """
        if self._file is None:
            self._file = self._open()
        line = {"do": what, "with": arguments, "at": world_time, "real": wall_time()}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; `append` opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> IO[str]:
        try:
            content = self.path.read_bytes()
            # A sandbox that was killed while it wrote leaves an incomplete line: no client got a response for it.
            whole = content.rfind(b"\n") + 1
            if whole != len(content):
                os.truncate(self.path, whole)
            return self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise self.unusable(f"cannot be written ({error.strerror})") from error

    def _lines(self, text: str) -> Iterator[Any]:
        for number, line in enumerate(text.split("\n")[:-1], 1):
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                what = "is not a state file of a TingTing sandbox" if number == 1 else f"is damaged at line {number}"
                raise self.unusable(what) from None

    def unusable(self, what: str) -> TingTingConfigError:
        """Return the error of a file that cannot be used.

        :param what: what is wrong with it, such as `is damaged at line 3`.
        """
        return TingTingConfigError(
            f"The sandbox's state file {self.path} {what}. The file is left unchanged: "
            "give another one, or move it away."
        )


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is not a time")
    return number


class RecordedWorld(Protocol):
    """A world whose changes a state file keeps."""

    def reading(self) -> AbstractContextManager[float]:
        """Process what is due, keep the world unchanged for the block, and yield its time."""

    def append_to_journal(self, what: str, arguments: Mapping[str, Any], now: float) -> None:
        """Write a change to the state file.

        :param what: the name of the change.
        :param arguments: what it was called with.
        :param now: the world's time of the change, in seconds since 1970.
        """


#: The names of the changes that a state file can hold.
RECORDED: set[str] = set()

P = ParamSpec("P")
R = TypeVar("R")
W = TypeVar("W", bound=RecordedWorld)


def recorded(method: Callable[Concatenate[W, P], R]) -> Callable[Concatenate[W, P], R]:
    """Process what is due, call the method, and write the call to the state file; a refused change is not written.

    :param method: changes the world; its arguments are plain JSON.
    """

    @wraps(method)
    def changing(world: W, *args: P.args, **kwargs: P.kwargs) -> R:
        with world.reading() as now:
            result = method(world, *args, **kwargs)
            world.append_to_journal(method.__name__, {"args": args, "kwargs": kwargs}, now)
            return result

    RECORDED.add(method.__name__)
    return cast("Callable[Concatenate[W, P], R]", changing)
