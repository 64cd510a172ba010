"""Where a file is to be written, and whether it can be, checked before anything costs money.

A target is a local path, or any path of universal-pathlib, fsspec or Airflow's `ObjectStoragePath`. It is known by what
it can do, not by its class. The name that a server suggests (`Content-Disposition`) is never used: it is the raw name
of a campaign.
"""

from __future__ import annotations

import errno
import os
import posixpath
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from airflow_provider_tingting.errors import (
    TingTingConfigError,
    TingTingError,
    TingTingStorageRefusedError,
)
from airflow_provider_tingting.files.private import open_part
from airflow_provider_tingting.files.storage_errors import judge_storage_error

_LOCAL: Final = frozenset({"", "file", "local"})
#: Stores where an object appears when its upload is complete, and not before.
_OBJECT_STORES: Final = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "wasb", "wasbs", "oss", "oci", "r2"}
)


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """A file on this machine.

    :param path: the file itself; links are followed, so that a link stays a link.
    :param name: the target as the user wrote it, for messages.
    :param what: what is written, for messages: `The report`.
    """

    path: Path
    name: str
    what: str


@dataclass(frozen=True, slots=True)
class StoredTarget:
    """A file somewhere else.

    :param path: the target as it was given.
    :param name: the target as the user wrote it, for messages.
    :param what: what is written, for messages.
    :param store: its fsspec file system, if it has one.
    :param key: its path within that file system.
    :param is_object: whether the store shows an object only when its upload is complete.
    """

    path: Any
    name: str
    what: str
    store: Any
    key: str
    is_object: bool


def resolve_target(target: Any, what: str = "The file") -> LocalTarget | StoredTarget:
    """Return a target as a local or a stored one.

    :param target: a `pathlib.Path`, a local path as a string, or any path with `open`, `parent` and `exists`.
    :param what: what is written, for messages: `The report`.
    :raises TingTingConfigError: it is not a path, names a store as a bare string, or is of a kind of store that is not
        installed.
    :raises TingTingStorageError: its store cannot be used.
    """
    name = re.sub(r"//[^/@]*:[^/@]*@", "//***@", str(target))
    if not str(target).strip() or "\0" in str(target):
        raise TingTingConfigError(f"{what} cannot be written to {name!r}: that is not a path. Give a file name.")
    protocol = getattr(target, "protocol", None)
    if isinstance(protocol, str) and protocol in _LOCAL:
        return LocalTarget(Path(os.path.realpath(target.path)), name, what)
    if isinstance(protocol, str):
        try:
            store = target.fs
        except (ImportError, ValueError) as error:
            raise TingTingConfigError(
                f"{what} cannot be written to {name}: {error}. Install the Airflow provider or the fsspec package for "
                "this kind of store."
            ) from error
        except Exception as error:
            raise storage_error(error, name, what) from error
        return StoredTarget(target, name, what, store, str(target.path), protocol in _OBJECT_STORES)
    if isinstance(target, (str, os.PathLike)):
        local = os.fspath(target)
        if isinstance(local, str) and "://" not in local:
            return LocalTarget(Path(os.path.realpath(local)), name, what)
    elif hasattr(target, "open") and hasattr(target, "parent"):
        return StoredTarget(target, name, what, None, "", is_object=False)
    raise TingTingConfigError(
        f"{what} cannot be written to {name!r}: give a local path, or an ObjectStoragePath for a store."
    )


def are_one_file(one: object, other: object) -> bool:
    """Whether two targets are the same file, however each is written.

    :param one: as for `resolve_target`.
    :param other: likewise.
    :raises TingTingConfigError: as `resolve_target`.
    :raises TingTingStorageError: as `resolve_target`.
    """
    first, second = resolve_target(one), resolve_target(other)
    if isinstance(first, LocalTarget) or isinstance(second, LocalTarget):
        return isinstance(first, LocalTarget) and isinstance(second, LocalTarget) and first.path == second.path
    if first.store is None or second.store is None:
        return bool(first.path == second.path)
    return bool(first.store == second.store) and posixpath.normpath(first.key) == posixpath.normpath(second.key)


def refuse_input(target: object, argument: str, inputs: Iterable[tuple[str, object]]) -> None:
    """Refuse to write to a file that is read as well, since writing would destroy what is read.

    :param target: as for `resolve_target`.
    :param argument: the argument that names the target, for the error.
    :param inputs: the files that are read, each behind the argument that names it.
    :raises TingTingConfigError: the target is one of them; and as `resolve_target`.
    :raises TingTingStorageError: as `resolve_target`.
    """
    for name, file in inputs:
        if are_one_file(target, file):
            raise TingTingConfigError(
                f"{argument} and {name} are the same file, {resolve_target(target).name}, which would be overwritten. "
                f"Give {argument} another path."
            )


def storage_error(error: BaseException, name: str, what: str) -> TingTingError:
    """Return an error that says why a target cannot be written, and what to do.

    :param error: what the operating system or the store raised; an error of this package is returned as it is.
    :param name: the target as the user wrote it.
    :param what: what is written: `The report`.
    """
    if isinstance(error, TingTingError):
        return error
    fault = judge_storage_error(error)
    return fault.error(f"{what} cannot be written to {name}: {fault.reason}. {fault.remedy} Nothing was changed there.")


def ensure_writable(target: object, *, overwrite: bool = True, what: str = "The report") -> None:
    """Check that a file could be written to the target, without creating it: before the download, before any cost.

    A local directory is tried with a nameless file. An object store is not asked anything when the object may be
    replaced, since the right to write may come without the right to list.

    :param target: a local path, or any path of universal-pathlib, fsspec or Airflow.
    :param overwrite: whether a file that is there may be replaced.
    :param what: what is to be written, for messages.
    :raises TingTingConfigError: the target is not a path.
    :raises TingTingStorageRefusedError: the path, its store or the rights are wrong, or the file exists.
    :raises TingTingStorageError: the disk is full, or the store does not answer.
    """
    place = resolve_target(target, what)
    try:
        if isinstance(place, LocalTarget):
            _ensure_local(place, overwrite)
        else:
            check_stored(place, overwrite)
    except TingTingError:
        raise
    except Exception as error:
        raise storage_error(error, place.name, what) from error


def refuse_existing(place: LocalTarget | StoredTarget) -> TingTingStorageRefusedError:
    """Return the error for a file that exists and must not be replaced.

    :param place: the target.
    """
    return TingTingStorageRefusedError(
        f"{place.what} was not written: {place.name} exists, and overwrite is off. Choose another path (a template "
        "such as {{ run_id }} makes it unique), remove the file, or allow overwriting."
    )


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
    """Refuse a target that is a directory or a device, or that exists and must not be replaced.

    :param place: the target.
    :param overwrite: whether a file that exists may be replaced.
    :raises OSError: it is a directory.
    :raises TingTingStorageRefusedError: it is a device, or exists.
    """
    try:
        mode = place.path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if place.name.endswith(os.sep):
            raise IsADirectoryError(errno.EISDIR, "it ends like a directory") from None
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a directory")
    if not stat.S_ISREG(mode):
        raise TingTingStorageRefusedError(
            f"{place.what} cannot be written to {place.name}: it is not a file. Choose another path."
        )
    if not overwrite:
        raise refuse_existing(place)


def check_stored(place: StoredTarget, overwrite: bool) -> None:
    """Refuse a stored target that is a directory, or that exists and must not be replaced.

    :param place: the target.
    :param overwrite: whether an object that exists may be replaced.
    :raises OSError: it is a directory, or the store cannot be asked.
    :raises TingTingStorageRefusedError: it exists.
    """
    if place.name.endswith("/"):
        raise IsADirectoryError(errno.EISDIR, "it ends like a directory")
    if place.is_object and overwrite:
        # A put needs the right to write only, and there an object and a prefix may have the same name.
        return
    if place.store is not None:
        place.store.invalidate_cache(place.key)
        is_directory, exists = place.store.isdir(place.key), place.store.exists(place.key)
    else:
        is_dir = getattr(place.path, "is_dir", None)
        is_directory, exists = bool(is_dir and is_dir()), bool(place.path.exists())
    if is_directory and not place.is_object:
        raise IsADirectoryError(errno.EISDIR, "it is a directory")
    if exists and not overwrite:
        raise refuse_existing(place)
