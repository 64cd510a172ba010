"""How a wait has ended, and what one read shows: what a worker takes from an event, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.campaigns.observation import Observation, Reason, Snapshot
from airflow_provider_tingting.errors import (
    TingTingAuthError,
    TingTingConfigError,
    TingTingError,
    TingTingForbiddenError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRefusedError,
    TingTingServerError,
)

EVENT = {"version": 1, "reason": "reached", "campaign_id": 79, "status": "Completed"}


def read(**changes: Any) -> Observation:
    return Observation.from_event({**EVENT, **changes}, campaign_id=79)


def test_what_an_event_leaves_out_is_unknown() -> None:
    assert read() == Observation(Reason.REACHED, 79, "Completed", None, None, "", None)


@pytest.mark.parametrize("percent", [100, 43.5, None], ids=["whole", "fraction", "unknown"])
def test_a_progress_is_a_number_or_unknown(percent: float | None) -> None:
    assert read(progress_percent=percent).progress_percent == percent


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"reason": "over"},
        {"campaign_id": "79"},
        {"campaign_id": None},
        {"status": 3},
        {"status": None},
        {"status": ""},
        {"progress_percent": "all"},
        {"progress_percent": True},
        {"contacts": 4.0},
        {"detail": 1},
        {"status_code": "403"},
    ],
    ids=lambda changes: f"{next(iter(changes))}={next(iter(changes.values()))!r}",
)
def test_an_event_that_is_none_is_never_a_success(changes: dict[str, Any]) -> None:
    with pytest.raises(TingTingError, match="does not understand"):
        read(**changes)


@pytest.mark.parametrize("event", [None, "reached", [], {}, {"version": 1}], ids=repr)
def test_what_is_no_event_is_refused(event: Any) -> None:
    with pytest.raises(TingTingError, match="does not understand"):
        Observation.from_event(event, campaign_id=79)


@pytest.mark.parametrize("reason", [Reason.TIMED_OUT, Reason.OUTAGE, Reason.REFUSED, Reason.NOT_BEGUN])
def test_a_wait_that_saw_nothing_has_no_status(reason: Reason) -> None:
    assert read(reason=reason.value, status=None).status is None


def test_an_event_about_another_campaign_is_refused() -> None:
    with pytest.raises(TingTingError, match="has waited for campaign 80"):
        read(campaign_id=80)


def test_an_error_that_ends_a_wait_is_kept_with_what_was_seen() -> None:
    seen = Observation(Reason.REACHED, 79, "Running", 43.5, 4)

    refused = seen.ended_by(Reason.REFUSED, TingTingForbiddenError("get_campaign", "no.", status_code=403))
    assert refused == Observation(Reason.REFUSED, 79, "Running", 43.5, 4, "no.", 403)

    other = seen.ended_by(Reason.REFUSED, TingTingConfigError("no token."))
    assert other == Observation(Reason.REFUSED, 79, "Running", 43.5, 4, "no token.", None)


@pytest.mark.parametrize(
    ("reason", "code", "kind"),
    [
        (Reason.OUTAGE, 503, TingTingOutcomeUnknownError),
        (Reason.REFUSED, 401, TingTingAuthError),
        (Reason.REFUSED, 403, TingTingForbiddenError),
        (Reason.REFUSED, 404, TingTingNotFoundError),
        (Reason.REFUSED, 400, TingTingRefusedError),
        (Reason.REFUSED, None, TingTingRefusedError),
    ],
    ids=["outage", "401", "403", "404", "400", "no status"],
)
def test_the_worker_raises_the_error_that_has_ended_the_wait(
    reason: Reason, code: int | None, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match="why it was") as raised:
        Observation(reason, 79, "Running", detail="why it was", status_code=code).raise_for_reason()

    assert type(raised.value) is kind
    assert raised.value.call == "get_campaign"  # type: ignore[attr-defined]
    assert raised.value.campaign_id == 79  # type: ignore[attr-defined]
    assert raised.value.status_code == code  # type: ignore[attr-defined]
    says = "Perhaps it was deleted" if code == 404 else "may still be running"
    assert says in str(raised.value)


@pytest.mark.parametrize("reason", [Reason.REACHED, Reason.TIMED_OUT, Reason.NOT_BEGUN])
def test_a_wait_without_an_error_raises_none(reason: Reason) -> None:
    Observation(reason, 79, "Running").raise_for_reason()


# -- what one read shows -----------------------------------------------------------------------------------------------


def shown(status: str, percent: float | None = None, updated_at: str | None = None) -> Snapshot:
    return Snapshot(79, status, percent, 4, None, updated_at)


def test_a_snapshot_holds_what_a_campaign_shows() -> None:
    campaign = Campaign(
        id=79,
        status="Scheduled",
        progress_percent=0,
        campaign_action_count=4,
        schedule="2026-11-24T10:00:00+05:45",
        updated_at="2026-11-23T10:00:00Z",
    )
    snapshot = Snapshot.of(campaign)

    assert snapshot == Snapshot(79, "Scheduled", 0, 4, 1795493700.0, "2026-11-23T10:00:00Z")
    assert snapshot.observe() == Observation(Reason.REACHED, 79, "Scheduled", 0, 4)
    assert Snapshot.of(Campaign(id=79, status="Running")).starts_at is None


@pytest.mark.parametrize(
    ("earlier", "later", "is_one"),
    [
        (shown("Completed"), shown("Running"), True),
        (shown("Completed"), shown("Terminated"), False),
        (shown("Running"), shown("Not Started"), True),
        (shown("Running"), shown("Scheduled"), True),
        (shown("Running"), shown("Completed"), False),
        (shown("Scheduled"), shown("Not Started"), False),
        (shown("Running", 1, "2026-11-24"), shown("Running", 2, "2026-11-23"), True),
        (shown("Running", 1, "2026-11-23"), shown("Running", 2, "2026-11-23"), False),
        (shown("Running", 1, None), shown("Running", 2, "2026-11-23"), False),
        (shown("Running", 1, "2026-11-24"), shown("Running", 2, None), False),
    ],
    ids=[
        "runs after its end",
        "another end",
        "not started after its begin",
        "scheduled after its begin",
        "ends",
        "schedule taken back",
        "an earlier time",
        "the same time",
        "no time before",
        "no time after",
    ],
)
def test_a_read_contradicts_what_it_cannot_follow(earlier: Snapshot, later: Snapshot, is_one: bool) -> None:
    assert later.contradicts(earlier) is is_one


@pytest.mark.parametrize(
    ("earlier", "later", "is_older"),
    [
        (shown("Running", 50, "2026-11-24"), shown("Running", 60, "2026-11-23"), True),
        (shown("Running", 50, "2026-11-23"), shown("Running", 50, "2026-11-23"), False),
        (shown("Running", 50), shown("Running", 40), True),
        (shown("Running", 50), shown("Running", 50), False),
        (shown("Running", 1), shown("Running", None), True),
        (shown("Running", None), shown("Running", None), False),
    ],
    ids=["an earlier time", "the same", "less progress", "the same progress", "no progress", "none at all"],
)
def test_a_read_is_older_by_its_time_or_its_progress(earlier: Snapshot, later: Snapshot, is_older: bool) -> None:
    assert later.is_older_than(earlier) is is_older


def test_an_event_names_its_reason_and_the_error() -> None:
    server = TingTingServerError("get_campaign", "down.", status_code=503)

    event = Observation(Reason.TIMED_OUT, 79).ended_by(Reason.OUTAGE, server).to_event()

    assert (event["reason"], event["detail"], event["status_code"]) == ("outage", "down.", 503)
