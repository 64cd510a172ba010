"""A demo call that certainly was not made: a later try makes it, and no text says that it may have rung."""

from __future__ import annotations

from datetime import datetime

import pytest
from durability.in_process import Store, once
from support.campaigns import NUMBERS, a_campaign, connection, writes

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingRateLimitedError, TingTingRefusedError
from airflow_provider_tingting.operators.preview import TingTingDemoCallOperator
from airflow_provider_tingting.timezones import NEPAL

pytestmark = pytest.mark.usefixtures("tingting_conn", "virtual_time")

RETRIED = {"try_number": 2}
CLEARED = {"try_number": 2, "cleared_after": 1}
AT_THREE = datetime(2026, 11, 24, 3, tzinfo=NEPAL).timestamp()
AT_NINE = datetime(2026, 11, 24, 9, tzinfo=NEPAL).timestamp()


@pytest.fixture
def contact(sandbox):
    return min(sandbox.world.campaigns[a_campaign(sandbox)].contacts)


def rings(sandbox):
    return dict(sandbox.ledger.times_dialled(channel="demo"))


def refused(sandbox, monkeypatch, contact, store):
    """A first try with a token that is refused; the token is right afterwards."""
    with monkeypatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, password="a-token-of-yesterday"))
        with pytest.raises(AirflowFailException) as raised:
            once(lambda: calling(contact), store=store)
    return str(raised.value)


def calling(contact, **changes):
    return TingTingDemoCallOperator(task_id="demo", contact_id=contact, **changes)


@pytest.mark.parametrize("later", [RETRIED, CLEARED], ids=["retried", "cleared"])
def test_a_call_that_was_refused_is_made_by_the_next_try(sandbox, monkeypatch, contact, later):
    store = Store()
    refused(sandbox, monkeypatch, contact, store)

    assert once(lambda: calling(contact), store=store, **later)["called"] is True

    assert rings(sandbox) == {NUMBERS[0]: 1}
    assert once(lambda: calling(contact), store=store, try_number=3, cleared_after=2)["called"] is False


def test_without_a_store_a_refusal_says_that_no_contact_was_called_and_how_to_call(sandbox, monkeypatch, contact):
    said = refused(sandbox, monkeypatch, contact, None)

    assert f"Contact {contact} was not called" in said
    assert 'set on_clear="send_again" and clear the task' in said
    assert once(lambda: calling(contact, on_clear="send_again"), store=None, **CLEARED)["called"] is True
    assert rings(sandbox) == {NUMBERS[0]: 1}


def test_a_task_that_was_cleared_when_the_window_is_open_makes_the_call(sandbox, virtual_time, contact):
    store, hour = Store(), {"calling_window": ("08:00", "20:00")}
    virtual_time.set_wall_clock(AT_THREE)
    with pytest.raises(
        AirflowFailException,
        match=r"outside the calling window.*No contact was called. Clear this task after that time",
    ):
        once(lambda: calling(contact, **hour), store=store)

    virtual_time.set_wall_clock(AT_NINE)
    assert once(lambda: calling(contact, **hour), store=store, **CLEARED)["called"] is True

    assert rings(sandbox) == {NUMBERS[0]: 1}


def test_without_a_store_the_text_about_the_hour_names_the_only_way_that_calls(virtual_time, contact):
    virtual_time.set_wall_clock(AT_THREE)

    with pytest.raises(AirflowFailException, match=r'No contact was called\..*set on_clear="send_again"') as raised:
        once(lambda: calling(contact, calling_window=("08:00", "20:00")), store=None)

    assert "Clear this task after that time" not in str(raised.value)


def test_an_entry_that_is_gone_never_rings_twice(sandbox, contact):
    store = Store()
    once(lambda: calling(contact), store=store)
    store.clear()

    assert once(lambda: calling(contact), store=store, **CLEARED)["called"] is False
    assert rings(sandbox) == {NUMBERS[0]: 1}


@pytest.mark.parametrize("has_store", [True, False], ids=["state store", "no store"])
def test_a_connection_that_could_not_be_read_does_not_count_as_a_call(sandbox, monkeypatch, contact, has_store):
    store = Store() if has_store else None
    with monkeypatch.context() as patch:
        patch.delenv("AIRFLOW_CONN_TINGTING_DEFAULT")
        with pytest.raises(Exception, match="tingting_default") as raised:
            once(lambda: calling(contact), store=store)

    if has_store:
        assert not isinstance(raised.value, AirflowFailException)
        assert once(lambda: calling(contact), store=store, **RETRIED)["called"] is True
        assert rings(sandbox) == {NUMBERS[0]: 1}
    else:
        assert f"Contact {contact} was not called" in str(raised.value)


@pytest.mark.parametrize("has_store", [True, False], ids=["state store", "no store"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_server_that_asks_to_slow_down_is_waited_for_within_the_try(sandbox, contact, has_store, times):
    sandbox.faults.add("429", call="demo_call", times=times, value=0.01)

    assert once(lambda: calling(contact), store=Store() if has_store else None)["called"] is True

    assert writes(sandbox) == ["demo_call"] * (times + 1)
    assert rings(sandbox) == {NUMBERS[0]: 1}


def test_a_server_that_goes_on_asking_to_slow_down_is_left_to_the_retry(sandbox, contact):
    store = Store()
    sandbox.faults.add("429", call="demo_call", times="*", value=0.01)
    with pytest.raises(TingTingRateLimitedError):
        once(lambda: calling(contact), store=store)
    with pytest.raises(AirflowFailException, match=f"Contact {contact} was not called"):
        once(lambda: calling(contact), store=None)
    sandbox.faults.clear()

    assert once(lambda: calling(contact), store=store, **RETRIED)["called"] is True
    assert rings(sandbox) == {NUMBERS[0]: 1}


@pytest.mark.parametrize("has_store", [True, False], ids=["state store", "no store"])
def test_a_request_that_never_left_is_sent_again_within_the_try(sandbox, monkeypatch, contact, has_store):
    """TingTing cannot be reached at the first request, and can at the second."""
    from airflow_provider_tingting.api.client import TingTingClient
    from airflow_provider_tingting.errors import TingTingNeverSentError

    send_really, failed = TingTingClient.send, []

    def send(self, call):
        if call.name == "demo_call" and not failed:
            failed.append(call)
            raise TingTingNeverSentError("demo_call", "connection refused.")
        return send_really(self, call)

    monkeypatch.setattr(TingTingClient, "send", send)

    assert once(lambda: calling(contact), store=Store() if has_store else None)["called"] is True
    assert rings(sandbox) == {NUMBERS[0]: 1}


def test_a_plain_refusal_is_not_sent_again(sandbox, contact):
    sandbox.faults.add("413", call="demo_call", times="*")

    with pytest.raises((AirflowFailException, TingTingRefusedError)):
        once(lambda: calling(contact), store=Store())

    assert writes(sandbox) == ["demo_call"]
