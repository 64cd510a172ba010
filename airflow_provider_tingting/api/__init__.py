"""A client for the TingTing Campaign API, for any Python program.

```python
from airflow_provider_tingting.api import TingTingClient, calls

with TingTingClient(token="...") as client:
    for campaign in client.iterate(calls.list_campaigns(status="Running")):
        print(campaign.id, campaign.name, campaign.progress_percent)
```

Every endpoint is a function in `calls` that returns a `Call`: plain data. `TingTingClient` (requests) and
`AsyncTingTingClient` (httpx) send it. `run_flow` and `run_flow_async` run a sequence of calls with
one. Names are imported on first use, so that importing a model does not import the clients.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_tingting.api import calls
    from airflow_provider_tingting.api.client import AsyncTingTingClient, TingTingClient
    from airflow_provider_tingting.api.driver import run_flow, run_flow_async

__all__ = ["AsyncTingTingClient", "TingTingClient", "calls", "run_flow", "run_flow_async"]

_MODULES = {
    "AsyncTingTingClient": "client",
    "TingTingClient": "client",
    "run_flow": "driver",
    "run_flow_async": "driver",
}


def __getattr__(name: str) -> Any:
    if name == "calls":
        return import_module("airflow_provider_tingting.api.calls")
    if name in _MODULES:
        return getattr(import_module(f"airflow_provider_tingting.api.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
