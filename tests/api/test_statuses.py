from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.statuses import CampaignStatus, ContactStatus

KNOWN = {status.value for status in CampaignStatus}


@given(st.text().filter(lambda text: text not in KNOWN))
def test_an_unknown_status_is_a_value_of_its_own_and_never_an_end(text: str) -> None:
    status = Campaign.model_validate({"id": 1, "status": text}).status

    assert status.value == "".join(char if char.isprintable() else "?" for char in text[:80])
    assert not status.is_known
    assert not status.is_final
    assert status is not CampaignStatus.COMPLETED


def test_an_unknown_status_counts_as_begun_so_that_it_is_never_run() -> None:
    assert CampaignStatus("Paused").has_begun
    assert not CampaignStatus.NOT_STARTED.has_begun


def test_an_unknown_status_survives_a_journey() -> None:
    assert pickle.loads(pickle.dumps(CampaignStatus("Paused"))).value == "Paused"


def test_a_status_may_be_written_in_any_case() -> None:
    assert CampaignStatus.from_text(" not  started") is CampaignStatus.NOT_STARTED


def test_the_error_of_an_unknown_status_name_lists_the_statuses() -> None:
    with pytest.raises(ValueError, match="Not Started, Scheduled, Running, Completed, Terminated"):
        CampaignStatus.from_text("done")


@given(st.text())
def test_only_a_completed_or_hung_up_call_has_reached_the_contact(text: str) -> None:
    assert ContactStatus(text).is_reached == (text in ("completed", "hungup"))


@pytest.mark.parametrize("text", ["Not\tStarted", "Not\x1fStarted", "Completed\x00", "Running" + " " * 90])
def test_a_status_with_another_character_is_not_the_known_one(text: str) -> None:
    status = Campaign.model_validate({"id": 1, "status": text}).status

    assert status not in KNOWN
    assert not status.is_known
