"""One poll for all campaigns of a connection that are waited for in a process. Asyncio, no Airflow.

```python
async with shared_hub("tingting_default", connect) as hub:
    seen = await hub.wait(WaitPlan(79), log)
```

`line` holds the one client, `listing` decides what to read from the campaign list and what to believe of it, `hub` lets
the waits share what was read, `registry` lets those who wait share the hub.
"""

from airflow_provider_tingting.hub.hub import Hub
from airflow_provider_tingting.hub.registry import shared_hub

__all__ = ["Hub", "shared_hub"]
