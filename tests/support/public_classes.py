"""The classes that a DAG author may use."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator


def public_classes(*rooms: str) -> Iterator[type]:
    """The provider's own public classes in packages such as `operators`; bases are not public."""
    for room in rooms:
        package = importlib.import_module(f"airflow_provider_tingting.{room}")
        for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            module = importlib.import_module(found.name)
            for name, value in vars(module).items():
                own = isinstance(value, type) and f"{value.__module__}.".startswith(f"{module.__name__}.")
                if own and name.startswith("TingTing") and not name.startswith("TingTingBase"):
                    yield value
