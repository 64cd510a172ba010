"""The reference page holds every class that a DAG author may use."""

from __future__ import annotations

import re

import pytest
from support.airflow_home import CHECKOUT
from support.public_classes import public_classes

ROOMS = ["hooks", "links", "operators", "sensors", "triggers", "notifications", "decorators"]
PAGE = (CHECKOUT / "docs" / "reference.md").read_text()
SHOWN = set(re.findall(r"^\.\. automodule:: (\S+)", PAGE, re.MULTILINE))


@pytest.mark.parametrize("cls", list(public_classes(*ROOMS)), ids=lambda cls: cls.__name__)
def test_the_class_is_on_the_page_and_says_what_it_is_for(cls):
    assert cls.__module__ in SHOWN
    assert cls.__doc__
