"""A file that appears whole or not at all.

Local: written beside the target and renamed over it. Stored: written to this machine first, so that a failure while
writing never reaches the store (closing a half-written object would commit it); then uploaded in one go where the
store shows whole objects only, else under another name and moved. May import the standard library and this room only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from airflow_provider_tingting.errors import TingTingError
from airflow_provider_tingting.files.target import (
    LocalTarget,
    StoredTarget,
    check_local,
    check_stored,
    explain,
    open_part,
    part_name,
    refuse_existing,
    resolve_target,
)


@contextlib.contextmanager
def whole_file(target: Any, *, overwrite: bool = True) -> Iterator[BinaryIO]:
    """Open a file to write; it takes the target's place when the block ends well, and vanishes when it does not.

    :param target: a local path, or any path with `open`, `parent` and `exists`. Missing directories are made.
    :param overwrite: whether a file that is there is replaced. A local file is never replaced when this is false,
        not even one that appears meanwhile; a store can only be asked before.
    :raises TingTingReportError: when the target cannot be written, or exists and must not be replaced.
    """
    place = resolve_target(target)
    try:
        writing = _local_file(place, overwrite) if isinstance(place, LocalTarget) else _stored_file(place, overwrite)
        with writing as file:
            yield file
    except TingTingError:
        raise
    except OSError as error:
        raise explain(error, place.name) from error


def size_of(file: BinaryIO) -> int:
    """Give the size of a file that is being written, in bytes."""
    file.flush()
    return os.fstat(file.fileno()).st_size


@contextlib.contextmanager
def _local_file(place: LocalTarget, overwrite: bool) -> Iterator[BinaryIO]:
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
            if place.path.exists():
                os.fchmod(descriptor, stat.S_IMODE(place.path.stat().st_mode))
            yield file
            file.flush()
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
        # Some sandboxes forbid this link: then a copy gets the name.
        try:
            _copy(file, part)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return part


def _copy(file: BinaryIO, part: Path) -> None:
    file.seek(0)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), "wb") as copy:
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
    except FileExistsError:
        raise refuse_existing(place.name) from None
    part.unlink()


@contextlib.contextmanager
def _stored_file(place: StoredTarget, overwrite: bool) -> Iterator[BinaryIO]:
    _ask_store(place, overwrite)
    with tempfile.NamedTemporaryFile(prefix="tingting-", suffix=".part") as spool:
        try:
            yield spool.file  # type: ignore[misc]
            spool.flush()
        except OSError as error:
            raise explain(error, f"{place.name}, by way of {tempfile.gettempdir()}") from error
        _ask_store(place, overwrite)
        try:
            if place.store is None:
                _upload_through_path(place, spool.name)
            elif place.whole_objects:
                place.store.put_file(spool.name, place.key)
            else:
                _upload_and_move(place, spool.name)
        except Exception as error:
            raise explain(error, place.name) from error


def _ask_store(place: StoredTarget, overwrite: bool) -> None:
    try:
        check_stored(place, overwrite)
    except Exception as error:
        raise explain(error, place.name) from error


def _upload_and_move(place: StoredTarget, spool: str) -> None:
    """Upload under another name, then move: the way of SFTP, HDFS, SMB and the like."""
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
