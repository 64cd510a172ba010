"""Each cell of the two tables by which a job decides whether to request the run of a campaign."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support.run_once import DOWN, INVALID, LIMITED, LOST, NUMBER, REFUSED, UNSENT, Server, maybe, run

from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.campaigns.run import DECISIONS, KNOWN_AFTER, CampaignJob, Response, Seen
from airflow_provider_tingting.campaigns.state import JobState, RunRequest
from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.errors import (
    TingTingAuthError,
    TingTingConfigError,
    TingTingError,
    TingTingOutcomeUnknownError,
    TingTingServerError,
    TingTingValidationError,
)


def test_the_tables_have_each_cell() -> None:
    assert set(DECISIONS) == {(known, seen) for known in RunRequest for seen in Seen}
    before = (RunRequest.NEVER, RunRequest.MAYBE)
    assert set(KNOWN_AFTER) == {(known, response) for known in before for response in Response}


# -- never requested ---------------------------------------------------------------------------------------------------


def test_a_campaign_that_has_not_started_is_requested_once() -> None:
    server = Server(["Not Started", "Running"])

    assert run(server).campaign.status == "Running"
    assert len(server.requests) == 1


def test_a_campaign_that_has_begun_is_adopted_when_it_is_this_tasks() -> None:
    server = Server(["Completed"])

    assert run(server, is_ours=lambda campaign: True).has_begun
    assert server.requests == []


def test_a_campaign_that_has_begun_and_was_never_seen_before_is_refused() -> None:
    server = Server(["Completed"])

    with pytest.raises(TingTingConfigError, match="before this task began"):
        run(server, is_ours=lambda campaign: False)


def test_a_campaign_that_an_earlier_try_has_seen_not_started_is_adopted() -> None:
    job = CampaignJob(JobState(NUMBER, seen_not_started=True))

    assert run(Server(["Completed"]), job, is_ours=lambda campaign: False).has_begun


def test_a_campaign_that_cannot_be_read_is_not_requested() -> None:
    server = Server([DOWN])

    with pytest.raises(TingTingServerError):
        run(server)

    assert server.requests == []


# -- an unanswered request ---------------------------------------------------------------------------------------------


def test_a_request_without_a_response_is_sent_again_after_two_minutes_only() -> None:
    server = Server(["Not Started"], [LOST, "accepted"])

    run(server)

    first, second = server.requests
    assert 125 <= second - first < 135


def test_a_campaign_that_begins_within_the_two_minutes_is_not_requested_again() -> None:
    server = Server(["Not Started"] * 20 + ["Running"], [LOST])

    assert run(server).campaign.status == "Running"
    assert len(server.requests) == 1


def test_reads_that_fail_for_a_while_do_not_end_the_two_minutes() -> None:
    server = Server(["Not Started", DOWN, DOWN, "Not Started", DOWN, "Running"], [LOST])

    assert run(server).has_begun
    assert len(server.requests) == 1


def test_after_reads_that_fail_for_two_minutes_the_outcome_is_unknown_and_the_request_outstanding() -> None:
    server = Server(["Not Started", DOWN], [LOST])

    with pytest.raises(TingTingServerError, match="may still carry the request out"):
        run(server)

    assert len(server.requests) == 1


def test_a_refused_read_ends_the_two_minutes_and_says_that_a_request_is_outstanding() -> None:
    server = Server(["Not Started", REFUSED], [LOST])

    with pytest.raises(TingTingAuthError, match="may still carry the request out"):
        run(server)


def test_the_third_request_without_a_response_is_the_last() -> None:
    server = Server(["Not Started"], [LOST])

    with pytest.raises(TingTingOutcomeUnknownError):
        run(server)

    assert len(server.requests) == 3


@pytest.mark.parametrize("ago", [0, 60, 124, 400], ids=lambda ago: f"{ago} s ago")
def test_the_two_minutes_after_another_tries_request_are_counted_from_here_since_clocks_differ(ago: float) -> None:
    server = Server(["Not Started"])
    began = server.now

    run(server, maybe(server, ago))

    assert server.requests[0] - began >= 125


def test_a_request_of_long_ago_is_settled() -> None:
    server = Server(["Not Started"])
    began = server.now

    run(server, maybe(server, 3600))

    assert server.requests == [began]


@pytest.mark.parametrize("answer", [LIMITED, UNSENT], ids=["429", "never sent"])
def test_a_request_that_was_not_carried_out_does_not_wipe_an_earlier_one_without_a_response(answer: Exception) -> None:
    server = Server(["Not Started"], [LOST, answer])
    job = CampaignJob()

    with pytest.raises(TingTingError):
        run(server, job)

    assert job.state.run is RunRequest.MAYBE
    assert job.state.run_requested_at == server.requests[0]


# -- requests that were certainly not carried out ----------------------------------------------------------------------


@pytest.mark.parametrize("answer", [LIMITED, UNSENT], ids=["429", "never sent"])
def test_a_request_that_was_not_carried_out_is_sent_again_after_a_pause(answer: Exception) -> None:
    server = Server(["Not Started"], [answer, "accepted"])

    assert run(server).campaign is not None
    assert len(server.requests) == 2


def test_a_refused_request_is_final_and_leaves_nothing_outstanding() -> None:
    server, job = Server(["Not Started"], [INVALID]), CampaignJob()

    with pytest.raises(TingTingValidationError):
        run(server, job)

    assert job.state.run is RunRequest.NEVER
    assert len(server.requests) == 1


def test_a_refusal_because_another_try_was_faster_is_a_start() -> None:
    server = Server(["Not Started", "Running"], [INVALID])

    assert run(server).has_begun


def test_after_a_429_an_earlier_request_that_has_settled_is_not_waited_for_again() -> None:
    saved: list[JobState] = []
    server = Server(["Not Started"], [LOST, LIMITED, "accepted"])

    run(server, CampaignJob(save=saved.append, load=lambda: saved[-1] if saved else None))

    lost, limited, accepted = server.requests
    assert limited - lost >= 125
    assert accepted - limited < 10


# -- accepted ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reads", [["Not Started"], [DOWN], ["Running"]], ids=["not shown", "no answer", "begun"])
def test_an_accepted_request_is_never_sent_again(reads: list[Any]) -> None:
    server = Server(reads)

    run(server, CampaignJob(JobState(NUMBER, run=RunRequest.ACCEPTED)))

    assert server.requests == []


def test_a_read_that_fails_after_the_accepted_request_is_no_error() -> None:
    server, job = Server(["Not Started", DOWN]), CampaignJob()

    run(server, job)

    assert job.state.run is RunRequest.ACCEPTED
    assert len(server.requests) == 1


# -- two tries ---------------------------------------------------------------------------------------------------------


def test_the_saved_state_is_read_again_right_before_the_request() -> None:
    """The first try is suspended between its read and its request; the second one requests meanwhile."""
    saved = [JobState(NUMBER)]
    server = Server(["Not Started"])

    async def suspended(campaign: Campaign) -> Campaign:
        saved[0] = JobState(NUMBER, run=RunRequest.MAYBE, run_requested_at=server.now)
        server.script["get_campaign"] = ["Running"]
        return campaign

    job = CampaignJob(save=lambda state: saved.__setitem__(0, state), load=lambda: saved[0])

    assert run(server, job, gate=suspended).has_begun
    assert server.requests == []


def test_a_request_that_was_not_carried_out_does_not_wipe_what_another_try_has_saved() -> None:
    saved = [JobState(NUMBER)]
    server = Server(["Not Started", "Not Started", "Running"])

    def answer(call: Any) -> Any:
        if call.name == "run_campaign":
            saved[0] = JobState(NUMBER, run=RunRequest.ACCEPTED, seen_not_started=True)
            raise LIMITED
        return Server.send(server, call)

    job = CampaignJob(save=lambda state: saved.__setitem__(0, state), load=lambda: saved[0])
    with use_clock(server):
        job.attach_to(NUMBER)
        run_flow(type("Client", (), {"send": staticmethod(answer)})(), job.run_once())

    assert saved[0].run is RunRequest.ACCEPTED


def test_the_asynchronous_driver_takes_the_same_decisions() -> None:
    from airflow_provider_tingting.api.driver import run_flow_async

    server = Server(["Not Started", "Running"])

    class Client:
        async def send(self, call: Any) -> Any:
            return server.send(call)

    async def live() -> Any:
        job = CampaignJob()
        job.attach_to(NUMBER)
        return await run_flow_async(Client(), job.run_once())

    assert asyncio.run(live()).has_begun
    assert len(server.requests) == 1
