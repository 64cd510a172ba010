"""Where a report is to be written, and whether it can be, asked before anything costs money.

A target is a local path, or any path of universal-pathlib, fsspec or Airflow's `ObjectStoragePath`: known by what it
can do, not by its class, so nothing of these is imported. The name that a server suggests (`Content-Disposition`) never
takes part: it is the raw name of a campaign. May import the standard library and the error tree only.
"""

from __future__ import annotations

import errno
import os
import posixpath
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from airflow_provider_tingting.errors import TingTingError, TingTingReportError

_LOCAL: Final = frozenset({"", "file", "local"})
# Stores where an object appears when its upload is complete, and not before.
_WHOLE_OBJECTS: Final = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "wasb", "wasbs", "oss", "oci", "r2"}
)

_REMEDIES: Final = {
    errno.ENOSPC: "The disk is full. Make room, or choose another path.",
    errno.EDQUOT: "The disk quota is used up. Make room, or choose another path.",
    errno.EFBIG: "The file is larger than this system allows. Choose another path or raise the limit.",
    errno.EROFS: "The file system is read-only. Choose another path.",
    errno.EACCES: "The user that Airflow runs as may not write there. Give it the right, or choose another path.",
    errno.EPERM: "The user that Airflow runs as may not write there. Give it the right, or choose another path.",
    errno.ENOTDIR: "A part of the path is a file, not a directory. Choose another path.",
    errno.EISDIR: "It is a directory. Add a file name to the path.",
    errno.ENAMETOOLONG: "The name is too long for the file system. Choose a shorter one.",
}


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """A file on this machine.

    :param path: the file itself; links are followed, so that a link stays a link.
    :param name: the target as the user wrote it, for messages.
    """

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class StoredTarget:
    """A file somewhere else.

    :param path: the target as it was given.
    :param name: the target as the user wrote it, for messages.
    :param store: its fsspec file system, if it has one.
    :param key: its path within that file system.
    :param whole_objects: whether the store shows an object only when its upload is complete.
    """

    path: Any
    name: str
    store: Any
    key: str
    whole_objects: bool


def resolve_target(target: Any) -> LocalTarget | StoredTarget:
    """Tell a local target from a stored one.

    :param target: a `pathlib.Path`, a local path as a string, or any path with `open`, `parent` and `exists`.
    :raises TingTingReportError: when it is not a path, or names a store as a bare string.
    """
    name = re.sub(r"//[^/@]*:[^/@]*@", "//***@", str(target))
    if not str(target).strip() or "\0" in str(target):
        raise TingTingReportError(f"The report cannot be written to {name!r}: that is not a path. Give a file name.")
    protocol = getattr(target, "protocol", None)
    if isinstance(protocol, str) and protocol in _LOCAL:
        return LocalTarget(Path(os.path.realpath(target.path)), name)
    if isinstance(protocol, str):
        try:
            store = target.fs
        except Exception as error:
            raise explain(error, name) from error
        return StoredTarget(target, name, store, str(target.path), protocol in _WHOLE_OBJECTS)
    if isinstance(target, (str, os.PathLike)):
        local = os.fspath(target)
        if isinstance(local, str) and "://" not in local:
            return LocalTarget(Path(os.path.realpath(local)), name)
    elif hasattr(target, "open") and hasattr(target, "parent"):
        return StoredTarget(target, name, None, "", whole_objects=False)
    raise TingTingReportError(
        f"The report cannot be written to {name!r}: give a local path, or an ObjectStoragePath for a store."
    )


def are_one_file(one: Any, other: Any) -> bool:
    """Whether two targets are the same file, however each is written.

    :param one: as for `resolve_target`.
    :param other: likewise.
    :raises TingTingReportError: as `resolve_target` does.
    """
    first, second = resolve_target(one), resolve_target(other)
    if isinstance(first, LocalTarget) or isinstance(second, LocalTarget):
        return isinstance(first, LocalTarget) and isinstance(second, LocalTarget) and first.path == second.path
    if first.store is None or second.store is None:
        return bool(first.path == second.path)
    return bool(first.store == second.store) and posixpath.normpath(first.key) == posixpath.normpath(second.key)


def explain(error: BaseException, name: str) -> TingTingError:
    """Say in the reader's words why a target cannot be written.

    :param error: what the operating system or the store said.
    :param name: the target as the user wrote it.
    """
    if isinstance(error, TingTingError):
        return error
    said = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    number = error.errno if isinstance(error, OSError) else None
    remedy = _REMEDIES.get(number or 0, "Check the path, the connection of its store and the rights there.")
    if isinstance(error, ImportError) or ("filesystem" in said.lower() and "registered" in said.lower()):
        remedy = "Install the Airflow provider or the fsspec package for this kind of store."
    return TingTingReportError(
        f"The report cannot be written to {name}: {said or type(error).__name__}. {remedy} Nothing was changed there."
    )


def ensure_writable(target: Any, *, overwrite: bool = True) -> None:
    """Check that a report could be written to the target, without creating it: before the download, before any cost.

    A local directory is tried with a nameless file. A store is asked whether it answers and what stands there; a trial
    object would stay for ever where deleting is forbidden, so the right to write is found out when it is written.

    :param target: as for `write_report`.
    :param overwrite: whether a file that is there may be replaced.
    :raises TingTingReportError: with the path and what to do.
    """
    place = resolve_target(target)
    try:
        if isinstance(place, LocalTarget):
            _ensure_local(place, overwrite)
        else:
            check_stored(place, overwrite)
    except TingTingError:
        raise
    except Exception as error:
        raise explain(error, place.name) from error


def refuse_existing(name: str) -> TingTingReportError:
    """Make the error for a file that is there and must not be replaced."""
    return TingTingReportError(
        f"The report was not written: {name} exists, and overwrite is off. Choose another path (a template such as "
        "{{ run_id }} makes it unique), remove the file, or allow overwriting."
    )


def open_part(directory: Path) -> tuple[int, Path | None]:
    """Open a new file in a directory: without a name where the system can, so that a killed process leaves nothing.

    :returns: the file descriptor, readable and writable, and the name if it has one.
    :raises OSError: when the directory cannot be written to.
    """
    if hasattr(os, "O_TMPFILE") and Path("/proc/self/fd").is_dir():
        try:
            return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666), None
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT}:
                raise
    part = part_name(directory)
    return os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o666), part


def part_name(directory: Path) -> Path:
    """Name a file that is not whole yet: hidden, unique, and not made from the target's name."""
    return directory / f".tingting-{os.urandom(8).hex()}.part"


def _ensure_local(place: LocalTarget, overwrite: bool) -> None:
    check_local(place, overwrite)
    directory = next(above for above in place.path.parents if os.path.lexists(above))
    if not directory.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{directory} is not a directory")
    if len(os.fsencode(place.path.name)) > os.pathconf(directory, "PC_NAME_MAX"):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    descriptor, part = open_part(directory)
    os.close(descriptor)
    if part:
        part.unlink()


def check_local(place: LocalTarget, overwrite: bool) -> None:
    """Refuse a target that is a directory or a device, or that exists and must not be replaced."""
    try:
        mode = place.path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if place.name.endswith(os.sep):
            raise IsADirectoryError(errno.EISDIR, "it ends like a directory") from None
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a directory")
    if not stat.S_ISREG(mode):
        raise TingTingReportError(
            f"The report cannot be written to {place.name}: it is not a file. Choose another path."
        )
    if not overwrite:
        raise refuse_existing(place.name)


def check_stored(place: StoredTarget, overwrite: bool) -> None:
    """Refuse a stored target that is a directory, or that exists and must not be replaced."""
    if place.name.endswith("/"):
        raise IsADirectoryError(errno.EISDIR, "it ends like a directory")
    if place.store is not None:
        place.store.invalidate_cache(place.key)
        is_directory, exists = place.store.isdir(place.key), place.store.exists(place.key)
    else:
        is_dir = getattr(place.path, "is_dir", None)
        is_directory, exists = bool(is_dir and is_dir()), bool(place.path.exists())
    if is_directory:
        raise IsADirectoryError(errno.EISDIR, "it is a directory")
    if exists and not overwrite:
        raise refuse_existing(place.name)
