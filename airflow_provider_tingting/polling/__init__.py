"""One poll for all campaigns of a connection that a process waits for. Asyncio, no Airflow.

```python
async with shared_poller("tingting_default", connect) as poller:
    observation = await poller.wait(WaitPlan(79), logger)
```

`poller` schedules and sends the reads, `subscriber` is one wait, `shared_client` holds the one client,
`list_strategy` decides what to read from the campaign list, `due_queue` holds what is due when, `registry` shares
the poller, `finished` finds campaigns that have ended.
"""

from airflow_provider_tingting.polling.poller import Poller
from airflow_provider_tingting.polling.registry import shared_poller

__all__ = ["Poller", "shared_poller"]
