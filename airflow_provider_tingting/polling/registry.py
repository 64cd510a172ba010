"""Who shares which hub: one for each event loop and connection, as long as somebody uses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from airflow_provider_tingting.polling.poller import Poller
from airflow_provider_tingting.polling.shared_client import Connect

# By event loop, because a client belongs to one; a loop that is gone takes its hubs with it.
_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Poller]] = WeakKeyDictionary()
_users: WeakKeyDictionary[Poller, int] = WeakKeyDictionary()


@asynccontextmanager
async def shared_poller(key: Hashable, connect: Connect) -> AsyncIterator[Poller]:
    """Give the hub that all who use the same key in this event loop share; the last to leave closes it.

    :param key: what the users have in common: the connection's id.
    :param connect: reads the connection and returns a new client; called by the first user, and later when the token
        is rejected.
    """
    hubs = _hubs.setdefault(asyncio.get_running_loop(), {})
    hub = hubs.get(key)
    if hub is None:
        hub = hubs[key] = Poller(connect)
    _users[hub] = _users.get(hub, 0) + 1
    try:
        yield hub
    finally:
        _users[hub] -= 1
        if not _users[hub]:
            del hubs[key]
            await hub.close()
