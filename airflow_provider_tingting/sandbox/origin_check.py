"""Restricts the sandbox to this machine: the address it listens on, and the requests of browsers.

A web page that is open in a browser can send requests to this machine: from its own origin, or under a host name that
its owner points to the loopback interface (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.sandbox.asgi import Scope

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def check_loopback(host: str) -> None:
    """Check that the sandbox may listen on an address.

    :param host: the host name or address.
    :raises TingTingConfigError: the address is not one of the loopback interface.
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


def is_foreign(scope: Scope) -> bool:
    """Return whether a request names a host other than this machine, or changes something for another web site.

    :param scope: the request, as ASGI describes it.
    """
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get(b"host")
    if host and not _is_local(f"//{host}"):
        return True
    if scope["method"] in _SAFE_METHODS:
        return False
    # The browser sets Sec-Fetch-Site, and no page can change it; older browsers send Origin only.
    site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
    return site == "cross-site" if site else origin is not None and not _is_local(origin)


def _is_local(address: str) -> bool:
    try:
        name = urlsplit(address).hostname or ""
        return name == "localhost" or name.endswith(".localhost") or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
