"""Whether a campaign is a success is judged by its contacts, not by a rate that was rounded for reading."""

from __future__ import annotations

import pytest
from support.campaigns import a_campaign, reads
from support.virtual_time import VirtualTime

from airflow_provider_tingting.api import TingTingClient, calls, stale_reads
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.campaigns.outcome import describe, judge, spent_text, summarise, summary_figures
from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.errors import TingTingCampaignFailedError, TingTingReportError
from airflow_provider_tingting.reports.summary import CampaignSummary

COMPLETED = Campaign.model_validate({"id": 1, "status": "Completed", "progress_percent": 100})


def a_summary(reached: int, contacts: int) -> CampaignSummary:
    return CampaignSummary(contacts=contacts, reached=reached, not_reached=contacts - reached)


@pytest.mark.parametrize(
    ("success_when", "reached", "contacts"),
    [(1.0, 99_996, 100_000), (1, 19_999, 20_000), (0.5, 499_999, 1_000_000), (1 / 3, 333_333, 1_000_000), (0.5, 0, 0)],
)
def test_a_few_contacts_short_of_the_share_are_too_few(success_when, reached, contacts):
    with pytest.raises(TingTingCampaignFailedError, match="success_when asks for"):
        judge(COMPLETED, a_summary(reached, contacts), success_when)


@pytest.mark.parametrize(
    ("success_when", "reached", "contacts"),
    [(1 / 3, 1, 3), (95 / 700, 95, 700), (0.07, 7, 100), (0.29, 290_000, 1_000_000), (1, 3, 3), (0, 0, 5), (0, 0, 0)],
)
def test_exactly_the_share_is_enough(success_when, reached, contacts):
    judge(COMPLETED, a_summary(reached, contacts), success_when)


@pytest.mark.parametrize(
    ("reached", "contacts", "says"),
    [(99_996, 100_000, ">99 %"), (4, 100_000, "<1 %"), (5, 5, "100 %"), (0, 5, "0 %"), (1, 3, "33 %")],
)
def test_a_share_that_is_not_quite_all_or_none_is_not_rounded_to_it(reached, contacts, says):
    assert f"{reached} reached ({says})" in describe(a_summary(reached, contacts))


# -- figures that are not final ----------------------------------------------------------------------------------------


def pending(reached, pending, not_reached=0):
    contacts = reached + pending + not_reached
    return CampaignSummary(contacts=contacts, reached=reached, not_reached=not_reached, pending=pending)


@pytest.mark.parametrize(
    ("success_when", "summary"),
    [(None, pending(0, 2)), (0.5, pending(1, 3)), (1, pending(3, 1))],
    ids=["no contact yet", "a share that may be met", "all contacts"],
)
def test_a_failure_that_pending_contacts_may_turn_is_no_verdict(success_when, summary):
    with pytest.raises(TingTingReportError, match=r"figures of its contacts are not final.*A retry reads them again"):
        judge(COMPLETED, summary, success_when)


@pytest.mark.parametrize(
    ("success_when", "summary"),
    [(None, pending(0, 0, 3)), (0.9, pending(1, 1, 8)), (lambda _: False, pending(1, 3))],
    ids=["no contact reached", "a share that cannot be met any more", "a function decides alone"],
)
def test_a_failure_that_pending_contacts_cannot_turn_is_one(success_when, summary):
    with pytest.raises(TingTingCampaignFailedError):
        judge(COMPLETED, summary, success_when)


def test_the_share_of_a_campaign_with_one_contact_is_that_contact():
    judge(COMPLETED, a_summary(1, 1), 0.6)


def test_a_single_pending_contact_may_turn_a_failure():
    with pytest.raises(TingTingReportError):
        judge(COMPLETED, pending(0, 1))


@pytest.mark.parametrize(
    ("status", "says"),
    [("Terminated", "ended as Terminated at 40 %"), ("Running", "is not over but Running at 40 %")],
)
def test_a_campaign_that_is_not_completed_is_no_success_whatever_its_figures(status, says):
    campaign = Campaign.model_validate({"id": 1, "status": status, "progress_percent": 40})

    with pytest.raises(TingTingCampaignFailedError, match=says) as raised:
        judge(campaign, a_summary(3, 3))

    assert (raised.value.campaign_id, raised.value.status) == (1, status)
    assert "Of 3 contacts: 3 reached (100 %), 0 not reached, 0 without an outcome." in str(raised.value)


def test_a_failure_names_the_campaign_its_status_and_its_figures():
    with pytest.raises(
        TingTingCampaignFailedError, match=r"no contact was reached\. Of 3 contacts: 0 reached"
    ) as raised:
        judge(COMPLETED, a_summary(0, 3))

    assert (raised.value.campaign_id, raised.value.status) == (1, "Completed")


@pytest.mark.parametrize(
    ("pending", "unknown", "warns"),
    [(0, 0, False), (1, 0, True), (0, 1, True), (1, 1, True)],
    ids=["none", "a pending one", "one with an unknown status", "both"],
)
def test_contacts_without_an_outcome_are_warned_of(pending, unknown, warns, caplog):
    judge(COMPLETED, CampaignSummary(contacts=4, reached=2, pending=pending, unknown=unknown))

    assert ("some contacts have no outcome" in caplog.text) is warns


def test_the_figures_for_xcom_count_unknown_outcomes_as_pending():
    summary = CampaignSummary(contacts=7, reached=1, not_reached=2, pending=3, unknown=1, credits=2.5)

    assert summary_figures(summary) == {
        "reached": 1,
        "not_reached": 2,
        "pending": 4,
        "reach_rate": summary.reach_rate,
        "credits": 2.5,
    }


@pytest.mark.parametrize(
    ("spent", "estimate", "says"),
    [
        (3.0, None, ""),
        (3.0, 3.0, " Credits: 3 spent, 3 estimated."),
        (3.0, 0.0, " Credits: 3 spent, 0 estimated."),
        (400.0, 200.0, " Credits: 400 spent, 100 % more than the estimate of 200."),
        (1.0, 4.0, " Credits: 1 spent, 75 % less than the estimate of 4."),
        (4.02, 4.0, " Credits: 4.02 spent, 4 estimated."),
    ],
    ids=["no estimate", "the same", "an estimate of none", "more", "less", "less than a percent more"],
)
def test_what_was_spent_is_compared_with_the_estimate(spent, estimate, says):
    assert spent_text(spent, estimate) == says


class SettlesAfter(VirtualTime):
    """A time in which TingTing shows the contacts' final statuses after so many pauses of the provider."""

    def __init__(self, contacts, pauses):
        super().__init__(at=1_795_400_000.0)
        self.final = [(contact, contact.call) for contact in contacts.values()]
        self.pauses = pauses
        self.slept = []
        for contact in contacts.values():
            contact.call = None

    def sleep(self, seconds):
        self.slept.append(seconds)
        if len(self.slept) == self.pauses:
            for contact, call in self.final:
                contact.call = call


@pytest.fixture
def completed(sandbox):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    return sandbox.world.campaigns[campaign]


_PAUSES = stale_reads.GROWING_PAUSES


@pytest.fixture
def real_pauses(monkeypatch):
    """The pauses as users have them: time is virtual here."""
    monkeypatch.setattr(stale_reads, "GROWING_PAUSES", _PAUSES)


def read_figures(sandbox, completed, pauses):
    time = SettlesAfter(completed.contacts, pauses)
    with use_clock(time), TingTingClient(sandbox.token, base_url=sandbox.base_url) as client:
        return summarise(client, client.send(calls.get_campaign(completed.id))), time.slept


def test_the_figures_of_a_completed_campaign_are_read_until_no_contact_is_pending(sandbox, completed, real_pauses):
    summary, slept = read_figures(sandbox, completed, pauses=2)

    assert (summary.reached, summary.pending) == (4, 0)
    assert slept == [3, 7]


def test_contacts_that_stay_pending_are_waited_for_a_minute(sandbox, completed, real_pauses):
    summary, slept = read_figures(sandbox, completed, pauses=99)

    assert (summary.reached, summary.pending) == (0, 4)
    assert sum(slept) == 60


def test_a_terminated_campaign_has_pending_contacts_and_is_read_once(sandbox):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    sandbox.world.stop_campaign(campaign)

    with TingTingClient(sandbox.token, base_url=sandbox.base_url) as client:
        summarise(client, client.send(calls.get_campaign(campaign)))

    assert reads(sandbox, "download_campaign_report") == 1
