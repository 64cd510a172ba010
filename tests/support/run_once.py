"""A TingTing in virtual time for `CampaignJob.run_once`: the reads at one campaign, and the requests to run it."""

from __future__ import annotations

from typing import Any

from support.scripted_server import ScriptedServer

from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.api.models import Campaign, MessageResponse
from airflow_provider_tingting.campaigns.run import CampaignJob
from airflow_provider_tingting.campaigns.state import JobState, RunRequest
from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.errors import (
    TingTingAuthError,
    TingTingNeverSentError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingServerError,
    TingTingValidationError,
)

NUMBER = 7


class Server(ScriptedServer):
    """TingTing in virtual time: what it answers, and what it was requested to do and when.

    :param reads: the status that each read shows, or the error that it ends with; the last one is repeated.
    :param responses: the response to each request to run; the last one is repeated.
    """

    def __init__(self, reads: list[Any], responses: list[Any] | None = None) -> None:
        super().__init__(1_000_000.0, get_campaign=reads, run_campaign=responses or ["accepted"])

    @property
    def requests(self) -> list[float]:
        """When each request to run was sent."""
        return [at for call, at in zip(self.calls, self.times, strict=True) if call.name == "run_campaign"]

    def send(self, call: Any) -> Any:
        answer = super().send(call)
        if not isinstance(answer, str):
            return answer
        if call.name == "run_campaign":
            return MessageResponse(message=answer)
        return Campaign(id=NUMBER, status=answer, campaign_action_count=3)


def run(server: Server, job: CampaignJob | None = None, **arguments: Any) -> Any:
    with use_clock(server):
        job = job or CampaignJob()
        job.attach_to(NUMBER)
        return run_flow(server, job.run_once(**arguments))


def maybe(server: Server, ago: float) -> CampaignJob:
    state = JobState(NUMBER, run=RunRequest.MAYBE, run_requested_at=server.now - ago)
    with use_clock(server):
        return CampaignJob(state)


LOST = TingTingOutcomeUnknownError("run_campaign", "the response was lost.")
DOWN = TingTingServerError("get_campaign", "down.", status_code=503)
REFUSED = TingTingAuthError("get_campaign", "no.", status_code=403)
LIMITED = TingTingRateLimitedError("run_campaign", "slowly.", status_code=429, retry_after=1)
UNSENT = TingTingNeverSentError("run_campaign", "no connection.")
INVALID = TingTingValidationError("run_campaign", "no voice.", status_code=400)
