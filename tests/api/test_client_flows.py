"""A flow is written once and run by either client; many threads and tasks share one client."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.both_clients import Connect
from support.recording_server import RecordingServer, Reply

from airflow_provider_tingting.api import TingTingClient, calls
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.api.protocol import Call, Flow, Pause, Request
from airflow_provider_tingting.errors import (
    TingTingConfigError,
    TingTingNeverSentError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
)
from airflow_provider_tingting.sandbox import Sandbox

NOWHERE = "http://127.0.0.1:9/api/v1/"


# -- without a network: what is sent is decided by the test ------------------------------------------------------------


@pytest.fixture
def drive(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`drive(flow, answers)` plays TingTing: each call gets the next answer, or has it raised."""

    def drive(flow: Flow[Any], answers: list[Any]) -> tuple[Any, list[Any]]:
        client, asked, left = connect(NOWHERE), [], list(answers)

        def answer(call: Call[Any]) -> Any:
            asked.append(call.name)
            answer = left.pop(0)
            if isinstance(answer, BaseException):
                raise answer
            return answer

        async def answer_later(call: Call[Any]) -> Any:
            return answer(call)

        monkeypatch.setattr(client.itself, "send", answer if client.kind == "sync" else answer_later)
        return run_flow(client, flow), asked

    return drive


def call(name: str) -> Call[Any]:
    return Call(name, Request("GET", f"{name}/"), lambda content: content)


def test_each_call_gets_its_result_and_the_flow_returns_its_own(drive: Any) -> None:
    async def flow() -> str:
        first = await call("first")
        second = await call("second")
        return f"{first} and {second}"

    assert drive(flow(), [1, 2]) == ("1 and 2", ["first", "second"])


def test_an_error_is_raised_where_the_call_is_awaited_and_may_be_handled(drive: Any) -> None:
    async def flow() -> Any:
        try:
            await call("create")
        except TingTingOutcomeUnknownError as error:
            found = await call("find")
            return found, error.call
        raise AssertionError("the error was swallowed")

    outcome = drive(flow(), [TingTingOutcomeUnknownError("create", "cut"), 79])
    assert outcome == ((79, "create"), ["create", "find"])


@pytest.mark.parametrize("error", [TingTingNotFoundError("get", "none"), TingTingConfigError("not usable")])
def test_an_error_that_is_not_handled_ends_the_flow(drive: Any, error: Exception) -> None:
    tidied: list[str] = []

    async def flow() -> None:
        try:
            await call("get")
        finally:
            tidied.append("yes")

    with pytest.raises(type(error)):
        drive(flow(), [error])
    assert tidied == ["yes"]


def test_a_flow_is_closed_when_something_else_stops_the_client(drive: Any) -> None:
    tidied: list[str] = []

    async def flow() -> None:
        try:
            await call("get")
        except Exception:
            tidied.append("taken for an answer")
        finally:
            tidied.append("closed")

    with pytest.raises(KeyboardInterrupt):
        drive(flow(), [KeyboardInterrupt()])
    assert tidied == ["closed"]


def test_a_pause_sleeps_and_returns_nothing(drive: Any) -> None:
    async def flow() -> list[Any]:
        return [await Pause(0.15), await call("get"), await Pause(0), await Pause(-1)]

    began = time.monotonic()
    assert drive(flow(), ["answer"]) == ([None, "answer", None, None], ["get"])
    assert time.monotonic() - began >= 0.15


def test_a_flow_of_nothing_has_its_outcome_at_once(drive: Any) -> None:
    async def flow() -> int:
        return 7

    assert drive(flow(), []) == (7, [])


def test_a_handled_error_does_not_leak_into_the_next_result(drive: Any) -> None:
    async def flow() -> list[str]:
        results = []
        for name in ("a", "b", "c"):
            try:
                results.append(await call(name))
            except TingTingNotFoundError:
                results.append("missing")
        return results

    missing = TingTingNotFoundError("b", "none")
    assert drive(flow(), [1, missing, None])[0] == [1, "missing", None]


# -- over the wire -----------------------------------------------------------------------------------------------------


def test_a_flow_over_the_wire_has_the_retries_of_each_call(connect: Connect, sandbox: Sandbox) -> None:
    async def create_and_find() -> tuple[int, ...]:
        try:
            await calls.create_campaign(name="Dashain", services="PHONE", user_phone=[3], message="m")
        except TingTingOutcomeUnknownError:
            await Pause(0.01)
        page = await calls.list_campaigns(search="Dashain")
        return tuple(campaign.id for campaign in page.results)

    sandbox.faults.parse("lose-reply:create")
    sandbox.faults.parse("503-html:list:2")

    assert run_flow(connect(sandbox), create_and_find()) == (1,)
    assert [entry.call for entry in sandbox.requests] == ["create_campaign", *["list_campaigns"] * 3]


def test_what_cannot_be_sent_at_all_is_thrown_in_too(connect: Connect, sandbox: Sandbox) -> None:
    async def flow() -> str:
        try:
            await calls.add_contact(1, "9841234567", {"amount": object()})
        except TingTingConfigError as error:
            return str(error)
        return "sent"

    assert "cannot be written as JSON" in run_flow(connect(sandbox), flow())
    assert not sandbox.requests


def test_a_flow_after_one_that_failed_is_as_good_as_new(connect: Connect, sandbox: Sandbox) -> None:
    client = connect(sandbox)

    async def fails() -> None:
        await calls.get_campaign(4711)

    async def works() -> int:
        return len(await calls.list_voice_models())

    with pytest.raises(TingTingNotFoundError):
        run_flow(client, fails())
    assert run_flow(client, works()) == 5


# -- many at once ------------------------------------------------------------------------------------------------------


@pytest.fixture
def shared(sandbox: Sandbox) -> Iterator[TingTingClient]:
    with TingTingClient(sandbox.token, base_url=sandbox.base_url, timeout=10.0) as client:
        yield client


def test_eight_threads_share_one_client(shared: TingTingClient, sandbox: Sandbox) -> None:
    campaign = shared.send(calls.create_campaign(name="Dashain", services="PHONE", user_phone=[3], message="m"))
    numbers = [f"98412{digits:05}" for digits in range(24)]

    def add_and_read(number: str) -> str:
        added = shared.send(calls.add_contact(campaign.id, number, {"own": number}))
        assert added.message == "New Contact added"
        (contact,) = [row for row in shared.iterate(calls.list_contacts(campaign.id)) if row.number == number]
        return shared.send(calls.get_contact_attributes(contact.id or 0))["own"]  # type: ignore[no-any-return]

    with ThreadPoolExecutor(8) as pool:
        # Each thread must get its own answers, not those of another.
        assert list(pool.map(add_and_read, numbers)) == numbers
    assert sandbox.ledger.times_called("add_contact") == 24
    assert {contact.number for contact in sandbox.world.campaign(campaign.id).contacts.values()} == set(numbers)


def test_eight_threads_find_the_other_way_together_and_keep_it(server: RecordingServer) -> None:
    def reply(received: Any) -> Reply:
        if "x-www-form-urlencoded" in received.headers["content-type"]:
            return Reply("https://x.example/a.mp3")
        time.sleep(0.1)
        return Reply(status=500)

    server.reply = reply
    preview = calls.preview_voice(79, voice=1, message="m")
    with TingTingClient("a-token-of-the-tests", base_url=server.base_url) as client:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: client.send(preview), range(8)))
        server.received.clear()
        client.send(preview)
    assert [received.headers["content-type"] for received in server.received] == ["application/x-www-form-urlencoded"]


def test_many_calls_at_once_wait_for_a_free_connection(connect: Connect, sandbox: Sandbox) -> None:
    answers = connect(sandbox).send_all([calls.list_voice_models()] * 60)

    assert [len(voices) for voices in answers] == [5] * 60


def test_the_rate_limit_holds_over_all_threads(sandbox: Sandbox) -> None:
    with TingTingClient(sandbox.token, base_url=sandbox.base_url, rate_limit=25) as client:
        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: client.send(calls.list_voice_models()), range(16)))
    assert time.monotonic() - began >= 15 / 25


def test_a_client_is_closed_with_its_connections(sandbox: Sandbox) -> None:
    client = TingTingClient(sandbox.token, base_url=sandbox.base_url)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.send(calls.list_voice_models()), range(8)))
    client.close()
    client.close()

    # A closed client opens itself again, as one that was never used does.
    assert len(client.send(calls.list_voice_models())) == 5
    client.close()


def test_a_closed_asynchronous_client_opens_itself_again(connect: Connect, sandbox: Sandbox) -> None:
    client = connect(sandbox)
    client.send(calls.list_voice_models())
    done = client.itself.close()
    if done is not None:
        client._loop.run_until_complete(done)  # type: ignore[union-attr]

    assert len(client.send(calls.list_voice_models())) == 5


def test_each_thread_gets_the_error_of_a_server_that_is_gone(connect: Connect) -> None:
    client = connect(NOWHERE, max_retries=0)
    for _ in range(3):
        with pytest.raises(TingTingNeverSentError):
            client.send(calls.list_voice_models())
