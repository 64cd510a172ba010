"""One poll for all campaigns of a connection that a process waits for. Asyncio, no Airflow.

```python
async with shared_poller("tingting_default", connect) as poller:
    observation = await poller.wait(WaitPlan(79), logger)
```

`poller` schedules and sends the reads, `subscriber` is one wait, `shared_client` holds the one client,
`list_strategy` decides what to read from the campaign list, `due_queue` holds what is due when, `finished` finds
campaigns that have ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from airflow_provider_tingting.polling.poller import Poller
from airflow_provider_tingting.polling.shared_client import Connect

__all__ = ["Poller", "shared_poller"]

# By event loop, because a client belongs to one; the pollers of a loop that is gone go with it.
_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Poller]] = WeakKeyDictionary()
_users: WeakKeyDictionary[Poller, int] = WeakKeyDictionary()


@asynccontextmanager
async def shared_poller(key: Hashable, connect: Connect) -> AsyncIterator[Poller]:
    """Yield the poller of this key and event loop; the last user to leave closes it.

    :param key: what the users have in common: the connection's id.
    :param connect: reads the connection and returns a new client. The poller calls it at its first request, and again
        when the token is rejected.
    """
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    poller = pollers.get(key)
    if poller is None:
        poller = pollers[key] = Poller(connect)
    _users[poller] = _users.get(poller, 0) + 1
    try:
        yield poller
    finally:
        _users[poller] -= 1
        if not _users[poller]:
            del pollers[key]
            await poller.close()
