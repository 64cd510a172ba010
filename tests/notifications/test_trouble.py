"""What the notifier does when TingTing refuses, fails or is down."""

from __future__ import annotations

import pytest
from support.notices import FIRST, SECOND, both_ways, dialled

from airflow_provider_tingting.notifications.tingting import TingTingNotifier


def no_credits(sandbox):
    sandbox.world.set_credits(0)


def no_caller(sandbox):
    sandbox.world.callers.clear()


def nothing_wrong(sandbox):
    pass


def other_token(sandbox):
    sandbox.world.rotate_token("another-token")


TROUBLE = {
    "no credits": (no_credits, {}, "no credits left"),
    "no caller number": (no_caller, {}, "no caller number"),
    "a number that is none": (nothing_wrong, {"to": "{{ 12345 }}"}, "no number that can be called"),
    "no such voice": (nothing_wrong, {"voice": "Elvis"}, "'Elvis' does not exist"),
    "no such connection": (nothing_wrong, {"tingting_conn_id": "elsewhere"}, "elsewhere"),
    "a replaced token": (other_token, {}, "valid API token"),
    "a template that fails": (nothing_wrong, {"tingting_conn_id": "{{ 1 / 0 }}"}, "ZeroDivisionError"),
    "a caller number that is none": (nothing_wrong, {"user_phone": 99}, "The notification was not sent"),
}


@both_ways
@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_is_logged_in_a_sentence_and_raises_nothing(trouble, tell, quick, failure, logged):
    cause, arguments, sentence = TROUBLE[trouble]
    cause(quick)
    tell(TingTingNotifier(**{"to": FIRST, **arguments}), failure())
    log = logged()

    assert "The notification was not sent" in log
    assert sentence in log
    assert FIRST not in log
    assert not quick.ledger.dialled


def test_tingting_being_down_raises_nothing(quick, failure, logged, monkeypatch):
    from support.campaigns import connection

    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(quick, max_retries=0))
    with quick.outage():
        TingTingNotifier(to=FIRST)(failure())

    assert "The notification was not sent" in logged()


@pytest.mark.parametrize(
    "fault", ["lose-reply:create", "lose-reply:run", "lose-reply:add", "503-html:create", "500:run", "429=1:create"]
)
def test_a_lost_or_failed_answer_still_phones_once(fault, quick, failure):
    quick.faults.parse(fault)
    TingTingNotifier(to=FIRST)(failure())

    assert dialled(quick) == [("call", FIRST)]


def test_one_number_that_tingting_refuses_does_not_keep_the_next_from_being_called(quick, failure):
    quick.faults.parse("413:add")
    TingTingNotifier(to=[FIRST, SECOND], escalate_after=5)(failure())

    assert dialled(quick) == [("call", SECOND)]


def test_a_campaign_that_could_not_be_run_is_not_left_behind(quick, failure):
    quick.faults.parse("413:run")
    TingTingNotifier(to=FIRST)(failure())
    assert not quick.world.campaigns

    TingTingNotifier(to=FIRST)(failure())
    assert dialled(quick) == [("call", FIRST)]
