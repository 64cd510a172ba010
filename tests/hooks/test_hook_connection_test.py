"""`test_connection` returns success, or one sentence for each problem, and never raises."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.recording_server import RecordingServer

from airflow_provider_tingting.hooks import tingting as hook_module
from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.sandbox import Sandbox


def _closed_port() -> int:
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        return int(once.getsockname()[1])


@pytest.fixture
def elsewhere() -> Iterator[RecordingServer]:
    """A web server that is not TingTing."""
    with RecordingServer() as running:
        running.always(b"<html><title>Welcome to nginx!</title></html>", Content_Type="text/html")
        yield running


@pytest.fixture
def problems(
    connection: Callable[..., TingTingHook],
    sandbox: Sandbox,
    elsewhere: RecordingServer,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, Callable[[], TingTingHook]]:
    """Everything that may be wrong with a connection, by name, as a hook on it."""

    def fault(text: str) -> TingTingHook:
        sandbox.faults.parse(text)
        return connection(host=sandbox.base_url, password=sandbox.token)

    def stuck() -> TingTingHook:
        monkeypatch.setattr(hook_module, "_TEST_SECONDS", 0.3)
        return fault("stuck:voices:*")

    def elsewhere_saying(content: Any, status: int = 200, **headers: str) -> TingTingHook:
        elsewhere.always(content, status, **headers)
        return connection(host=elsewhere.base_url, password="a-token")

    return {
        "no token": lambda: connection(host=sandbox.base_url),
        "wrong token": lambda: connection(host=sandbox.base_url, password="not-the-token"),
        "wrong path": lambda: connection(host=f"{sandbox.root_url}tingting/v9/", password=sandbox.token),
        "connection refused": lambda: connection(host=f"127.0.0.1:{_closed_port()}", password="a-token"),
        "no such host": lambda: connection(host="https://tingting.invalid", password="a-token"),
        "https where http is": lambda: connection(host=f"https://127.0.0.1:{sandbox.port}", password=sandbox.token),
        "a web page": lambda: elsewhere_saying(b"<title>Welcome to nginx!</title>", Content_Type="text/html"),
        "another API": lambda: elsewhere_saying({"hello": "world"}),
        "a login page": lambda: elsewhere_saying(status=302, content=b"", Location="/login"),
        "down": lambda: fault("503-html:voices:*"),
        "throttled": lambda: fault("429=0.05:voices:*"),
        "cut": lambda: fault("lose-reply:voices:*"),
        "silent": stuck,
        "no connection": lambda: TingTingHook("never_defined"),
        "a wrong extra": lambda: connection(host=sandbox.base_url, password="a-token", extra={"timeout": "soon"}),
        "a wrong host": lambda: connection(host="not a host", password="a-token"),
        "no certificates": lambda: connection(
            host="https://127.0.0.1", password="a-token", extra={"verify": "/nowhere/ca.pem"}
        ),
    }


USEFUL = {
    "no token": r"^This connection has no API token\. Put the token .* in its password",
    "wrong token": r"TingTing refuses the token\. Put a valid API token into the connection's password",
    "wrong path": r"/tingting/v9/ has no TingTing API\. The base URL is usually https://app\.tingting\.io/api/v1/",
    "connection refused": r"be reached: cannot connect to 127\.0\.0\.1:\d+ \(Connection refused\)\. Check the host",
    "no such host": r"cannot be reached: cannot connect to tingting\.invalid \(.+\)\. Check the host",
    "https where http is": r"cannot be reached: cannot connect to 127\.0\.0\.1:\d+ \(.*SSL.*\)",
    "a web page": r"is not TingTing: .* an HTML page titled 'Welcome to nginx!'\. Usual is https",
    "another API": r"is not TingTing: the response does not look like a list_voice_models response",
    "a login page": r"is not TingTing: redirected to /login\. Usual is https",
    "down": r"answers with HTTP 503: an HTML page titled 'Service Unavailable'\. TingTing may be down",
    "throttled": r"HTTP 429.*throttled.*rate_limit",
    "cut": r"was reached, but the connection broke off before the whole response came",
    "silent": r"was reached, but no response came in time \(.+\)\. Check the port",
    "no connection": "never_defined",
    "a wrong extra": r"Extra 'timeout' of this connection must be a number above 0",
    "a wrong host": r"The host of this connection is not a web address\. Write it like https",
    "no certificates": r"There are no CA certificates at /nowhere/ca\.pem",
}


@pytest.mark.parametrize("problem", USEFUL)
def test_each_problem_with_a_connection_has_a_useful_sentence(
    problems: dict[str, Callable[[], TingTingHook]], problem: str
) -> None:
    works, message = problems[problem]().test_connection()

    assert works is False
    assert re.search(USEFUL[problem], message), message
    assert len(message) < 400


def test_no_two_problems_have_the_same_sentence(
    problems: dict[str, Callable[[], TingTingHook]], sandbox: Sandbox
) -> None:
    messages = {}
    for name, problem in problems.items():
        sandbox.faults.clear()
        messages[name] = problem().test_connection()[1]

    assert len(set(messages.values())) == len(USEFUL) == len(messages)


def test_a_working_connection_is_tested_by_one_free_read(hook: TingTingHook, sandbox: Sandbox) -> None:
    assert hook.test_connection() == (True, f"TingTing answers at {sandbox.base_url} and knows 5 voices.")
    assert [(entry.method, entry.call) for entry in sandbox.requests] == [("GET", "list_voice_models")]


def test_the_test_ends_soon_whatever_the_connections_timeout_is(
    connection: Callable[..., TingTingHook], sandbox: Sandbox
) -> None:
    sandbox.faults.parse("503-html:voices:*")
    hook = connection(host=sandbox.base_url, password=sandbox.token, extra={"max_retries": 50, "timeout": 900})

    assert hook.test_connection()[0] is False
    assert len(sandbox.requests) == 1
    assert hook_module._TEST_SECONDS <= 20


def test_airflows_own_button_shows_the_same_sentences(sandbox: Sandbox) -> None:
    from airflow.models import Connection

    def ask(token: str) -> tuple[bool, str]:
        kept = Connection(conn_id="pressed", conn_type="tingting", host=sandbox.base_url, password=token)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_PRESSED", kept.get_uri())
            return kept.test_connection()  # type: ignore[no-any-return]

    assert ask(sandbox.token) == (True, f"TingTing answers at {sandbox.base_url} and knows 5 voices.")
    assert ask("not-the-token")[0] is False
    assert "TingTing refuses the token" in ask("not-the-token")[1]
