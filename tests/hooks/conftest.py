"""A hook on the sandbox, and hooks on connections that a test writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_tingting.hooks.tingting import TingTingHook


@pytest.fixture
def hook(tingting_conn: str) -> TingTingHook:
    return TingTingHook(tingting_conn)


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Callable[..., TingTingHook]:
    """`connection(text)` keeps a connection in the environment and returns a hook on it."""

    def keep(text: str | None = None, **parts: Any) -> TingTingHook:
        value = text if text is not None else json.dumps({"conn_type": "tingting", **parts})
        monkeypatch.setenv("AIRFLOW_CONN_MY_TINGTING", value)
        return TingTingHook("my_tingting")

    return keep
