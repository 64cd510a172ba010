"""Optional reads of the account: a refusal never stops the main job, and each refusal has its own remedy."""

from __future__ import annotations

import pytest
from support.both_clients import Connect
from support.recording_server import RecordingServer

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.lookups import read_balance, read_credits_used
from airflow_provider_tingting.api.models import Contact, Dashboard
from airflow_provider_tingting.errors import TingTingAuthError, TingTingForbiddenError


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_balance_that_the_account_may_not_read_is_unknown(
    connect: Connect, server: RecordingServer, status: int
) -> None:
    server.always({"detail": "You do not have permission to perform this action."}, status)

    assert connect(server, max_retries=0).run(read_balance()) is None


def test_a_rejected_token_is_an_error_of_the_balance_too(connect: Connect, server: RecordingServer) -> None:
    server.always({"detail": "Given token not valid."}, 401)

    with pytest.raises(TingTingAuthError):
        connect(server).run(read_balance())


@pytest.mark.parametrize(("status", "used"), [(200, 41.5), (404, None)], ids=["known", "unknown"])
def test_the_credits_of_the_last_days_are_read_where_the_account_may(
    connect: Connect, server: RecordingServer, status: int, used: float | None
) -> None:
    server.always({"credits_used": 41.5}, status)

    assert connect(server, max_retries=0).run(read_credits_used(days=1)) == used


def test_a_missing_permission_does_not_advise_a_new_token(connect: Connect, server: RecordingServer) -> None:
    """Making a new token revokes the valid one."""
    server.always({"detail": "You do not have permission to perform this action."}, 403)

    with pytest.raises(TingTingForbiddenError, match="Ask TingTing for it; do not make a new token") as caught:
        connect(server).send(calls.get_dashboard())
    assert "Put a valid API token" not in str(caught.value)


def test_an_account_that_is_not_activated_does_not_advise_a_new_token(
    connect: Connect, server: RecordingServer
) -> None:
    server.always({"detail": "Account is not activated."}, 401)

    with pytest.raises(TingTingAuthError, match="Ask TingTing to activate the account") as caught:
        connect(server).send(calls.list_voice_models())
    assert "Put a valid API token" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "services", "credits"),
    [
        ({"remaining_credits": "12.5"}, "PHONE", 12.5),
        ({"remaining_sms_credits": 3, "remaining_phone_credits": "40"}, "PHONE", 40),
        ({"remaining_sms_credits": 3, "remaining_phone_credits": "40"}, "SMS", 3),
        ({"remaining_sms_credits": 3, "remaining_phone_credits": "40"}, "SMS & PHONE", 43),
        ({"remaining_credits": 7, "remaining_sms_credits": 3}, "PHONE", 7),
        ({"remaining_credits": 7, "remaining_sms_credits": 0}, "SMS", 0),
        ({}, "PHONE", None),
    ],
    ids=["one", "calls", "SMS", "both", "no balance of calls", "no SMS left", "unknown"],
)
def test_the_balance_is_that_of_the_service_that_spends_it(
    content: dict[str, object], services: str, credits: float | None
) -> None:
    assert Dashboard.model_validate(content).credits_for(services) == credits


@pytest.mark.parametrize(
    ("row", "seconds"),
    [
        ({"call_duration": "10s"}, 10),
        ({"duration": 12}, 12),
        ({"call_duration": "", "duration": "7s"}, 7),
        ({"call_duration": None, "duration": None}, None),
        ({"call_duration": 0, "duration": 9}, 0),
    ],
    ids=["call_duration", "duration", "empty call_duration", "neither", "zero"],
)
def test_the_duration_of_a_call_is_read_under_either_name(row: dict[str, object], seconds: float | None) -> None:
    assert Contact.model_validate(row).call_duration == seconds
