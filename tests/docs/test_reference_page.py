"""The reference page holds every class that a DAG author may use."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest
from support.airflow_home import CHECKOUT

ROOMS = ["hooks", "links", "operators", "sensors", "triggers", "notifications", "decorators"]
PAGE = (CHECKOUT / "docs" / "reference.md").read_text()
SHOWN = set(re.findall(r"^\.\. automodule:: (\S+)", PAGE, re.MULTILINE))


def public_classes():
    for room in ROOMS:
        if not (CHECKOUT / "airflow_provider_tingting" / room).exists():
            continue
        package = importlib.import_module(f"airflow_provider_tingting.{room}")
        for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            module = importlib.import_module(found.name)
            for name, value in vars(module).items():
                own = isinstance(value, type) and value.__module__ == module.__name__
                if own and name.startswith("TingTing") and not name.startswith("TingTingBase"):
                    yield value


@pytest.mark.parametrize("cls", list(public_classes()), ids=lambda cls: cls.__name__)
def test_the_class_is_on_the_page_and_says_what_it_is_for(cls):
    assert cls.__module__ in SHOWN
    assert cls.__doc__
