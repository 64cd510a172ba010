"""The connection as URI, JSON and environment variable, each way to write the host, and the clients made from it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.client import AsyncTingTingClient, TingTingClient
from airflow_provider_tingting.errors import TingTingAuthError, TingTingOutcomeUnknownError
from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.sandbox import Sandbox


@pytest.mark.parametrize(
    "written",
    [
        {"host": "http://127.0.0.1:{port}/api/v1/"},
        {"host": "http://127.0.0.1:{port}/api/v1"},
        {"host": "http://127.0.0.1:{port}"},
        {"host": "127.0.0.1:{port}"},
        {"host": " 127.0.0.1:{port}/api/v1/ "},
        {"host": "127.0.0.1", "port": "{port}"},
        {"host": "127.0.0.1", "port": "{port}", "schema": "http"},
        {"host": "localhost:{port}"},
    ],
    ids=lambda parts: " ".join(parts.values()),
)
def test_the_host_may_be_written_in_each_form(
    connection: Callable[..., TingTingHook], sandbox: Sandbox, written: dict[str, str]
) -> None:
    parts: dict[str, Any] = {name: value.replace("{port}", str(sandbox.port)) for name, value in written.items()}
    if "port" in parts:
        parts["port"] = int(parts["port"])

    assert len(connection(password=sandbox.token, **parts).list_voice_models()) == 5


@pytest.mark.parametrize(
    "uri",
    [
        "tingting://:{token}@127.0.0.1:{port}",
        "tingting://:{token}@127.0.0.1:{port}/",
        "tingting://:{token}@127.0.0.1:{port}/api%2Fv1",
        "tingting://:{token}@127.0.0.1:{port}/?timeout=7&rate_limit=50",
        "tingting://:{token}@127.0.0.1:{port}/http",
        "tingting://:{token}@http%3A%2F%2F127.0.0.1%3A{port}%2Fapi%2Fv1%2F/",
    ],
)
def test_the_connection_may_be_a_uri(connection: Callable[..., TingTingHook], sandbox: Sandbox, uri: str) -> None:
    hook = connection(uri.format(token=sandbox.token, port=sandbox.port))

    assert len(hook.list_voice_models()) == 5
    assert hook.settings.timeout == (7 if "timeout" in uri else 60)


def test_the_connection_survives_airflows_own_uri(connection: Callable[..., TingTingHook], sandbox: Sandbox) -> None:
    from airflow.models import Connection

    kept = Connection(
        conn_type="tingting", host=sandbox.base_url, password="a/b:c@d?e=f%", extra={"timeout": 7, "verify": False}
    )
    sandbox.world.rotate_token("a/b:c@d?e=f%")
    hook = connection(kept.get_uri())

    assert (hook.settings.timeout, hook.settings.verify) == (7, False)
    assert len(hook.list_voice_models()) == 5


def test_the_sandboxs_own_connection_is_as_json(connection: Callable[..., TingTingHook], sandbox: Sandbox) -> None:
    hook = connection(sandbox.connection_json())

    assert len(hook.list_voice_models()) == 5
    assert hook.settings.campaign_link(7) == f"{sandbox.root_url}#campaign-7"


def test_the_extras_reach_the_client(connection: Callable[..., TingTingHook], sandbox: Sandbox) -> None:
    hook = connection(host=sandbox.base_url, password=sandbox.token, extra={"timeout": 0.2, "max_retries": 1})
    sandbox.faults.parse("stuck:voices:*")

    with pytest.raises(TingTingOutcomeUnknownError, match="no response came in time"):
        hook.list_voice_models()
    assert len(sandbox.requests) == 2


def test_one_client_lives_as_long_as_the_hook(hook: TingTingHook) -> None:
    assert type(hook.get_conn()) is TingTingClient
    assert hook.get_conn() is hook.get_conn()


def test_a_replaced_token_is_used_after_the_connection_is_forgotten(
    connection: Callable[..., TingTingHook], sandbox: Sandbox
) -> None:
    hook = connection(host=sandbox.base_url, password=sandbox.token)
    hook.list_voice_models()
    sandbox.world.rotate_token("the-new-token")
    connection(host=sandbox.base_url, password="the-new-token")

    with pytest.raises(TingTingAuthError):
        hook.list_voice_models()
    hook.reload_connection()
    assert len(hook.list_voice_models()) == 5
    hook.reload_connection()
    hook.reload_connection()


def test_the_asynchronous_client_works_in_an_event_loop(hook: TingTingHook) -> None:
    async def read() -> tuple[type, int]:
        async with await hook.get_async_conn() as client:
            return type(client), len(await client.send(calls.list_voice_models()))

    assert asyncio.run(read()) == (AsyncTingTingClient, 5)


def test_each_asynchronous_client_is_a_new_one_and_reads_the_connection_again(
    connection: Callable[..., TingTingHook], sandbox: Sandbox
) -> None:
    hook = connection(host=sandbox.base_url, password="the-old-token")

    async def read() -> int:
        async with await hook.get_async_conn() as client:
            return len(await client.send(calls.list_voice_models()))

    with pytest.raises(TingTingAuthError):
        asyncio.run(read())
    connection(host=sandbox.base_url, password=sandbox.token)
    assert asyncio.run(read()) == 5
