"""Formats that outlive an upgrade: a changed marker means a second campaign, a changed event a task that fails."""

from __future__ import annotations

import re

import pytest

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.campaigns.marker import is_marked
from airflow_provider_tingting.campaigns.observation import Observation, Reason
from airflow_provider_tingting.campaigns.run import CampaignSpec, JobState, Marker, RunRequest
from airflow_provider_tingting.notifications.notification import Claim, Notification, NotificationMarker
from airflow_provider_tingting.triggers.campaign import TingTingCampaignTrigger
from airflow_provider_tingting.triggers.finished import TingTingCampaignFinishedTrigger
from airflow_provider_tingting.triggers.start import TingTingStartTrigger
from airflow_provider_tingting.utils.task_state import KEY, OCCASION, TaskState

SPEC = CampaignSpec(
    name="पानी सूचना – वडा ७",
    services="SMS & PHONE",
    user_phone=(3, 7),
    message="नमस्कार {name} जी, भोलि पानी आउँदैन।",
    sms_message="भोलि पानी आउँदैन",
    description="वडा कार्यालय",
    schedule="2026-11-23T10:00:00+05:45",
    credit_limit=500.0,
    voice=1,
)
MARKER = "[airflow:a99260612a90bf04beba.0/b1cb82e7]"
OF_AN_OCCASION = "[airflow:f4fc224b35585591712d.1r0a3f/b1cb82e7]"
STATE = JobState(79, "b1cb82e7", 1763870000.5, RunRequest.MAYBE, 1763870100.25, True)
ENTRY = {
    "version": 2,
    "campaign_id": 79,
    "fingerprint": "b1cb82e7",
    "create_requested_at": 1763870000.5,
    "run": "maybe",
    "run_requested_at": 1763870100.25,
    "seen_not_started": True,
    "stop_requested_at": None,
}
SEEN = Observation(Reason.REFUSED, 79, "Running", 43.5, 4, "पहुँच छैन", 403)
EVENT = {
    "version": 1,
    "reason": "refused",
    "campaign_id": 79,
    "status": "Running",
    "progress_percent": 43.5,
    "contacts": 4,
    "detail": "पहुँच छैन",
    "status_code": 403,
}
OF_A_NOTIFICATION = "[airflow-notification:0123456789abcdef/1/1763870000/1763871800/0a1b2c3d]"


def test_the_marker_of_a_task_instance() -> None:
    marker = Marker.of(SPEC, "जल_सूचना", "scheduled__2026-11-23", "create", -1)

    assert str(marker) == MARKER
    assert marker.is_in(f"{MARKER} वडा कार्यालय")
    assert is_marked(MARKER)


def test_the_marker_of_an_occasion() -> None:
    marker = Marker.of(SPEC, "जल_सूचना", "2026-W48 वडा ७", generation="1r0a3f")

    assert str(marker) == OF_AN_OCCASION
    assert marker.any_generation().rank_in(OF_AN_OCCASION) == "1"
    assert str(marker.as_found(OF_AN_OCCASION.replace("1r0a3f", "0r77"))) == OF_AN_OCCASION.replace("1r0a3f", "0r77")


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "पानी सूचना – वडा ८"},
        {"services": "PHONE"},
        {"user_phone": (7, 3)},
        {"message": "नमस्कार"},
        {"sms_message": None},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_campaign_with_other_content_has_another_fingerprint(changed: dict[str, object]) -> None:
    assert CampaignSpec(**{**SPEC.__dict__, **changed}).fingerprint() != "b1cb82e7"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed",
    [{"description": None}, {"schedule": None}, {"credit_limit": 1.0}, {"voice": 2}],
    ids=lambda changed: next(iter(changed)),
)
def test_what_a_later_try_may_change_leaves_the_fingerprint(changed: dict[str, object]) -> None:
    assert CampaignSpec(**{**SPEC.__dict__, **changed}).fingerprint() == "b1cb82e7"  # type: ignore[arg-type]


def test_the_entry_in_the_task_state_store() -> None:
    assert STATE.to_json() == ENTRY
    assert JobState.from_json(ENTRY) == STATE
    assert (KEY, OCCASION) == ("tingting_job", "tingting_occasion")


def test_an_entry_is_stored_with_the_generation_of_its_task() -> None:
    stored: dict[str, object] = {}

    class Store:
        get = stored.get

        def set(self, key: str, value: object) -> None:
            stored[key] = value

    context = {"ti": type("TI", (), {"max_tries": 4})(), "task_state_store": Store()}
    TaskState(context).save(ENTRY)  # type: ignore[arg-type]

    assert stored == {"tingting_job": {**ENTRY, "generation": 4}}
    assert JobState.from_json(TaskState(context).load()) == STATE  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "maybe",
        {**ENTRY, "version": 1},
        {**ENTRY, "run": "perhaps"},
        {**ENTRY, "campaign_id": "79"},
        {**ENTRY, "fingerprint": 7},
        {**ENTRY, "create_requested_at": "now"},
        {**ENTRY, "run_requested_at": "now"},
        {**ENTRY, "seen_not_started": None},
    ],
    ids=["none", "a text", "another version", "run", "campaign_id", "fingerprint", "create time", "run time", "seen"],
)
def test_an_entry_that_cannot_be_read_is_as_none(entry: object) -> None:
    assert JobState.from_json(entry) == JobState()


def test_an_entry_of_before_a_field_was_added_is_read() -> None:
    assert JobState.from_json({name: value for name, value in ENTRY.items() if name != "stop_requested_at"}) == STATE


def test_an_entry_with_whole_seconds_is_read() -> None:
    whole = {**ENTRY, "create_requested_at": 1763870000, "run_requested_at": 1763870100}

    assert JobState.from_json(whole).run_requested_at == 1763870100


def test_the_event_of_the_campaign_trigger() -> None:
    assert SEEN.to_event() == EVENT
    assert Observation.from_event(EVENT, campaign_id=79) == SEEN


TRIGGERS = {
    "campaign": (
        TingTingCampaignTrigger(
            79, "vendor", ["Running"], 45.0, 1763870000.0, 300.0, True, 1763860000.0, deferred_at=1763850000.0
        ),
        "airflow_provider_tingting.triggers.campaign.TingTingCampaignTrigger",
        {
            "campaign_id": 79,
            "tingting_conn_id": "vendor",
            "until": ["Running"],
            "poll_interval": 45.0,
            "deadline": 1763870000.0,
            "tolerate_outage": 300.0,
            "stop_on_kill": True,
            "starts_by": 1763860000.0,
            "deferred_at": 1763850000.0,
        },
    ),
    "start": (
        TingTingStartTrigger(79, "vendor", 1763870000.0, 45.0, 1763880000.0, 300.0, True, deferred_at=1763850000.0),
        "airflow_provider_tingting.triggers.start.TingTingStartTrigger",
        {
            "campaign_id": 79,
            "tingting_conn_id": "vendor",
            "not_before": 1763870000.0,
            "poll_interval": 45.0,
            "deadline": 1763880000.0,
            "tolerate_outage": 300.0,
            "run_requested": True,
            "deferred_at": 1763850000.0,
        },
    ),
    "finished": (
        TingTingCampaignFinishedTrigger("vendor", "पानी*", ["Completed"], 45.0),
        "airflow_provider_tingting.triggers.finished.TingTingCampaignFinishedTrigger",
        {"tingting_conn_id": "vendor", "name_pattern": "पानी*", "statuses": ["Completed"], "poll_interval": 45.0},
    ),
}


@pytest.mark.parametrize(("trigger", "path", "arguments"), TRIGGERS.values(), ids=TRIGGERS)
def test_the_arguments_of_a_trigger(trigger: object, path: str, arguments: dict[str, object]) -> None:
    assert trigger.serialize() == (path, arguments)  # type: ignore[attr-defined]


def test_the_marker_of_a_notification() -> None:
    marker = NotificationMarker("0123456789abcdef", 1, 1763870000, 1763871800, "0a1b2c3d")

    assert str(marker) == OF_A_NOTIFICATION
    assert NotificationMarker.read(f"{OF_A_NOTIFICATION} A notification from Airflow.") == marker


def test_a_notifications_name_and_search_and_a_new_marker() -> None:
    notification = Notification("0123456789abcdef", "जल सूचना", ("9841234567", "9841234568"), "पानी आएन")
    marker = NotificationMarker.of(notification, 1, 1763870000.9)

    assert (notification.name, notification.search) == ("Airflow जल सूचना 01234567", "01234567")
    assert re.fullmatch(r"\[airflow-notification:0123456789abcdef/1/1763870000/1763871800/[0-9a-f]{8}\]", str(marker))
    assert Claim(Campaign(id=1, status="Running"), marker).holds(1763871799)
    assert not Claim(Campaign(id=1, status="Running"), marker).holds(1763871800)
