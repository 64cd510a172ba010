"""The sandbox's memory on disk: a journal of what changed the world, read again at the next start.

One JSON line a change, written before the answer leaves, so that a sandbox that is killed has forgotten nothing that
it confirmed. The world is deterministic: the same changes at the same times make the same world. Standard library only.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from airflow_provider_tingting.errors import TingTingConfigError

FORMAT = 1


@dataclass(frozen=True)
class Change:
    """One line of the journal: what was done, with what, and when in the world and in reality."""

    what: str
    arguments: dict[str, Any]
    world_time: float
    real_time: float


@dataclass(frozen=True)
class Saved:
    """What a state file holds: how the world began, when that was in reality, and what changed it."""

    settings: dict[str, Any]
    real_time: float
    changes: list[Change]


class Journal:
    """A state file. It holds phone numbers and the token in the clear, so only its owner may read it.

    :param path: the file; it is made if it does not exist.
    :raises TingTingConfigError: the file is not a sandbox's state, or cannot be read or written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file: IO[str] | None = None

    def read(self) -> Saved | None:
        """Return the world that was saved; None when there is nothing yet."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._wrong(f"cannot be read ({type(error).__name__})") from error
        if not text:
            return None
        lines = self._lines(text)
        head = next(lines, None)
        if not isinstance(head, dict) or "tingting_sandbox" not in head:
            raise self._wrong("is not the state of a TingTing sandbox")
        if head["tingting_sandbox"] != FORMAT:
            raise self._wrong(f"was written by another version (format {head['tingting_sandbox']}, not {FORMAT})")
        changes = []
        for line in lines:
            try:
                changes.append(Change(line["do"], line["with"], line["at"], line["real"]))
            except (KeyError, TypeError):
                raise self._wrong("holds a line that is no change") from None
        return Saved(head["settings"], head["real"], changes)

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Start an empty journal in place of what there was; a reader sees the old one or the new one."""
        self.close()
        head = json.dumps({"tingting_sandbox": FORMAT, "real": time.time(), "settings": settings}, ensure_ascii=False)
        fresh = self.path.with_name(self.path.name + ".new")
        try:
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(head + "\n")
            fresh.replace(self.path)
        except OSError as error:
            raise self._wrong(f"cannot be written ({error.strerror})") from error

    def append(self, what: str, arguments: Mapping[str, Any], world_time: float) -> None:
        """Write one change down and hand it to the operating system."""
        if self._file is None:
            self._file = self._open()
        line = {"do": what, "with": arguments, "at": world_time, "real": time.time()}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; the next change opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> IO[str]:
        try:
            content = self.path.read_bytes()
            # A sandbox killed in the middle of a line leaves half of one: it was never confirmed to anybody.
            whole = content.rfind(b"\n") + 1
            if whole != len(content):
                os.truncate(self.path, whole)
            return self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise self._wrong(f"cannot be written ({error.strerror})") from error

    def _lines(self, text: str) -> Iterator[Any]:
        lines = text.split("\n")
        for line in lines[:-1]:
            try:
                yield json.loads(line)
            except ValueError:
                raise self._wrong("is not the state of a TingTing sandbox, or was damaged") from None

    def _wrong(self, what: str) -> TingTingConfigError:
        return TingTingConfigError(f"The sandbox's state file {self.path} {what}. Give another file, or remove it.")
