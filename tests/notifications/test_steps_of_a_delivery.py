"""What a delivery sends to TingTing, whom it calls and when; in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from support.notice_account import FIRST, SECOND, THIRD, NoticeAccount, notice, numbers, refused
from support.scripted_server import BEGINS

from airflow_provider_tingting.api.models import Contact, Dashboard, Page
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingConfigError,
    TingTingNotFoundError,
    TingTingRefusedError,
    TingTingServerError,
)
from airflow_provider_tingting.notifications.deliver import deliver
from airflow_provider_tingting.notifications.notification import (
    QuietHours,
)

# -- what is sent ------------------------------------------------------------------------------------------------------


def test_a_call_has_the_accounts_first_caller_number_and_its_first_voice() -> None:
    account = NoticeAccount()

    assert account.run(deliver(notice())) == (1,)
    assert account.called == [(FIRST, "PHONE")]
    made = account.created[1]
    assert made.pop("description").endswith("A notification from Airflow.")
    assert made == {"name": "Airflow a dag 01234567", "services": "PHONE", "user_phone": [3], "message": "Look."}
    assert account.messages[1] == {"voice": 5, "category": "Text", "message": "Look."}


def test_a_call_with_an_sms_has_both_texts() -> None:
    account = NoticeAccount()

    account.run(deliver(notice(services="SMS & PHONE")))

    assert account.called == [(FIRST, "SMS & PHONE")]
    assert account.created[1]["sms_message"] == "Look."
    assert account.messages[1] == {"voice": 5, "category": "Text", "message": "Look.", "sms_message": "Look."}


def test_an_sms_needs_no_voice() -> None:
    account = NoticeAccount()

    account.run(deliver(notice(services="SMS")))

    assert account.called == [(FIRST, "SMS")]
    assert account.created[1]["sms_message"] == "Look."
    assert not account.sent("list_voice_models", "set_campaign_message")


def test_a_given_caller_number_and_a_given_voice_are_used() -> None:
    account = NoticeAccount()

    account.run(deliver(notice(user_phone=(8, 9), voice="Binod")))

    assert account.created[1]["user_phone"] == [8, 9]
    assert account.messages[1]["voice"] == 6
    assert not account.sent("list_broker_numbers")


@pytest.mark.parametrize("at", [BEGINS + 3600, BEGINS + 3600.25], ids=["full second", "fraction of a second"])
def test_a_call_for_later_has_its_time_with_its_offset_and_is_not_watched(at: float) -> None:
    account = NoticeAccount({FIRST: "unanswered"})

    assert account.run(deliver(notice(FIRST, SECOND, at=at))) == (1,)
    assert account.created[1]["schedule"] == "2026-11-24T04:15:00+00:00"
    assert numbers(account) == [FIRST]
    assert not account.sent("list_contacts")


@pytest.mark.parametrize("credits", [0.5, None], ids=["half a credit", "an unknown balance"])
def test_a_balance_above_zero_or_unknown_lets_the_phone_ring(credits: float | None) -> None:
    account = NoticeAccount(get_dashboard=Dashboard(remaining_credits=credits))

    account.run(deliver(notice()))

    assert numbers(account) == [FIRST]


LACKS: dict[str, tuple[dict[str, Any], str]] = {
    "credits": ({"get_dashboard": Dashboard(remaining_credits=0)}, "The TingTing account has no credits left"),
    "caller numbers": ({"list_broker_numbers": [()]}, "The TingTing account has no caller number"),
    "voices": ({"list_voice_models": [()]}, 'The TingTing account has no voice. Ask TingTing, or use services="SMS".'),
}


@pytest.mark.parametrize(("script", "says"), LACKS.values(), ids=LACKS)
def test_an_account_that_lacks_something_is_named_and_no_campaign_is_created(script: Any, says: str) -> None:
    account = NoticeAccount(**script)

    with pytest.raises(TingTingConfigError) as caught:
        account.run(deliver(notice()))
    assert str(caught.value).startswith(says)
    assert not account.created


# -- who is called, and when -------------------------------------------------------------------------------------------


def test_numbers_are_tried_in_their_order_until_one_is_reached(logged: Callable[[], str]) -> None:
    account = NoticeAccount({FIRST: "unanswered", SECOND: "hungup"})

    assert account.run(deliver(notice(FIRST, SECOND, THIRD))) == (1, 2)
    assert numbers(account) == [FIRST, SECOND]
    said = logged()
    assert "Campaign 1 has not reached 98******01: unanswered" in said
    assert "Campaign 1 has not reached 98******01: trying the next number" in said
    assert "Campaign 2 has reached 98******02: hungup" in said


def test_the_last_number_has_no_next_one(logged: Callable[[], str]) -> None:
    account = NoticeAccount({FIRST: "unanswered"})

    assert account.run(deliver(notice())) == (1,)
    assert "trying the next number" not in logged()


@pytest.mark.parametrize(
    ("wait", "pauses"), [(12.0, [5, 5, 2]), (10.5, [5, 5, 0.5]), (10.0, [5, 5])], ids=["12 s", "10.5 s", "10 s"]
)
def test_a_phone_that_rings_is_watched_exactly_as_long_as_the_next_number_waits(
    wait: float, pauses: list[float], logged: Callable[[], str]
) -> None:
    account = NoticeAccount({FIRST: "ringing"})

    account.run(deliver(notice(escalate_after=wait)))

    assert account.pauses("list_contacts") == pauses
    assert f"has not reached 98******01 within {wait:.0f} s: ringing" in logged()


def test_a_contact_that_is_not_shown_yet_or_cannot_be_read_is_read_again(logged: Callable[[], str]) -> None:
    answers = [
        Page[Contact](count=0, results=[]),
        TingTingServerError("list_contacts", "is down.", status_code=503),
        Page[Contact](count=1, results=[Contact(number=FIRST, status="completed")]),
    ]
    account = NoticeAccount(list_contacts=answers)

    assert account.run(deliver(notice(FIRST, SECOND))) == (1,)
    assert account.pauses("list_contacts") == [5, 5]
    assert "Whether campaign 1 has reached its contact is not known" in logged()


def test_a_campaign_that_a_read_right_after_its_creation_does_not_show_is_read_again_and_run() -> None:
    gone = TingTingNotFoundError("get_campaign", "not found.", status_code=404)
    account = NoticeAccount(get_campaign=[gone, lambda call: account.answer(call)])

    assert account.run(deliver(notice())) == (1,)
    assert numbers(account) == [FIRST]


def test_a_contact_that_is_never_shown_counts_as_not_reached(logged: Callable[[], str]) -> None:
    account = NoticeAccount(list_contacts=Page[Contact](count=0, results=[]))

    assert account.run(deliver(notice(FIRST, SECOND, escalate_after=20))) == (1, 2)
    assert "Campaign 1: whether 98******01 was reached is not known" in logged()


def test_numbers_on_the_do_not_call_list_are_passed_over(logged: Callable[[], str]) -> None:
    account = NoticeAccount({SECOND: "unanswered"})

    account.run(deliver(notice(FIRST, SECOND, THIRD, do_not_call=frozenset({FIRST, THIRD}))))

    assert numbers(account) == [SECOND]
    said = logged()
    assert "98******01 is not notified: it is on the do-not-call list" in said
    assert "trying the next number" not in said


def test_when_all_numbers_are_on_the_do_not_call_list_tingting_is_not_asked() -> None:
    account = NoticeAccount()

    with pytest.raises(TingTingConfigError, match="All numbers of `to` are on the do-not-call list"):
        account.run(deliver(notice(do_not_call=frozenset({FIRST}))))
    assert not account.calls


def delivery_that_refuses(
    *campaigns: int, to: Sequence[str], error: Callable[[str], TingTingAPIError] = refused
) -> NoticeAccount:
    account = NoticeAccount(dict.fromkeys(to, "unanswered"))
    account.script["run_campaign"] = [
        lambda call: error(call.name) if call.campaign_id in campaigns else account.answer(call)
    ]
    return account


@pytest.mark.parametrize("refuses", [(1,), (2,), (1, 2)], ids=["the first", "the second", "both"])
def test_a_number_that_tingting_refuses_does_not_keep_the_others_from_being_called(refuses: tuple[int, ...]) -> None:
    to = (FIRST, SECOND, THIRD)
    account = delivery_that_refuses(*refuses, to=to)

    assert account.run(deliver(notice(*to))) == tuple(one for one in (1, 2, 3) if one not in refuses)
    assert numbers(account) == [number for step, number in enumerate(to, 1) if step not in refuses]
    assert sorted(account.campaigns) == [one for one in (1, 2, 3) if one not in refuses]


def test_a_refusal_of_the_last_number_that_may_be_called_is_raised() -> None:
    account = delivery_that_refuses(1, to=(FIRST, SECOND))

    with pytest.raises(TingTingRefusedError):
        account.run(deliver(notice(FIRST, SECOND, do_not_call=frozenset({SECOND}))))
    assert not account.campaigns


def test_a_rejected_token_ends_the_delivery_at_once() -> None:
    account = delivery_that_refuses(
        1, to=(FIRST, SECOND), error=lambda call: TingTingAuthError(call, "no.", status_code=401)
    )

    with pytest.raises(TingTingAuthError):
        account.run(deliver(notice(FIRST, SECOND)))
    assert len(account.created) == 1


def test_in_silent_quiet_hours_tingting_is_not_asked() -> None:
    account = NoticeAccount()

    assert account.run(deliver(notice(quiet_hours=QuietHours.read(("08:00", "10:00")), in_quiet_hours="silent"))) == ()
    assert not account.calls
