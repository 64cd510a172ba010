"""Keeps other web sites out of the sandbox's controls and lists, which ask for no token. Standard library only.

A page that a developer has open somewhere may send requests to this machine, too: without being able to read the
answer, or, if its name is made to lead here, as if it were the sandbox's own page.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from airflow_provider_tingting.sandbox.asgi import Scope

_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})


def comes_from_elsewhere(scope: Scope) -> bool:
    """Whether a browser sends this for another web site, or under a name that is not this machine's."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get(b"host")
    if host and not _is_here(f"//{host}"):
        return True
    if scope["method"] in _CHANGES_NOTHING:
        return False
    # A browser's own word, which no page can change; an old browser says only whose page it is.
    site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
    return site == "cross-site" if site else origin is not None and not _is_here(origin)


def _is_here(address: str) -> bool:
    try:
        name = urlsplit(address).hostname or ""
        return name == "localhost" or name.endswith(".localhost") or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
