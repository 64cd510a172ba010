"""Writes a file that appears whole or not at all: reports, audiences, rejected rows, pages.

A local file is written beside its target and renamed over it. A stored one is written to this machine first, so that a
failure while writing never reaches the store (closing a half-written object would commit it). An object store then gets
one put; any other store gets an upload under another name, which is moved.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from airflow_provider_tingting.errors import TingTingError
from airflow_provider_tingting.files.private import open_part, part_name, private_file, usual_mode
from airflow_provider_tingting.files.target import (
    LocalTarget,
    StoredTarget,
    check_local,
    check_stored,
    refuse_existing,
    resolve_target,
    storage_error,
)

#: The level of compression of a file that is written once and read often.
SMALL = 6
#: The level of one that is read once: a third of the time.
QUICK = 1


@contextlib.contextmanager
def whole_file(
    target: object, *, overwrite: bool = True, what: str = "The report", private: bool = False
) -> Iterator[BinaryIO]:
    """Open a file to write; it takes the target's place when the block ends well, and vanishes when it does not.

    A link at the target stays a link, and the rights of a file that is replaced stay as they are.

    :param target: a local path, or any path with `open`, `parent` and `exists`. Missing directories are made.
    :param overwrite: whether a file that is there is replaced. A local file is never replaced when this is false,
        not even one that appears meanwhile; a store can only be asked before.
    :param what: what is written, for messages.
    :param private: whether only its owner may read a local file (0600), also one that had other rights. A store has
        rights of its own.
    :raises TingTingConfigError: the target is not a path.
    :raises TingTingStorageRefusedError: the path, its store or the rights are wrong, or the file exists and must not
        be replaced.
    :raises TingTingStorageError: the disk is full, or the store fails.
    """
    place = resolve_target(target, what)
    try:
        if isinstance(place, LocalTarget):
            writing = _local_file(place, overwrite, private)
        else:
            writing = _stored_file(place, overwrite)
        with writing as file:
            yield file
    except TingTingError:
        raise
    except OSError as error:
        raise storage_error(error, place.name, what) from error


def size_of(file: BinaryIO) -> int:
    """Return the size of a file that is being written, in bytes.

    :param file: from `whole_file`.
    """
    file.flush()
    return os.fstat(file.fileno()).st_size


def is_gzip(target: object) -> bool:
    """Whether a target is to be compressed: its name ends in `.gz`.

    :param target: only its name is used.
    """
    return str(target).lower().endswith(".gz")


@contextlib.contextmanager
def gzip_by_name(file: BinaryIO, target: object, *, level: int = SMALL) -> Iterator[BinaryIO]:
    """Return the file to write to: itself, or a gzip writer in front of it when the target's name ends in `.gz`.

    :param file: the file at the target; not closed.
    :param target: only its name is used.
    :param level: the level of compression, 1 to 9.
    """
    if not is_gzip(target):
        yield file
        return
    # Without a name and a time in it, the same content gives the same bytes.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=level, fileobj=file, mtime=0) as packed:
        yield packed  # type: ignore[misc]


@contextlib.contextmanager
def _local_file(place: LocalTarget, overwrite: bool, private: bool) -> Iterator[BinaryIO]:
    check_local(place, overwrite)
    directory = place.path.parent
    missing = [path for path in (directory, *directory.parents) if not os.path.lexists(path)]
    part: Path | None = None
    try:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(errno.ENOTDIR, "a file is in the way of its directory") from None
        descriptor, part = open_part(directory)
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            if private:
                os.fchmod(descriptor, 0o600)
            elif place.path.exists():
                os.fchmod(descriptor, stat.S_IMODE(place.path.stat().st_mode))
            elif part is not None:
                os.fchmod(descriptor, usual_mode(directory))
            os.fsync(descriptor)
            if part is None:
                part = _give_name(file, directory)
            _take_place(part, place, overwrite)
    except BaseException:
        if part is not None:
            part.unlink(missing_ok=True)
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


def _give_name(file: BinaryIO, directory: Path) -> Path:
    part = part_name(directory)
    try:
        # Only with a directory descriptor does Python ask the kernel to follow the link in /proc to the file itself.
        os.link(f"/proc/self/fd/{file.fileno()}", part, src_dir_fd=0, follow_symlinks=True)
    except OSError:
        # Some containers forbid this link: then a copy gets the name.
        try:
            _copy(file, part)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return part


def _copy(file: BinaryIO, part: Path) -> None:
    file.seek(0)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as copy:
        shutil.copyfileobj(file, copy, 1 << 20)
        copy.flush()
        os.fsync(copy.fileno())
    shutil.copymode(f"/proc/self/fd/{file.fileno()}", part)


def _take_place(part: Path, place: LocalTarget, overwrite: bool) -> None:
    if overwrite:
        part.replace(place.path)
        return
    try:
        os.link(part, place.path)
        part.unlink()
    except FileExistsError:
        raise refuse_existing(place) from None
    except OSError:
        _claim_and_replace(part, place)


def _claim_and_replace(part: Path, place: LocalTarget) -> None:
    """Take a place that is free on a file system without links, such as one that shows an object store."""
    try:
        os.close(os.open(place.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise refuse_existing(place) from None
    try:
        part.replace(place.path)
    except BaseException:
        place.path.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _stored_file(place: StoredTarget, overwrite: bool) -> Iterator[BinaryIO]:
    _check_store(place, overwrite)
    with private_file() as (spool, path):
        try:
            yield spool
            spool.flush()
        except OSError as error:
            raise storage_error(error, f"{place.name}, by way of {tempfile.gettempdir()}", place.what) from error
        _check_store(place, overwrite)
        try:
            if place.store is None:
                _upload_through_path(place, path)
            elif place.is_object:
                place.store.put_file(path, place.key)
            else:
                _upload_and_move(place, path)
        except Exception as error:
            raise storage_error(error, place.name, place.what) from error


def _check_store(place: StoredTarget, overwrite: bool) -> None:
    try:
        check_stored(place, overwrite)
    except Exception as error:
        raise storage_error(error, place.name, place.what) from error


def _upload_and_move(place: StoredTarget, spool: str) -> None:
    """Upload under another name, then move: for SFTP, HDFS, SMB and other stores with a rename."""
    store = place.store
    parent, _, _ = place.key.rpartition("/")
    if parent:
        store.makedirs(parent, exist_ok=True)
    part = f"{parent}/{part_name(Path()).name}"
    aside = f"{part}.old"
    try:
        store.put_file(spool, part)
        try:
            store.mv(part, place.key)
        except Exception:
            # Some systems do not rename over a file that is there: put that one aside, and back if it fails again.
            if not (store.exists(part) and store.exists(place.key)):
                raise
            store.mv(place.key, aside)
            try:
                store.mv(part, place.key)
            except BaseException:
                store.mv(aside, place.key)
                raise
            store.rm(aside)
    except BaseException:
        with contextlib.suppress(Exception):
            if store.exists(part):
                store.rm(part)
        raise


def _upload_through_path(place: StoredTarget, spool: str) -> None:
    """Upload to a path that is known only by its methods; without a `replace` or `rename`, in one go."""
    path = place.path
    if hasattr(path.parent, "mkdir"):
        path.parent.mkdir(parents=True, exist_ok=True)
    move = "replace" if hasattr(path, "replace") else "rename" if hasattr(path, "rename") else ""
    part = path.parent / part_name(Path()).name if move else path
    try:
        with Path(spool).open("rb") as whole, part.open("wb") as upload:
            shutil.copyfileobj(whole, upload, 1 << 20)
        if move:
            getattr(part, move)(path)
    except BaseException:
        if move and hasattr(part, "unlink"):
            with contextlib.suppress(Exception):
                part.unlink()
        raise
