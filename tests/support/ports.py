"""A port for a server of the tests; one home for all that start a process with a port in its arguments."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

# Below the ports that Linux gives to outgoing connections: a server that is started later, or again, finds it free.
_PORTS = range(15_000, 32_000)


def free_port() -> int:
    """Return a port of the loopback interface that is free now."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            return port
