"""A TingTing in virtual time for `CampaignJob.run_once`: the reads at one campaign, and the requests to run it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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


@dataclass
class Server:
    """TingTing in virtual time: what it answers, and what it was requested to do and when.

    :param reads: the status that each read shows, or the error that it ends with; the last one is repeated.
    :param responses: the response to each request to run; the last one is repeated.
    """

    reads: list[Any]
    responses: list[Any] = field(default_factory=lambda: ["accepted"])
    requests: list[float] = field(default_factory=list)
    now: float = 1_000_000.0

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def send(self, call: Any) -> Any:
        if call.name == "run_campaign":
            self.requests.append(self.now)
            response = _next(self.responses)
            if isinstance(response, Exception):
                raise response
            return MessageResponse(message=response)
        shown = _next(self.reads)
        if isinstance(shown, Exception):
            raise shown
        return Campaign(id=NUMBER, status=shown, campaign_action_count=3) if isinstance(shown, str) else shown


def _next(scripted: list[Any]) -> Any:
    return scripted.pop(0) if len(scripted) > 1 else scripted[0]


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
