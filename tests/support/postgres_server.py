"""A private PostgreSQL for a test session: its own folder, a free port on the loopback interface, gone at the end.

Needs the server's programs (Debian: `apt-get install postgresql`). They refuse to run as root, so that root becomes
an unprivileged user for them.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.ports import free_port

_PLACES = ("/usr/lib/postgresql", "/usr/local/lib/postgresql", "/opt/homebrew/opt")
_UNPRIVILEGED = ("postgres", "nobody")


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, or None when there is no server on this machine."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted((path for place in _PLACES for path in Path(place).glob("*/bin")), reverse=True)
    return next((folder for folder in folders if (folder / "pg_ctl").exists() and (folder / "initdb").exists()), None)


class PostgresServer:
    """A server whose data lie in a new folder.

    :ivar uri: the URI of its database, which needs no password.
    """

    def __init__(self, folder: Path, *, max_connections: int = 100) -> None:
        port = free_port()
        self.uri = f"postgresql://tests@127.0.0.1:{port}/postgres"
        data = str(folder / "data")
        self._pid_file = folder / "data" / "postmaster.pid"
        _run("initdb", "--pgdata", data, "--username", "tests", "--auth", "trust", "--encoding", "UTF8", "--no-sync")
        self._control = ("pg_ctl", "--pgdata", data, "--silent", "--wait")
        # It is thrown away: nothing has to survive a crash of the machine.
        options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off -c full_page_writes=off"
        self._start = ("--log", str(folder / "log.txt"), "--options", f"{options} -N {max_connections}", "start")

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        _run(*self._control, *self._start)

    @property
    def session(self) -> int:
        """The session that its processes are in."""
        return os.getsid(int(self._pid_file.read_text().splitlines()[0]))

    def crash(self) -> None:
        """End it at once, with all its connections; what was committed is there after the next start."""
        if self._pid_file.exists():
            _run(*self._control, "--mode", "immediate", "stop")


@contextmanager
def running_server(folder: Path) -> Iterator[str]:
    """Start a server whose data lie in a new folder; gives its URI, which needs no password."""
    server = PostgresServer(folder)
    server.start()
    try:
        yield server.uri
    finally:
        server.crash()


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
            [str(folder / program), *arguments], stdout=said, stderr=said, cwd="/", timeout=120, **options
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
