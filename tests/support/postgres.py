"""A PostgreSQL of its own for tests, where its programs are installed."""

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

_FOLDERS = os.pathsep.join([os.environ.get("PATH", ""), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))])


def program(name: str) -> str | None:
    """The path of one of PostgreSQL's programs, or None."""
    return shutil.which(name, path=_FOLDERS)


@contextmanager
def running_postgres() -> Iterator[int]:
    """Start an empty server on localhost and give its port; the user is `postgres`, without a password."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # It refuses to be run by root.
    user = {"user": pwd.getpwnam("nobody").pw_uid} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="tingting-postgres-"))
    if user:
        os.chown(folder, user["user"], -1)
    data, control = str(folder / "data"), program("pg_ctl")
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **user}
    try:
        subprocess.run([program("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-N"], **quiet)
        options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off"
        subprocess.run([control, "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start"], **quiet)
        try:
            yield port
        finally:
            subprocess.run([control, "-D", data, "-w", "-m", "immediate", "stop"], **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
