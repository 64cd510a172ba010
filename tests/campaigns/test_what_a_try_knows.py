"""What a try knows and does besides the tables: an older 404, an earlier try, and what its errors say."""

from __future__ import annotations

from typing import Any

import pytest
from support.run_once import DOWN, LIMITED, LOST, NUMBER, REFUSED, Server, maybe, run

from airflow_provider_tingting.api import stale_reads
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.campaigns.run import CampaignJob
from airflow_provider_tingting.campaigns.state import JobState, RunRequest
from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.errors import (
    TingTingAuthError,
    TingTingCampaignError,
    TingTingConfigError,
    TingTingNotFoundError,
    TingTingRateLimitedError,
    TingTingValidationError,
)

GONE = TingTingNotFoundError("get_campaign", "not found.", status_code=404)


def test_a_campaign_that_is_known_to_exist_is_read_again_for_a_minute_after_a_404() -> None:
    server = Server([GONE, GONE, "Not Started"])
    began = server.now

    run(server, exists=lambda: True)
    assert server.requests == [began + 2 * stale_reads.READ_INTERVAL]

    server = Server([GONE])
    with pytest.raises(TingTingNotFoundError):
        run(server, exists=lambda: True)
    assert server.now == began + stale_reads.STALE_WITHIN


@pytest.mark.parametrize("is_asked", [False, True], ids=["never asked", "maybe asked"])
def test_a_404_of_a_campaign_that_this_try_has_read_is_read_again_for_a_minute(is_asked: bool) -> None:
    server = Server(["Not Started", GONE, GONE, "Running"])
    began = server.now

    assert run(server, maybe(server, 0) if is_asked else None, read_first_for=lambda campaign: 20.0).has_begun
    assert (server.requests, server.now) == ([], began + 3 * stale_reads.READ_INTERVAL)

    server = Server(["Not Started", GONE, GONE, "Not Started", GONE])
    with pytest.raises(TingTingNotFoundError):
        run(server, maybe(server, 0) if is_asked else None, read_first_for=lambda campaign: 20.0)
    assert server.now == began + 4 * stale_reads.READ_INTERVAL + stale_reads.STALE_WITHIN


@pytest.mark.parametrize(
    "known",
    [
        JobState(NUMBER, seen_not_started=True),
        JobState(NUMBER, run=RunRequest.MAYBE, run_requested_at=1_000_000.0 - 500),
    ],
    ids=["seen Not Started", "requested long ago"],
)
def test_a_404_of_a_campaign_that_an_earlier_try_has_read_is_read_again(known: JobState) -> None:
    server = Server([GONE, GONE, "Running"])

    assert run(server, CampaignJob(known)).has_begun
    assert server.requests == []


@pytest.mark.parametrize("error", [GONE, DOWN], ids=["404 of an unknown campaign", "503"])
def test_any_other_failed_read_ends_the_try_at_once(error: Exception) -> None:
    server = Server([error])
    began = server.now

    with pytest.raises(type(error)):
        run(server, exists=lambda: error is DOWN)
    assert server.now == began


def test_the_status_is_read_first_for_as_long_as_an_earlier_try_may_need() -> None:
    server = Server(["Not Started"])
    began = server.now
    asked: list[Any] = []

    def read_first_for(campaign: Campaign) -> float:
        asked.append(campaign.status)
        return 31.0

    run(server, read_first_for=read_first_for)

    assert asked == ["Not Started"]
    assert server.requests == [began + 31]


def test_a_campaign_that_an_earlier_try_runs_meanwhile_is_adopted() -> None:
    server = Server(["Not Started", "Not Started", "Running"])

    assert run(server, read_first_for=lambda campaign: 30.0, is_ours=lambda campaign: False).has_begun
    assert server.requests == []


def test_the_gate_gets_the_campaign_as_it_was_read() -> None:
    seen: list[Campaign] = []

    async def gate(campaign: Campaign) -> Campaign:
        seen.append(campaign)
        return campaign

    server = Server(["Not Started"])
    run(server, gate=gate)

    assert [campaign.id for campaign in seen] == [NUMBER]


def test_is_ours_gets_the_campaign_as_it_was_read() -> None:
    seen: list[Campaign] = []

    run(Server(["Completed"]), is_ours=lambda campaign: bool(seen.append(campaign) or campaign.id))

    assert [campaign.status for campaign in seen] == ["Completed"]


def test_a_try_that_has_seen_the_campaign_saves_that_before_it_requests() -> None:
    saved: list[JobState] = []

    run(Server(["Not Started", "Running"]), CampaignJob(save=saved.append))

    assert saved[1] == JobState(NUMBER, seen_not_started=True)
    assert saved[2].run is RunRequest.MAYBE
    assert saved[2].run_requested_at == 1_000_000.0
    assert saved[-1].run is RunRequest.ACCEPTED


def test_a_campaign_that_has_begun_is_saved_as_accepted() -> None:
    job = CampaignJob()

    run(Server(["Running"]), job)

    assert job.state == JobState(NUMBER, run=RunRequest.ACCEPTED)


@pytest.mark.parametrize(
    ("shown", "expected"), [("Not Started", "Not Started"), (DOWN, None)], ids=["not shown", "no answer"]
)
def test_an_accepted_request_returns_what_was_read(shown: Any, expected: str | None) -> None:
    started = run(Server([shown]), CampaignJob(JobState(NUMBER, run=RunRequest.ACCEPTED)))

    assert (started.campaign and started.campaign.status) == expected
    assert not started.has_begun


def test_after_an_accepted_request_the_last_read_counts_when_the_next_one_fails() -> None:
    assert run(Server(["Not Started", DOWN])).campaign.status == "Not Started"


def test_a_429_of_a_read_does_not_end_the_two_minutes() -> None:
    error = TingTingRateLimitedError("get_campaign", "slowly.", status_code=429)
    server = Server([error, error, "Running"])

    assert run(server, maybe(server, 10)).has_begun


def test_the_effect_of_the_third_request_is_looked_for_too() -> None:
    server = Server(["Not Started"], [LOST])

    def respond(call: Any) -> Any:
        if call.name == "get_campaign" and len(server.requests) == 3 and server.now - server.requests[-1] > 100:
            server.script["get_campaign"] = ["Running"]
        return Server.send(server, call)

    job = CampaignJob()
    with use_clock(server):
        job.attach_to(NUMBER)
        started = run_flow(type("Client", (), {"send": staticmethod(respond)})(), job.run_once())

    assert started.has_begun
    assert len(server.requests) == 3


def test_a_refused_read_ends_the_wait_for_an_earlier_request_at_once() -> None:
    server = Server([REFUSED])
    began = server.now

    with pytest.raises(TingTingAuthError):
        run(server, maybe(server, 10))
    assert server.now == began


@pytest.mark.parametrize("reads", [[REFUSED], [DOWN]], ids=["refused", "no answer for two minutes"])
def test_a_try_that_follows_an_unanswered_request_says_that_it_is_outstanding(reads: list[Any]) -> None:
    server = Server(reads)
    error = reads[0]

    with pytest.raises(type(error), match="may still carry the request out") as raised:
        run(server, maybe(server, 10))

    assert raised.value.call == "get_campaign"
    assert raised.value.campaign_id == NUMBER
    assert raised.value.status_code == error.status_code
    assert "before you call its contacts another way" in str(raised.value)


def test_an_outstanding_request_keeps_what_the_error_knows() -> None:
    refusal = TingTingValidationError("run_campaign", "no.", fields={"voice": ("none",)}, retry_after=5)
    server = Server(["Not Started"], [refusal])

    with pytest.raises(TingTingValidationError, match="may still carry the request out") as raised:
        run(server, maybe(server, 3600))

    assert (raised.value.fields, raised.value.retry_after) == ({"voice": ("none",)}, 5)


def test_a_gate_that_refuses_while_a_request_is_outstanding_says_so() -> None:
    async def closed(campaign: Campaign) -> Campaign:
        raise TingTingConfigError("The gate is closed.")

    server = Server(["Not Started"])
    with pytest.raises(TingTingCampaignError, match="may still carry the request out") as raised:
        run(server, maybe(server, 3600), gate=closed)
    assert raised.value.campaign_id == NUMBER


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"campaign_action_count": 0}, "it has no contacts"),
        ({"draft": True, "campaign_action_count": 3}, "it is a draft"),
    ],
    ids=["no contacts", "a draft"],
)
def test_a_campaign_that_cannot_run_is_not_requested(fields: dict[str, Any], says: str) -> None:
    server = Server([Campaign(id=NUMBER, status="Not Started", **fields)])

    with pytest.raises(TingTingCampaignError, match=says) as raised:
        run(server)

    assert server.requests == []
    assert (raised.value.campaign_id, raised.value.status) == (NUMBER, "Not Started")


@pytest.mark.parametrize("count", [1, None], ids=["one contact", "an unknown number"])
def test_a_campaign_with_a_contact_or_an_unknown_number_is_requested(count: int | None) -> None:
    server = Server([Campaign(id=NUMBER, status="Not Started", campaign_action_count=count)])

    run(server)

    assert len(server.requests) == 1


def test_another_campaign_takes_the_place_of_the_saved_one_and_nothing_of_it_counts() -> None:
    with use_clock(Server([])):
        job = CampaignJob(JobState(3, run=RunRequest.MAYBE, run_requested_at=1_000_000.0, seen_not_started=True))
        job.attach_to(NUMBER)

    assert job.state == JobState(NUMBER)
    assert job.unanswered_since is None


def test_a_job_without_a_campaign_has_no_id() -> None:
    with pytest.raises(TingTingConfigError, match="create it first"):
        CampaignJob().campaign_id  # noqa: B018


def test_a_refusal_after_an_earlier_unanswered_request_keeps_its_time() -> None:
    server = Server(["Not Started"], [LOST, LIMITED, "accepted"])

    run(server)

    first, second, third = server.requests
    assert second - first >= 125
    assert third - second < 10
