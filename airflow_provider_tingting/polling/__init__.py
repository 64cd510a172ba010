"""One poll for all campaigns of a connection that are waited for in a process. Asyncio, no Airflow.

```python
async with shared_hub("tingting_default", connect) as hub:
    seen = await hub.wait(WaitPlan(79), log)
```

`line` holds the one client, `listing` decides what to read from the campaign list and what to believe of it, `hub` lets
the waits share what was read, `registry` lets those who wait share the hub.
"""

from airflow_provider_tingting.polling.poller import Poller
from airflow_provider_tingting.polling.registry import shared_poller

__all__ = ["Poller", "shared_poller"]
