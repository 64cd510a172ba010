"""Writes that must not be carried out twice, the search for a campaign in a large account, and a stop."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from support.scripted_server import BEGINS, ScriptedServer, a_page, pages_of

from airflow_provider_tingting.api import idempotent_writes
from airflow_provider_tingting.api.models import Campaign, MessageResponse, Page
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns import reconcile
from airflow_provider_tingting.campaigns.marker import CampaignSpec, Marker
from airflow_provider_tingting.errors import (
    TingTingConfigError,
    TingTingNeverSentError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingServerError,
    TingTingValidationError,
)

LOST = TingTingOutcomeUnknownError("stop_campaign", "the response was lost.")
GONE = TingTingNotFoundError("delete_campaign", "not found.", status_code=404)
DOWN = TingTingServerError("get_campaign", "down.", status_code=503)
STOPPED = MessageResponse(message="stopped")
NAME = "पानी सूचना"
MARKER = Marker.of(CampaignSpec(NAME, "PHONE", (3,), "नमस्कार"), "dag", "run")


def limited(seconds: float | None, call: str = "run_campaign") -> TingTingRateLimitedError:
    return TingTingRateLimitedError(call, "slowly.", status_code=429, retry_after=seconds)


def shown(status: str, number: int = 7, **fields: object) -> Campaign:
    return Campaign(id=number, status=status, **fields)  # type: ignore[arg-type]


# -- send, check, send again, give up ----------------------------------------------------------------------------------


class Write:
    """A write, its check, and their results."""

    def __init__(self, *answers: object, found: object = None) -> None:
        self.answers = list(answers)
        self.found = found
        self.not_done = 0
        self.checked: list[Exception] = []
        self.server = ScriptedServer()
        self.sent: list[float] = []

    async def send(self) -> str:
        self.sent.append(self.server.now)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    def note_not_done(self) -> None:
        self.not_done += 1

    async def check(self, error: TingTingOutcomeUnknownError) -> str | None:
        self.checked.append(error)
        return self.found  # type: ignore[return-value]

    def run(self) -> str:
        flow = reconcile.reconcile(self.send, check=self.check, not_done=self.note_not_done, pause=10.0)
        return self.server.run(flow)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("answer", "pause"),
    [(TingTingNeverSentError("create_campaign", "no connection."), 10), (limited(None), 10), (limited(42), 42)],
    ids=["never sent", "429", "429 that names a time"],
)
def test_a_write_that_was_certainly_not_carried_out_is_sent_three_times_at_most(
    answer: Exception, pause: float
) -> None:
    write = Write(answer, answer, "done")

    assert write.run() == "done"
    assert [at - write.sent[0] for at in write.sent] == [0, pause, 2 * pause]
    assert write.not_done == 2

    write = Write(answer, answer, answer)
    with pytest.raises(type(answer)):
        write.run()
    assert len(write.sent) == 3
    assert write.not_done == 3


def test_a_429_that_asks_for_more_than_a_minute_is_left_to_the_tasks_retry() -> None:
    assert Write(limited(60), "done").run() == "done"
    write = Write(limited(61), "done")

    with pytest.raises(TingTingRateLimitedError):
        write.run()

    assert len(write.sent) == 1
    assert write.not_done == 1


def test_an_unknown_outcome_is_looked_for_and_not_sent_again_when_it_is_found() -> None:
    write = Write(LOST, found="found")

    assert write.run() == "found"
    assert len(write.sent) == 1
    assert write.checked == [LOST]
    assert write.not_done == 0


def test_the_third_unknown_outcome_is_looked_for_too() -> None:
    write = Write(LOST, LOST, LOST)

    with pytest.raises(TingTingOutcomeUnknownError):
        write.run()
    assert len(write.sent) == 3

    results: list[str | None] = [None, None, "found"]
    write = Write(LOST, LOST, LOST)

    async def check(error: TingTingOutcomeUnknownError) -> str | None:
        return results.pop(0)

    write.check = check  # type: ignore[method-assign]
    assert write.run() == "found"


# -- a write without harm ----------------------------------------------------------------------------------------------


def test_a_pause_that_a_429_asks_for_inside_a_retried_write_is_kept() -> None:
    server = ScriptedServer(stop_campaign=[LOST, limited(42), limited(None), STOPPED])

    with_pauses = idempotent_writes.RETRY_PAUSES
    assert server.run(idempotent_writes.retry_idempotent(reconcile.calls.stop_campaign(7))) is STOPPED
    assert server.pauses("stop_campaign") == [with_pauses[0], 42, with_pauses[2]]


def test_a_retried_write_is_given_up_when_a_429_asks_for_more_than_a_minute() -> None:
    server = ScriptedServer(stop_campaign=[limited(61), STOPPED])

    with pytest.raises(TingTingRateLimitedError):
        server.run(idempotent_writes.retry_idempotent(reconcile.calls.stop_campaign(7)))

    assert len(server.calls) == 1


def test_a_retried_write_is_sent_once_more_after_each_pause() -> None:
    server = ScriptedServer(stop_campaign=LOST)

    with pytest.raises(TingTingOutcomeUnknownError):
        server.run(idempotent_writes.retry_idempotent(reconcile.calls.stop_campaign(7)))

    assert server.pauses("stop_campaign") == list(idempotent_writes.RETRY_PAUSES)


# -- the search for a campaign -----------------------------------------------------------------------------------------


def account(count: int, marked: int | None, name: str = NAME) -> list[Campaign]:
    """Return so many campaigns, newest first; the one at the place `marked` carries the marker."""
    return [
        shown("Not Started", count - place, name=name, description=str(MARKER) if place == marked else "")
        for place in range(count)
    ]


@pytest.mark.parametrize(
    ("place", "thorough", "is_found"),
    [(0, False, True), (199, False, True), (200, False, False), (200, True, True), (999, True, True)],
    ids=["first", "the last that is read", "beyond", "beyond, thorough", "the oldest, thorough"],
)
def test_of_the_campaigns_with_its_name_200_are_read_and_all_of_them_in_a_thorough_search(
    place: int, thorough: bool, is_found: bool
) -> None:
    server = ScriptedServer(list_campaigns=pages_of(account(1000, place)))

    found = server.run(reconcile.find_campaign(NAME, MARKER, thorough=thorough))

    assert (found is not None and found.id == 1000 - place) is is_found
    assert all(call.request.query["search"] == NAME for call in server.calls)


def test_a_short_search_reads_no_more_than_200_campaigns() -> None:
    server = ScriptedServer(list_campaigns=pages_of(account(1000, None)))

    server.run(reconcile.find_campaign(NAME, MARKER))

    assert len(server.calls) == 4


@pytest.mark.parametrize(("place", "is_found"), [(0, True), (199, True), (200, False)])
def test_a_thorough_search_finds_a_renamed_campaign_among_the_200_newest(place: int, is_found: bool) -> None:
    renamed = pages_of(account(1000, place, name="another"))
    server = ScriptedServer(
        list_campaigns=lambda call: a_page() if "search" in call.request.query else renamed(call),
    )

    found = server.run(reconcile.find_campaign(NAME, MARKER, thorough=True))

    assert (found is not None) is is_found


def test_a_thorough_search_finds_a_draft() -> None:
    draft = shown("Not Started", 5, description=str(MARKER), draft=True)
    server = ScriptedServer(list_campaigns=lambda call: a_page(*[draft] * (call.request.query.get("draft") == "true")))

    assert server.run(reconcile.find_campaign(NAME, MARKER, thorough=True)) == draft
    assert server.run(reconcile.find_campaign(NAME, MARKER)) is None


def test_a_thorough_search_finds_a_draft_behind_many_drafts_of_other_names() -> None:
    others = [shown("Not Started", number, draft=True) for number in range(1000, 500, -1)]
    draft = shown("Not Started", 5, description=str(MARKER), draft=True)

    def answer(call: Any) -> Page[Campaign]:
        query = call.request.query
        if "draft" not in query:
            return a_page()
        return pages_of([draft] if query.get("search") == NAME else [*others, draft])(call)

    assert ScriptedServer(list_campaigns=answer).run(reconcile.find_campaign(NAME, MARKER, thorough=True)) == draft


def test_of_campaigns_of_tries_that_have_raced_the_lowest_id_counts(caplog: pytest.LogCaptureFixture) -> None:
    three = [shown("Not Started", number, description=str(MARKER)) for number in (10, 9, 8)]
    server = ScriptedServer(list_campaigns=a_page(*three))

    with caplog.at_level(logging.WARNING):
        assert server.run(reconcile.find_campaign(NAME, MARKER)).id == 8
    assert "8 is used, and not 9 (Not Started), 10 (Not Started)" in caplog.text


def test_of_campaigns_of_tries_that_have_raced_one_that_has_begun_counts_before_a_lower_id() -> None:
    listed = [
        shown(status, number, description=str(MARKER)) for status, number in (("Running", 10), ("Not Started", 9))
    ]
    server = ScriptedServer(list_campaigns=a_page(*listed))

    assert server.run(reconcile.find_campaign(NAME, MARKER)).id == 10


def test_of_several_generations_the_newest_counts_and_of_that_the_lowest_id() -> None:
    markers = {
        number: f"[airflow:{MARKER.key}.{rank}/{MARKER.fingerprint}]" for number, rank in ((5, 0), (8, 4), (9, 4))
    }
    server = ScriptedServer(
        list_campaigns=a_page(*(shown("Not Started", number, description=text) for number, text in markers.items()))
    )

    assert server.run(reconcile.find_campaign(NAME, MARKER.any_generation())).id == 8
    assert server.run(reconcile.find_campaign(NAME, MARKER)).id == 5


def test_a_campaign_that_may_be_on_its_way_is_looked_for_in_growing_pauses() -> None:
    late = shown("Not Started", 5, description=str(MARKER))
    server = ScriptedServer(list_campaigns=lambda call: a_page(*[late] * (server.now >= BEGINS + 10)))

    assert server.run(reconcile.find_after_unknown(NAME, MARKER)) == late
    assert server.calls[0].request.query["search"] == NAME
    assert server.now == BEGINS + 10

    # It may have been renamed, or be a draft.
    server = ScriptedServer(list_campaigns=lambda call: a_page(*[late] * ("search" not in call.request.query)))
    assert server.run(reconcile.find_after_unknown(NAME, MARKER)) == late

    server = ScriptedServer(list_campaigns=lambda call: a_page())
    assert server.run(reconcile.find_after_unknown(NAME, MARKER)) is None
    assert server.now == BEGINS + sum(idempotent_writes.RETRY_PAUSES)


# -- stop and delete ---------------------------------------------------------------------------------------------------


def stopped(server: ScriptedServer) -> str:
    return server.run(reconcile.stop(7))  # type: ignore[no-any-return]


def test_a_stop_that_is_accepted_and_carried_out_is_for_good() -> None:
    assert stopped(ScriptedServer(stop_campaign=STOPPED, get_campaign=shown("Terminated"))) == (
        "Campaign 7 was stopped for good."
    )


def test_a_stop_that_shows_a_moment_later_is_one() -> None:
    server = ScriptedServer(
        stop_campaign=STOPPED, get_campaign=[shown("Running"), shown("Running"), shown("Terminated")]
    )

    assert "was stopped for good" in stopped(server)
    assert server.pauses("get_campaign") == list(idempotent_writes.RETRY_PAUSES[:2])


def test_a_stop_that_is_accepted_and_not_carried_out_is_not_called_one() -> None:
    server = ScriptedServer(stop_campaign=STOPPED, get_campaign=shown("Running"))

    said = stopped(server)

    assert "accepted the request to stop campaign 7, but it still is Running" in said
    assert "for good" not in said
    assert len(server.sent("get_campaign")) == 3


def test_a_stop_whose_status_cannot_be_read_is_not_called_one() -> None:
    said = stopped(ScriptedServer(stop_campaign=STOPPED, get_campaign=DOWN))

    assert "its status cannot be read since (TingTingServerError)" in said


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (TingTingNotFoundError("stop_campaign", "not found.", status_code=404), "offers no stop for it. It goes on."),
        (TingTingValidationError("stop_campaign", "no.", status_code=405), "offers no stop for it. It goes on."),
        (TingTingValidationError("stop_campaign", "it is over.", status_code=400), "could not be stopped: it is over."),
        (LOST, "was stopped is unknown (TingTingOutcomeUnknownError)"),
        (TingTingConfigError("no token."), "was stopped is unknown (TingTingConfigError)"),
    ],
    ids=["404", "405", "400", "no response", "another error"],
)
def test_a_stop_that_is_refused_or_unanswered_says_so_and_raises_nothing(answer: Exception, says: str) -> None:
    server = ScriptedServer(stop_campaign=answer, get_campaign=shown("Running"))

    assert says in stopped(server)
    assert server.sent("stop_campaign") == ["stop_campaign"]


def test_the_status_after_a_stop_is_read_no_longer_than_needed() -> None:
    server = ScriptedServer(get_campaign=shown("Completed"))

    assert server.run(reconcile.status_after_stop(7)) is CampaignStatus.COMPLETED
    assert len(server.calls) == 1


def test_a_campaign_that_is_gone_after_an_unanswered_delete_was_deleted() -> None:
    server = ScriptedServer(delete_campaign=[LOST, GONE], get_campaign=GONE)

    server.run(reconcile.delete(7))
    assert server.sent() == ["delete_campaign", "delete_campaign", "get_campaign"]

    with pytest.raises(TingTingNotFoundError):
        ScriptedServer(delete_campaign=GONE, get_campaign=GONE).run(reconcile.delete(7))
    with pytest.raises(TingTingNotFoundError):
        ScriptedServer(delete_campaign=[limited(1), GONE], get_campaign=GONE).run(reconcile.delete(7))


def test_a_delete_is_sent_again_after_a_404_of_a_campaign_that_a_read_shows() -> None:
    server = ScriptedServer(delete_campaign=[GONE, None], get_campaign=shown("Not Started"))

    server.run(reconcile.delete(7))
    assert server.sent() == ["delete_campaign", "get_campaign", "delete_campaign"]

    with pytest.raises(TingTingNotFoundError):
        ScriptedServer(delete_campaign=GONE, get_campaign=shown("Not Started")).run(reconcile.delete(7))


def test_a_delete_is_given_up_after_the_last_pause() -> None:
    server = ScriptedServer(delete_campaign=LOST)
    with pytest.raises(TingTingOutcomeUnknownError):
        server.run(reconcile.delete(7))
    assert server.pauses("delete_campaign") == list(idempotent_writes.RETRY_PAUSES)

    server = ScriptedServer(delete_campaign=limited(7))
    with pytest.raises(TingTingRateLimitedError):
        server.run(reconcile.delete(7))
    assert server.pauses("delete_campaign") == [7] * len(idempotent_writes.RETRY_PAUSES)


def test_a_delete_that_succeeds_is_sent_once() -> None:
    server = ScriptedServer(delete_campaign=[None, GONE])

    assert server.run(reconcile.delete(7)) is None
    assert len(server.calls) == 1


def test_a_429_that_names_no_time_is_paused_for_as_an_unanswered_delete() -> None:
    server = ScriptedServer(delete_campaign=[limited(None), None])

    server.run(reconcile.delete(7))
    assert server.pauses("delete_campaign") == [idempotent_writes.RETRY_PAUSES[0]]
