"""Creating a campaign once: each response to the request, what an earlier try has left, and who else creates one."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from support.scripted_server import BEGINS, ScriptedServer, a_page, pages_of

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.stale_reads import READ_INTERVAL, STALE_WITHIN
from airflow_provider_tingting.campaigns.create import attach_or_create
from airflow_provider_tingting.campaigns.run import CampaignJob, CampaignSpec, JobState, Marker, RunRequest
from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.errors import (
    TingTingCampaignError,
    TingTingConfigError,
    TingTingError,
    TingTingNeverSentError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingValidationError,
)

SPEC = CampaignSpec(name="पानी सूचना", services="PHONE", user_phone=(3,), message="नमस्कार")
MARKER = Marker.of(SPEC, "dag", "run", "create", -1)
MADE = Campaign(id=7, status="Not Started", name=SPEC.name, description=str(MARKER))
LOST = TingTingOutcomeUnknownError("create_campaign", "the response was lost.")
UNSENT = TingTingNeverSentError("create_campaign", "no connection.")
LIMITED = TingTingRateLimitedError("create_campaign", "slowly.", status_code=429, retry_after=20)
REFUSED = TingTingValidationError("create_campaign", "no credit.", status_code=400)
GONE = TingTingNotFoundError("get_campaign", "not found.", status_code=404)


class Account(ScriptedServer):
    """An account in which a created campaign is listed.

    :param lists_after: seconds after which a created campaign is listed.
    """

    def __init__(self, *creates: Any, listed: Any = (), lists_after: float = 0.0, **script: Any) -> None:
        self.listed = list(listed)
        self._lists_after = lists_after
        self.shown_from: dict[int, float] = {}
        super().__init__(create_campaign=list(creates) or [MADE], list_campaigns=self._list, **script)

    def _list(self, call: Any) -> Any:
        return a_page(*(one for one in self.listed if self.shown_from.get(one.id, 0.0) <= self.now))

    def send(self, call: Any) -> Any:
        answer = super().send(call)
        if call.name == "create_campaign" and answer not in self.listed:
            self.listed.append(answer)
            self.shown_from[answer.id] = self.now + self._lists_after
        return answer

    def create(self, job: CampaignJob | None = None, spec: CampaignSpec = SPEC, **arguments: Any) -> Campaign:
        with use_clock(self):
            self.job = job or CampaignJob()
        return self.run(  # type: ignore[no-any-return]
            attach_or_create(self.job, spec, replace(MARKER, fingerprint=spec.fingerprint()), **arguments)
        )


def test_a_campaign_is_created_with_its_marker_first_and_saved() -> None:
    account = Account()

    assert account.create(spec=replace(SPEC, description="वडा ७")).id == 7
    body = next(call.request.json for call in account.calls if call.name == "create_campaign")
    assert body["description"] == f"{MARKER} वडा ७"
    assert account.job.state == JobState(7, SPEC.fingerprint())


def test_a_campaign_is_created_with_what_its_spec_says() -> None:
    spec = replace(SPEC, services="SMS & PHONE", sms_message="भोलि", user_phone=(3, 7), voice=1)
    account = Account(set_campaign_message=None)

    account.create(spec=spec)

    body = next(call.request.json for call in account.calls if call.name == "create_campaign")
    assert (body["name"], body["services"], body["user_phone"]) == ("पानी सूचना", "SMS & PHONE", [3, 7])
    assert (body["message"], body["sms_message"]) == ("नमस्कार", "भोलि")
    assert body["description"] == str(replace(MARKER, fingerprint=spec.fingerprint()))
    voice = next(call.request.json for call in account.calls if call.name == "set_campaign_message")
    assert voice["sms_message"] == "भोलि"


@pytest.mark.parametrize("answer", [LIMITED, UNSENT], ids=["429", "never sent"])
def test_a_create_that_was_certainly_not_carried_out_is_sent_again_without_a_search_of_its_effect(
    answer: TingTingError,
) -> None:
    saved: list[JobState] = []
    account = Account(answer, MADE)

    assert account.create(CampaignJob(save=saved.append)).id == 7
    assert account.pauses("create_campaign") == [20 if answer is LIMITED else 10]
    assert [state.create_requested_at is not None for state in saved] == [True, False, True, False]


@pytest.mark.parametrize("answer", [LIMITED, UNSENT, REFUSED], ids=["429", "never sent", "refused"])
def test_a_create_that_is_never_carried_out_leaves_no_request_outstanding(answer: TingTingError) -> None:
    account = Account(answer)

    with pytest.raises(type(answer)):
        account.create()

    assert account.job.state == JobState()
    assert len(account.sent("create_campaign")) == (1 if answer is REFUSED else 3)


def test_a_create_without_a_response_is_looked_for_and_adopted() -> None:
    account = Account(LOST)
    account.script["create_campaign"] = [lambda call: account.listed.append(MADE) or LOST]

    assert account.create() == MADE
    assert {call.request.query.get("search") for call in account.calls if call.name == "list_campaigns"} == {SPEC.name}
    assert len(account.sent("create_campaign")) == 1


def test_a_create_that_is_proven_absent_is_sent_again() -> None:
    account = Account(LOST, MADE)

    assert account.create() == MADE
    first, second = [
        at for call, at in zip(account.calls, account.times, strict=True) if call.name == "create_campaign"
    ]
    assert second - first == 20


def test_a_create_whose_outcome_stays_unknown_is_remembered() -> None:
    account = Account(LOST)

    with pytest.raises(TingTingOutcomeUnknownError):
        account.create()

    assert account.job.state.create_requested_at == account.times[-1] - 20


def test_of_two_tries_that_create_at_the_same_time_both_use_the_lowest_id() -> None:
    account = Account(replace_id(MADE, 9), listed=[])
    account.script["create_campaign"] = [lambda call: account.listed.extend([MADE, account_9]) or account_9]
    account_9 = replace_id(MADE, 9)

    assert account.create().id == 7
    assert account.job.state.campaign_id == 7


@pytest.mark.parametrize(("lists_after", "used", "waited"), [(8, 7, 9), (61, 9, 60)], ids=["8 s", "a minute"])
def test_a_list_without_the_campaign_that_was_just_created_is_an_older_one(
    lists_after: float, used: int, waited: float
) -> None:
    account = Account(replace_id(MADE, 9), listed=[MADE], lists_after=lists_after)
    account.shown_from[7] = BEGINS + lists_after

    assert account.create().id == used
    assert account.now - BEGINS == waited


def test_a_campaign_that_a_person_renames_right_after_its_creation_is_shown_by_the_newest() -> None:
    account = Account()
    account.script["list_campaigns"] = [lambda call: a_page(*account.listed * ("search" not in call.request.query))]

    assert account.create().id == 7
    assert account.now == BEGINS


def test_no_list_by_name_has_to_show_a_draft() -> None:
    account = Account(set_campaign_message=None)
    account.script["list_campaigns"] = [a_page()]

    assert account.create(spec=replace(SPEC, voice=1, draft=True)).id == 7
    assert account.now == BEGINS


def test_a_campaign_of_another_generation_is_not_the_one_to_create() -> None:
    cleared = replace_id(MADE, 5, description=str(replace(MARKER, generation="1")))
    account = Account(listed=[cleared])

    assert account.create().id == 7
    assert Account(listed=[cleared]).create(exact=False).id == 5


@pytest.mark.parametrize(
    ("answer", "earlier"),
    [
        pytest.param(MADE, None, id="created"),
        pytest.param(LOST, None, id="the response was lost"),
        pytest.param(MADE, JobState(create_requested_at=BEGINS - 5), id="an earlier try has just sent its request"),
        pytest.param(MADE, JobState(create_requested_at=BEGINS - 500), id="an earlier try has sent its request"),
    ],
)
def test_no_list_is_read_beyond_the_campaigns_from_before_the_run(answer: Any, earlier: JobState | None) -> None:
    began = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
    older = [
        replace_id(MADE, 1000 - hours, description="", updated_at=(began - timedelta(hours=hours)).isoformat())
        for hours in range(1, 300)
    ]
    account = Account(answer, MADE)
    account.script["list_campaigns"] = [pages_of(older)]

    assert account.create(earlier and CampaignJob(earlier), since=began) == MADE
    assert {call.request.query.get("offset", 0) for call in account.calls if call.name == "list_campaigns"} == {0}


def replace_id(campaign: Campaign, number: int, **fields: Any) -> Campaign:
    return Campaign.model_validate({**campaign.model_dump(exclude_unset=True), "id": number, **fields})


def test_a_server_that_drops_the_marker_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Account(replace_id(MADE, 7, description="cut")).create()
    assert "has not kept the marker" in caplog.text

    caplog.clear()
    with caplog.at_level(logging.WARNING):
        Account(replace_id(MADE, 7, description="")).create()
        Account().create()
    assert caplog.text == ""


# -- what an earlier try has left --------------------------------------------------------------------------------------


def saved(**fields: Any) -> JobState:
    return JobState(**{"fingerprint": SPEC.fingerprint(), **fields})


def test_the_campaign_whose_id_was_saved_is_used_even_without_its_marker() -> None:
    account = Account(get_campaign=replace_id(MADE, 7, description="rewritten by a person"))

    assert account.create(CampaignJob(saved(campaign_id=7))).id == 7
    assert account.sent("create_campaign", "list_campaigns") == []


def test_a_saved_campaign_that_was_deleted_is_refused_and_none_takes_its_place() -> None:
    account = Account(get_campaign=GONE)

    with pytest.raises(TingTingCampaignError, match="does not exist any more") as raised:
        account.create(CampaignJob(saved(campaign_id=7)))
    assert raised.value.campaign_id == 7
    assert account.sent("create_campaign") == []


def test_a_saved_campaign_that_an_older_response_does_not_show_is_used() -> None:
    account = Account(get_campaign=[GONE, MADE])

    assert account.create(CampaignJob(saved(campaign_id=7))) == MADE
    assert account.sent() == ["get_campaign"] * 2


def test_a_saved_campaign_of_other_content_is_refused() -> None:
    account = Account()

    with pytest.raises(TingTingCampaignError, match="another name, message or caller number") as raised:
        account.create(CampaignJob(saved(campaign_id=7)), spec=replace(SPEC, message="अर्को"))
    assert (account.calls, raised.value.campaign_id) == ([], 7)


def test_a_listed_campaign_of_other_content_is_refused() -> None:
    account = Account(listed=[MADE])

    with pytest.raises(TingTingCampaignError, match="another name, message or caller number") as raised:
        account.create(spec=replace(SPEC, message="अर्को"))
    assert account.sent("create_campaign") == []
    assert (raised.value.campaign_id, raised.value.status) == (7, "Not Started")


def test_a_campaign_of_other_content_that_another_try_creates_meanwhile_is_refused() -> None:
    other = replace_id(MADE, 5, description=str(replace(MARKER, fingerprint="0badc0de")))
    account = Account()
    account.script["create_campaign"] = [lambda call: account.listed.append(other) or MADE]

    with pytest.raises(TingTingCampaignError, match="another name, message or caller number") as raised:
        account.create()
    assert (raised.value.campaign_id, raised.value.status) == (5, "Not Started")


def test_a_create_that_may_be_on_its_way_is_looked_for_by_its_marker() -> None:
    account = Account(listed=[MADE])

    assert account.create(CampaignJob(saved(create_requested_at=account.now - 1))) == MADE
    assert account.calls[0].request.query["search"] == SPEC.name
    assert account.sent("create_campaign") == []


@pytest.mark.parametrize(("ago", "waits"), [(19, True), (20, False), (3600, False)], ids=lambda value: str(value))
def test_a_create_that_may_be_on_its_way_is_waited_for(ago: float, waits: bool) -> None:
    account = Account()
    began = account.now

    account.create(CampaignJob(saved(create_requested_at=began - ago)))

    first = account.times[account.sent().index("create_campaign")] - began
    assert first == (20 if waits else 0)


@pytest.mark.parametrize(
    ("job", "thorough", "spec", "is_found"),
    [
        (None, False, SPEC, False),
        (None, True, SPEC, True),
        (saved(create_requested_at=1.0), False, SPEC, True),
        (None, False, replace(SPEC, voice=1, draft=True), True),
    ],
    ids=["first try", "a later try", "an unanswered create of long ago", "a draft"],
)
def test_a_renamed_campaign_is_found_where_an_earlier_try_may_have_created_it(
    job: JobState | None, thorough: bool, spec: CampaignSpec, is_found: bool
) -> None:
    account = Account(replace_id(MADE, 8), listed=[MADE], set_campaign_message=None)
    named = [lambda call: a_page(*account.listed[1:] if "search" in call.request.query else account.listed)]
    account.script["list_campaigns"] = named

    found = account.create(CampaignJob(job), spec=spec, thorough=thorough)

    assert (found.id == 7) is is_found


def test_another_generation_counts_only_when_it_may() -> None:
    earlier = str(replace(MARKER, generation="4"))
    account = Account(replace_id(MADE, 8), listed=[replace_id(MADE, 5, description=earlier)])

    assert account.create(exact=False).id == 5
    assert account.create(exact=True).id == 8


# -- voice and schedule ------------------------------------------------------------------------------------------------


def test_a_campaign_that_has_begun_gets_no_voice_and_no_schedule() -> None:
    account = Account(listed=[replace_id(MADE, 7, status="Running")])

    account.create(spec=replace(SPEC, voice=1, schedule="2026-11-25T10:00:00+05:45"))

    assert set(account.sent()) == {"list_campaigns"}


@pytest.mark.parametrize("known", RunRequest, ids=lambda known: known.value)
def test_a_new_schedule_is_sent_only_to_a_campaign_that_was_never_requested(known: RunRequest) -> None:
    wanted = "2026-11-25T10:00:00+05:45"
    shows = [MADE, replace_id(MADE, 7, schedule=wanted)]
    account = Account(get_campaign=shows, update_campaign=None)

    account.create(CampaignJob(saved(campaign_id=7, run=known)), spec=replace(SPEC, schedule=wanted))

    assert bool(account.sent("update_campaign")) is (known is RunRequest.NEVER)


def test_the_voice_is_sent_again_after_an_unknown_outcome() -> None:
    account = Account(set_campaign_message=[LOST, None])

    account.create(spec=replace(SPEC, voice=1, length_factor="1.20", draft=True))

    bodies = [call.request.json for call in account.calls if call.name == "set_campaign_message"]
    assert len(bodies) == 2
    assert bodies[0]["voice"] == 1
    assert (bodies[1]["category"], bodies[1]["message"], bodies[1]["length_factor"]) == ("Text", "नमस्कार", "1.20")
    assert bodies[1]["draft"]


def test_a_schedule_that_has_passed_creates_nothing_unless_it_may_be_left_out() -> None:
    late = replace(SPEC, schedule="2001-11-23T10:00:00+05:45")
    account = Account()

    with pytest.raises(TingTingConfigError, match="Nothing was created"):
        account.create(spec=late)
    assert account.sent("create_campaign") == []

    account.create(spec=replace(late, run_if_late=True))
    body = next(call.request.json for call in account.calls if call.name == "create_campaign")
    assert body.get("schedule") is None


def test_a_schedule_of_the_future_is_sent_as_it_is() -> None:
    account = Account()

    account.create(spec=replace(SPEC, schedule="2026-11-25T10:00:00+05:45", credit_limit=50.0))

    body = next(call.request.json for call in account.calls if call.name == "create_campaign")
    assert (body["schedule"], body["credit_limit"]) == ("2026-11-25T10:00:00+05:45", 50.0)


@pytest.mark.parametrize("reads_until_it_shows", [1, 3])
def test_a_failover_target_that_shows_late_is_read_again(reads_until_it_shows: int) -> None:
    shows = replace_id(MADE, 7, failover_target=["busy", "no-answer"])
    account = Account(update_campaign=None, get_campaign=[*[MADE] * (reads_until_it_shows - 1), shows])

    account.create(spec=replace(SPEC, failover_target=("no-answer", "busy")))

    assert account.pauses("get_campaign") == [READ_INTERVAL] * (reads_until_it_shows - 1)


def test_a_failover_target_that_does_not_show_for_a_minute_is_an_error() -> None:
    account = Account(update_campaign=None, get_campaign=replace_id(MADE, 7, failover_target=["busy"]))

    with pytest.raises(TingTingConfigError, match="has not kept it"):
        account.create(spec=replace(SPEC, failover_target=("no-answer", "busy")))
    assert account.now == BEGINS + STALE_WITHIN
