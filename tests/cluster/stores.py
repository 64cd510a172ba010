"""What all hosts of a cluster share: PostgreSQL, Redis, and an S3 server. Each can be ended and started again."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from support.ports import free_port
from support.postgres_server import programs

_STARTS_WITHIN = 60.0


def missing_programs() -> list[str]:
    """Return the Debian packages that a cluster needs and this machine does not have."""
    missing = [] if programs() is not None else ["postgresql"]
    return missing if shutil.which("redis-server") else [*missing, "redis-server"]


class RedisServer:
    """A Redis whose queues survive its end, as a broker's should.

    :param folder: an existing folder for its data.
    :param started: called with each process that is started.
    :ivar uri: the URI of its database.
    """

    def __init__(self, folder: Path, started: Callable[[subprocess.Popen[bytes]], None]) -> None:
        self._folder = folder
        self._port = free_port()
        self._started = started
        self._process: subprocess.Popen[bytes] | None = None
        self.uri = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self._port), "--dir", str(self._folder)]
        with (self._folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--appendonly", "yes", "--appendfsync", "always", "--save", ""],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started(self._process)
        deadline = time.monotonic() + _STARTS_WITHIN
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return
            except OSError:
                text = (self._folder / "log.txt").read_text(errors="replace")
                assert self._process.poll() is None and time.monotonic() < deadline, text
                time.sleep(0.05)

    def crash(self) -> None:
        """SIGKILL it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
