"""The job without Airflow: its state goes through JSON between every two steps, and every step may be the last one."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import pytest
from durability.in_process import LATE, let_everything_arrive
from support.campaigns import NUMBERS, dialled_once, writes

from airflow_provider_tingting.api import AsyncTingTingClient, TingTingClient, calls
from airflow_provider_tingting.api.driver import run_flow, run_flow_async
from airflow_provider_tingting.campaigns.create import attach_or_create
from airflow_provider_tingting.campaigns.outcome import judge, summarise
from airflow_provider_tingting.campaigns.reconcile import stop
from airflow_provider_tingting.campaigns.run import CampaignJob, CampaignSpec, JobState, Marker, RunRequest
from airflow_provider_tingting.errors import (
    TingTingCampaignError,
    TingTingCampaignFailedError,
    TingTingConfigError,
    TingTingOutcomeUnknownError,
)

pytestmark = pytest.mark.usefixtures("virtual_time")

SPEC = CampaignSpec(name="Water notice", services="PHONE", user_phone=(3,), message="नमस्कार {name} जी", voice=1)
MARKER = Marker.of(SPEC, "water notice", "2026-11-23")
PEOPLE = [{"number": number, "other_variables": {"name": "Sita"}} for number in NUMBERS]


@pytest.fixture
def client(sandbox):
    with TingTingClient(sandbox.token, base_url=sandbox.base_url) as client:
        yield client


class Notebook:
    """Holds nothing but text between two cells."""

    def __init__(self):
        self.text = None

    def job(self):
        state = JobState.from_json(json.loads(self.text)) if self.text else None
        return CampaignJob(state, self.remember)

    def remember(self, state):
        self.text = json.dumps(state.to_json())


@pytest.mark.parametrize("twice", [False, True], ids=["each step once", "each step twice"])
@pytest.mark.parametrize("outcome", ["completed", "unanswered"])
def test_a_campaign_lives_in_a_notebook_that_remembers_only_a_line_of_json(sandbox, client, twice, outcome):
    notebook, times = Notebook(), 2 if twice else 1
    for number in NUMBERS:
        sandbox.world.script_outcome(number, outcome)

    for _ in range(times):
        run_flow(client, attach_or_create(notebook.job(), SPEC, MARKER))
        assert len(notebook.text) < 200
    for _ in range(times):
        client.send(calls.add_contacts(notebook.job().campaign_id, PEOPLE))
    for _ in range(times):
        run_flow(client, notebook.job().run_once())
    assert client.send(calls.get_campaign(notebook.job().campaign_id)).status == "Running"
    sandbox.play_out()
    campaign = client.send(calls.get_campaign(notebook.job().campaign_id))

    assert campaign.status == "Completed"
    assert len(sandbox.world.campaigns) == 1
    assert writes(sandbox).count("run_campaign") == 1
    assert dialled_once(sandbox)
    summary = summarise(client, campaign)
    for _ in range(times):
        if outcome == "completed":
            judge(campaign, summary)
        else:
            with pytest.raises(TingTingCampaignFailedError, match="no contact was reached"):
                judge(campaign, summary)


def test_either_client_drives_it(sandbox):
    notebook = Notebook()

    async def live():
        async with AsyncTingTingClient(sandbox.token, base_url=sandbox.base_url) as client:
            await run_flow_async(client, attach_or_create(notebook.job(), SPEC, MARKER))
            await client.send(calls.add_contacts(notebook.job().campaign_id, PEOPLE))
            return await run_flow_async(client, notebook.job().run_once())

    assert asyncio.run(live()).campaign.status == "Running"


def test_a_notebook_that_lost_its_line_finds_the_campaign_by_its_mark(sandbox, client):
    first = run_flow(client, attach_or_create(Notebook().job(), SPEC, MARKER))

    assert run_flow(client, attach_or_create(Notebook().job(), SPEC, MARKER)).id == first.id
    other = Marker.of(SPEC, "water notice", "2026-11-24")
    assert run_flow(client, attach_or_create(Notebook().job(), SPEC, other)).id != first.id


def test_a_campaign_is_stopped_for_good_and_says_so(sandbox, client):
    notebook = Notebook()
    run_flow(client, attach_or_create(notebook.job(), SPEC, MARKER))
    client.send(calls.add_contacts(notebook.job().campaign_id, PEOPLE))
    run_flow(client, notebook.job().run_once())

    assert run_flow(client, stop(notebook.job().campaign_id)) == "Campaign 1 was stopped for good."
    campaign = run_flow(client, notebook.job().run_once()).campaign

    assert campaign.status == "Terminated"
    assert writes(sandbox).count("run_campaign") == 1
    with pytest.raises(TingTingCampaignFailedError, match="Terminated at 0 %"):
        judge(campaign, summarise(client, campaign))


def test_a_job_without_a_campaign_says_what_to_do(client):
    with pytest.raises(TingTingConfigError, match="create it first"):
        run_flow(client, CampaignJob().run_once())


def test_a_job_that_is_attached_to_another_campaign_forgets_what_it_knew(sandbox, client):
    job = CampaignJob(JobState(7, "abc", run=RunRequest.ACCEPTED))

    job.attach_to(8)

    assert job.state == JobState(campaign_id=8)


def test_a_campaign_without_contacts_is_not_run(sandbox, client):
    job = CampaignJob()
    run_flow(client, attach_or_create(job, SPEC, MARKER))

    with pytest.raises(TingTingCampaignError, match="no contacts"):
        run_flow(client, job.run_once())

    assert "run_campaign" not in writes(sandbox)


@pytest.mark.parametrize("run", [RunRequest.MAYBE, RunRequest.ACCEPTED])
def test_beginning_the_notebook_again_does_not_forget_that_the_campaign_was_asked_to_run(sandbox, client, run):
    """Every cell from the first one on, after a kill: a run that is carried out late is still waited for."""
    notebook = Notebook()
    run_flow(client, attach_or_create(notebook.job(), SPEC, MARKER))
    client.send(calls.add_contacts(notebook.job().campaign_id, PEOPLE))
    sandbox.faults.add("late-commit", call="run_campaign", value=LATE)
    asked = notebook.job()
    asked.state = replace(asked.state, run=run, run_requested_at=time.time())
    notebook.remember(asked.state)
    with pytest.raises(TingTingOutcomeUnknownError):
        client.send(calls.run_campaign(asked.campaign_id))
    assert not sandbox.world.campaigns[asked.campaign_id].runs

    run_flow(client, attach_or_create(notebook.job(), SPEC, MARKER))
    run_flow(client, notebook.job().run_once())
    let_everything_arrive(sandbox)

    assert writes(sandbox).count("run_campaign") == 1
    assert dialled_once(sandbox)
