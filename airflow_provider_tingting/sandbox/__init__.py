"""A local TingTing sandbox: the API of the API page, a clock that can be pushed forward, and scripted faults.

```python
from airflow_provider_tingting.sandbox import Sandbox

with Sandbox() as sandbox:
    print(sandbox.base_url, sandbox.token)
```

FastAPI and uvicorn are imported when a sandbox starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_tingting.sandbox.dialect import Dialect as Dialect
    from airflow_provider_tingting.sandbox.server import Sandbox as Sandbox
    from airflow_provider_tingting.sandbox.world import World as World

__all__ = ["Dialect", "Sandbox", "World"]

_MODULES = {"Dialect": "dialect", "Sandbox": "server", "World": "world"}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
