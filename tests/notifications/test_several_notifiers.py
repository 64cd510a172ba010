"""Several notifiers of the same notification: one of them calls, and another takes its place only when it has died."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.notice_account import FIRST, SECOND, THIRD, NoticeAccount, claim, notice, numbers, refused
from support.scripted_server import BEGINS

from airflow_provider_tingting.errors import (
    TingTingRefusedError,
    TingTingServerError,
)
from airflow_provider_tingting.notifications import dedupe
from airflow_provider_tingting.notifications import deliver as deliver_module
from airflow_provider_tingting.notifications.deliver import ESCALATION_GRACE, MAX_CLAIMS, ClaimLostError, deliver
from airflow_provider_tingting.notifications.notification import (
    LEASE,
    LEASE_MARGIN,
)


@pytest.fixture(autouse=True)
def few_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait of minutes takes no time here; but fewer reads of it are enough."""
    monkeypatch.setattr(dedupe, "RUN_POLL_INTERVAL", 10.0)


# -- once within the cooldown ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cooldown", "reads"), [(0.0, 0), (1.0, 2)], ids=["no cooldown", "a cooldown of a second"])
def test_earlier_notifications_are_looked_for_only_with_a_cooldown(cooldown: float, reads: int) -> None:
    account = NoticeAccount()

    account.run(deliver(notice(cooldown=cooldown)))

    assert len(account.sent("list_campaigns")) == reads
    assert numbers(account) == [FIRST]


def test_a_notification_that_was_delivered_is_not_sent_again_and_the_log_says_until_when(
    logged: Callable[[], str],
) -> None:
    account = NoticeAccount()
    claim(account, ago=60)

    assert account.run(deliver(notice())) == ()
    assert account.sent() == ["list_campaigns"]
    assert "Campaign 1 has delivered this notification: it is not sent again before 2026-11-24 03:44:00 UTC" in logged()


ABANDONED_AFTER = 120.0 + ESCALATION_GRACE


@pytest.mark.parametrize(
    ("step", "ago", "contact", "then"),
    [
        (0, ABANDONED_AFTER, "unanswered", []),
        (0, ABANDONED_AFTER + 1, "unanswered", [SECOND, THIRD]),
        (0, ABANDONED_AFTER + 1, "ringing", [SECOND, THIRD]),
        (0, ABANDONED_AFTER + 1, "completed", []),
        (1, ABANDONED_AFTER + 1, "unanswered", [THIRD]),
        (2, ABANDONED_AFTER + 1, "unanswered", []),
    ],
    ids=[
        "its notifier may be about to",
        "its notifier has not",
        "its phone still rings",
        "it was reached",
        "it was the second",
        "it was the last",
    ],
)
def test_the_next_number_is_called_when_the_notifier_of_the_one_before_has_not_called_it(
    step: int, ago: float, contact: str, then: list[str]
) -> None:
    account = NoticeAccount({SECOND: "unanswered"})
    everyone = (FIRST, SECOND, THIRD)
    claim(account, *everyone, step=step, ago=ago, contact=contact)

    account.run(deliver(notice(*everyone)))

    assert numbers(account) == then
    # The contact is looked at once, and not before its notifier has had its time.
    sent = account.sent("list_contacts", "create_campaign")
    is_over = ago > ABANDONED_AFTER and step < 2
    assert sent[:2] == ["list_contacts", "create_campaign"] if then else sent == ["list_contacts"] * is_over
    assert account.times[len(account.sent()) - 1 if not then else account.sent().index("create_campaign")] == BEGINS


def test_of_two_claims_on_a_number_the_lower_one_counts() -> None:
    account = NoticeAccount()
    claim(account, ago=20)
    claim(account, ago=10, status="Not Started")

    assert account.run(deliver(notice())) == ()
    assert account.now == BEGINS
    assert numbers(account) == []


def test_the_claim_of_a_notifier_that_has_died_is_deleted_although_an_old_list_still_shows_it() -> None:
    account = NoticeAccount()
    ghost = account.campaigns[claim(account, ago=10, status="Not Started")]

    def old_list(call: Any) -> Any:
        page = account.answer(call)
        return page.model_copy(update={"results": [*(row for row in page.results if row.id != ghost.id), ghost]})

    account.script["list_campaigns"] = [old_list]

    assert account.run(deliver(notice())) == (2,)
    assert numbers(account) == [FIRST]
    assert sorted(account.campaigns) == [2]
    assert account.now - BEGINS < LEASE + 60


# -- two notifiers at once ---------------------------------------------------------------------------------------------


def with_a_faster_one(act: Callable[[NoticeAccount, int], None]) -> NoticeAccount:
    """Let another notifier claim the notification between one's look for claims and one's own claim."""
    account = NoticeAccount({FIRST: "unanswered"})
    claims: list[int] = []

    def create(call: Any) -> Any:
        if not claims:
            claims.append(claim(account, FIRST, SECOND, ago=0, status="Not Started"))
        return account.answer(call)

    def get(call: Any) -> Any:
        if call.campaign_id in claims:
            act(account, call.campaign_id)
        return account.answer(call)

    account.script |= {"create_campaign": [create], "get_campaign": [get]}
    return account


def test_a_notifier_that_was_faster_is_left_to_call_all_numbers() -> None:
    account = with_a_faster_one(lambda account, campaign: account.set_status(campaign, "Running"))

    assert account.run(deliver(notice(FIRST, SECOND))) == ()
    assert numbers(account) == []
    assert sorted(account.campaigns) == [1]


def test_a_faster_notifier_that_gives_up_is_replaced() -> None:
    account = with_a_faster_one(lambda account, campaign: account.campaigns.pop(campaign, None))

    assert account.run(deliver(notice(FIRST))) == (3,)
    assert numbers(account) == [FIRST]
    assert sorted(account.campaigns) == [3]


def test_a_faster_notifier_that_has_died_is_replaced_after_its_lease_even_if_an_old_list_shows_it() -> None:
    account = with_a_faster_one(lambda account, campaign: None)
    shown = account.script["list_campaigns"][0]
    ghosts: dict[int, Any] = {}

    def old_list(call: Any) -> Any:
        ghosts.update({one.id: one for one in account.campaigns.values() if one.id == 1})
        page = shown(call)
        return page.model_copy(update={"results": [*(row for row in page.results if row.id != 1), *ghosts.values()]})

    account.script["list_campaigns"] = [old_list]

    assert account.run(deliver(notice())) == (3,)
    assert numbers(account) == [FIRST]
    assert LEASE <= account.now - BEGINS < LEASE + 150


def test_when_others_cannot_be_looked_for_ones_own_claim_is_taken_back() -> None:
    account = NoticeAccount()
    account.script["list_campaigns"] = [account.answer, refused("list_campaigns")]

    with pytest.raises(TingTingRefusedError):
        account.run(deliver(notice()))
    assert len(account.created) == 1
    assert not account.campaigns


def taking(seconds: float, times: int = 99) -> NoticeAccount:
    """Let it take so long to add a contact."""
    account = NoticeAccount()
    left = [times]

    def add(call: Any) -> Any:
        if left[0]:
            left[0] -= 1
            account.now += seconds
        return account.answer(call)

    account.script["add_contacts"] = [add]
    return account


@pytest.mark.parametrize(
    ("seconds", "ran"), [(LEASE - LEASE_MARGIN - 1, 1), (LEASE - LEASE_MARGIN, 2)], ids=["just within", "just over"]
)
def test_a_campaign_is_run_only_within_its_lease(seconds: float, ran: int) -> None:
    account = taking(seconds, times=1)

    assert account.run(deliver(notice())) == (ran,)
    assert numbers(account) == [FIRST]
    assert sorted(account.campaigns) == [ran]


def test_a_notification_is_claimed_a_few_times_and_then_given_up() -> None:
    account = taking(LEASE)

    with pytest.raises(ClaimLostError, match="was not run before its notifier's lease was over"):
        account.run(deliver(notice()))
    assert len(account.created) == MAX_CLAIMS
    assert numbers(account) == []


def test_when_others_claim_the_notification_again_and_again_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver_module, "MAX_CLAIMS", 2)
    account = NoticeAccount()
    faster: list[int] = []

    def create(call: Any) -> Any:
        faster.append(claim(account, ago=0, status="Not Started"))
        return account.answer(call)

    def get(call: Any) -> Any:
        if call.campaign_id in faster:
            account.campaigns.pop(call.campaign_id, None)
        return account.answer(call)

    account.script |= {"create_campaign": [create], "get_campaign": [get]}

    with pytest.raises(ClaimLostError, match="again and again") as caught:
        account.run(deliver(notice()))
    assert caught.value.campaign_id == 4
    assert not account.campaigns


def test_of_two_other_notifiers_the_one_with_the_lowest_campaign_is_waited_for() -> None:
    account = NoticeAccount()
    first, _ = claim(account, status="Not Started"), claim(account, status="Not Started")

    def read(call: Any) -> Any:
        account.set_status(first, "Running")
        return account.answer(call)

    account.script["get_campaign"] = [read]

    assert account.run(deliver(notice())) == ()
    assert not account.sent("create_campaign", "delete_campaign", "run_campaign")


def test_a_campaign_that_another_notifier_deletes_is_claimed_again() -> None:
    account = NoticeAccount()

    def add(call: Any) -> Any:
        if call.campaign_id == 1:
            account.campaigns.pop(1)
        return account.answer(call)

    account.script["add_contacts"] = [add]

    assert account.run(deliver(notice())) == (2,)
    assert numbers(account) == [FIRST]


def test_a_campaign_that_is_deleted_while_its_request_is_unanswered_is_claimed_again() -> None:
    account = NoticeAccount()

    def run(call: Any) -> Any:
        if call.campaign_id == 1:
            account.campaigns.pop(1)
            return TingTingServerError(call.name, "is down.", status_code=503)
        return account.answer(call)

    account.script["run_campaign"] = [run]

    assert account.run(deliver(notice())) == (2,)
    assert numbers(account) == [FIRST]


def test_a_campaign_whose_request_stays_unanswered_is_deleted_before_another_takes_its_place() -> None:
    account = NoticeAccount(run_campaign=TingTingServerError("run_campaign", "is down.", status_code=503))

    with pytest.raises(ClaimLostError):
        account.run(deliver(notice()))
    assert sorted(account.campaigns) == [MAX_CLAIMS]
