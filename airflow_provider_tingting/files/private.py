"""Temporary files with personal data: without a name where the system can, else 0600 and removed by a later run."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, cast

from airflow_provider_tingting.clock import wall_time

_DESCRIPTORS: Final = Path("/proc/self/fd")
_PREFIX: Final = ".tingting-"
_SUFFIX: Final = ".part"
_LOCK: Final = ".lock"
# A file is created a moment before it is locked; one that is younger (seconds) may not be locked yet.
_SURELY_LOCKED_AFTER: Final = 60.0


@contextmanager
def private_file() -> Iterator[tuple[BinaryIO, str]]:
    """Open a temporary file, and give a path under which a library of this process can open it.

    The file is gone when the block ends. When the process is killed it is gone as well, or, on a system without /proc,
    removed by the next process that calls this function.

    :returns: the file, open to read and write, and the path.
    """
    if _DESCRIPTORS.is_dir():
        with tempfile.TemporaryFile(prefix="tingting-") as file:
            yield cast("BinaryIO", file), f"{_DESCRIPTORS}/{file.fileno()}"
        return
    directory = Path(tempfile.gettempdir())
    descriptor, part = _open_named(directory)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file, str(part)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def private_folder(prefix: str) -> Iterator[Path]:
    """Make a temporary folder that only this user can read, and remove it when the block ends.

    When the process is killed, the next process of this user that makes such a folder removes it.

    :param prefix: the beginning of its name.
    """
    parent = Path(tempfile.gettempdir())
    for folder in parent.glob(f"{prefix}*/{_LOCK}"):
        if _is_abandoned(folder):
            shutil.rmtree(folder.parent, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=prefix))
    descriptor = os.open(made / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield made
    finally:
        os.close(descriptor)
        shutil.rmtree(made, ignore_errors=True)


def open_part(directory: Path) -> tuple[int, Path | None]:
    """Open a new file in a directory: without a name where the system can, so that a killed process leaves nothing.

    :param directory: an existing directory.
    :returns: the file descriptor, readable and writable, and the name if it has one.
    :raises OSError: the directory cannot be written to.
    """
    if hasattr(os, "O_TMPFILE") and _DESCRIPTORS.is_dir():
        try:
            return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666), None
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT}:
                raise
    return _open_named(directory)


def usual_mode(directory: Path) -> int:
    """Return the mode that a new file in a directory gets.

    :param directory: an existing directory that can be written to.
    :raises OSError: it cannot be written to.
    """
    part = part_name(directory)
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    try:
        return os.fstat(descriptor).st_mode & 0o7777
    finally:
        os.close(descriptor)
        part.unlink()


def part_name(directory: Path) -> Path:
    """Return a name for a file that is not whole yet: hidden, unique, and not made from the target's name.

    :param directory: where the file is to be.
    """
    return directory / f"{_PREFIX}{os.urandom(8).hex()}{_SUFFIX}"


def _open_named(directory: Path) -> tuple[int, Path]:
    _remove_abandoned(directory)
    part = part_name(directory)
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    with suppress(OSError):
        # The lock ends with the process, so a part without a lock is abandoned.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor, part


def _remove_abandoned(directory: Path) -> None:
    """Remove the parts that killed processes of this user have left in a directory."""
    for part in directory.glob(f"{_PREFIX}*{_SUFFIX}"):
        if _is_abandoned(part):
            part.unlink(missing_ok=True)


def _is_abandoned(file: Path) -> bool:
    """Return whether a file is one of this user whose process, which had locked it, has ended."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid() or wall_time() - found.st_mtime < _SURELY_LOCKED_AFTER:
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)
