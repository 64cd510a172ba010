"""A private PostgreSQL for a test session: its own folder, a free port on the loopback interface, gone at the end.

Needs the server's programs (Debian: `apt-get install postgresql`). They refuse to run as root, so that root becomes
an unprivileged user for them.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PLACES = ("/usr/lib/postgresql", "/usr/local/lib/postgresql", "/opt/homebrew/opt")
_UNPRIVILEGED = ("postgres", "nobody")


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, or None when there is no server on this machine."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted((path for place in _PLACES for path in Path(place).glob("*/bin")), reverse=True)
    return next((folder for folder in folders if (folder / "pg_ctl").exists() and (folder / "initdb").exists()), None)


@contextmanager
def running_server(folder: Path) -> Iterator[str]:
    """Start a server whose data lie in a new folder; gives its URI, which needs no password."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    data = folder / "data"
    _run("initdb", "--pgdata", str(data), "--username", "tests", "--auth", "trust", "--encoding", "UTF8", "--no-sync")
    # It is thrown away: nothing has to survive a crash.
    options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off -c full_page_writes=off"
    control = ("pg_ctl", "--pgdata", str(data), "--silent", "--wait")
    _run(*control, "--log", str(folder / "log.txt"), "--options", options, "start")
    try:
        yield f"postgresql://tests@127.0.0.1:{port}/postgres"
    finally:
        _run(*control, "--mode", "immediate", "stop")


@contextmanager
def folder_for_server() -> Iterator[Path]:
    """A folder that the server's user may write to; the socket in it needs a short path."""
    folder = Path(tempfile.mkdtemp(prefix="tingting-pg-"))
    if (user := _unprivileged_user()) is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(program: str, *arguments: str) -> None:
    folder = programs()
    assert folder is not None
    options: dict[str, Any] = {}
    if (user := _unprivileged_user()) is not None:
        options = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    # `pg_ctl start` leaves the server behind, which would keep a pipe open: so a file takes what they say.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            [str(folder / program), *arguments], stdout=said, stderr=said, cwd="/", timeout=60, **options
        )
        said.seek(0)
        assert done.returncode == 0, f"{program}: {said.read().decode(errors='replace')}"


def _unprivileged_user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None
