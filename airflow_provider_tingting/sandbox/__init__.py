"""A TingTing on localhost that ships with the package: the whole API, a world with a clock, scripted faults.

```python
from airflow_provider_tingting.sandbox import Sandbox

with Sandbox() as sandbox:
    print(sandbox.base_url, sandbox.token)
```

Importing this costs nothing: FastAPI and uvicorn are loaded when a sandbox is started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_tingting.sandbox.dialect import Dialect as Dialect
    from airflow_provider_tingting.sandbox.running import Sandbox as Sandbox
    from airflow_provider_tingting.sandbox.world import World as World

__all__ = ["Dialect", "Sandbox", "World"]

_HOMES = {"Dialect": "dialect", "Sandbox": "running", "World": "world"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
