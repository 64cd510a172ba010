"""Puts a finished file at its place, whole or not at all. Imports the standard library and this package's errors."""

from __future__ import annotations

import shutil
import uuid
from contextlib import suppress
from typing import IO, Any

from airflow_provider_tingting.errors import TingTingContactsError


def place_file(finished: IO[bytes], path: Any, what: str) -> None:
    """Copy a file beside its place under another name, then put it there; what was there is untouched until then.

    :param finished: the content, from where it stands.
    :param path: an object with `.open`, `.with_name` and `.replace`, such as `Path`, `UPath` or `ObjectStoragePath`.
    :param what: what it holds, for the error.
    :raises TingTingContactsError: when it cannot be written.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        if getattr(path, "protocol", "") in {"", "file", "local"}:
            path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            shutil.copyfileobj(finished, stream, 1 << 20)
        _move(part, path)
    except OSError as error:
        with suppress(Exception):
            part.unlink()
        raise TingTingContactsError(
            f"{what} cannot be written to {path}: {error.strerror or error}. Check the path and the right to write "
            "there."
        ) from error
    except BaseException:
        with suppress(Exception):
            part.unlink()
        raise


def _move(part: Any, path: Any) -> None:
    try:
        part.replace(path)
    except NotImplementedError:
        # Many paths of universal-pathlib can only be moved by the file system below them.
        path.fs.mv(part.path, path.path)
