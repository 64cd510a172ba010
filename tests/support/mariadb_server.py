"""A private MariaDB for a test session: its own folder, a free port on the loopback interface, gone at the end.

Needs the server's programs (Debian: `apt-get install mariadb-server`).
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.ports import free_port

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
_STARTS_WITHIN = 150


def program(name: str) -> str | None:
    """The path of one of MariaDB's programs, or None when there is no server on this machine."""
    return shutil.which(name, path=_PATH)


@contextmanager
def running_mariadb(*options: str) -> Iterator[str]:
    """Start an empty server; gives SQLAlchemy's URI of its database `test`, which needs no password.

    :param options: more options of the server.
    """
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="tingting-db-"))
    user = "mysql" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() == 0:
        found = pwd.getpwnam(user)
        os.chown(folder, found.pw_uid, found.pw_gid)
    data = f"--datadir={folder}/data"
    server = None
    try:
        with (folder / "log.txt").open("wb") as log:
            install = [program("mariadb-install-db"), "--no-defaults", data, f"--user={user}"]
            subprocess.run(
                [*install, "--auth-root-authentication-method=normal"], stdout=log, stderr=log, check=True, timeout=120
            )
            server = subprocess.Popen(
                [program("mariadbd"), "--no-defaults", data, f"--user={user}", f"--port={port}",
                 "--bind-address=127.0.0.1", f"--socket={folder}/socket", f"--pid-file={folder}/pid",
                 "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", *options],
                stdout=log, stderr=log,
            )  # fmt: skip
        _wait_for(port, server, folder / "log.txt")
        yield f"mysql+pymysql://root@127.0.0.1:{port}/test"
    finally:
        if server is not None:
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    import pymysql

    until = time.monotonic() + _STARTS_WITHIN
    while True:
        try:
            pymysql.connect(host="127.0.0.1", port=port, user="root").close()
            return
        except pymysql.Error:
            assert server.poll() is None and time.monotonic() < until, log.read_text(errors="replace")
            time.sleep(0.05)
