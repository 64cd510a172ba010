from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.virtual_time import VirtualTime

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.protocol import Response
from airflow_provider_tingting.api.responses import error_of, parse_retry_after, read_response
from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingForbiddenError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingRefusedError,
    TingTingServerError,
    TingTingUnreadableReplyError,
    TingTingValidationError,
)

CAMPAIGN = calls.get_campaign(79)


def answer(status: int, content: object, **headers: str) -> Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Response(status, headers, body)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"detail": "Not yours."}, "Not yours."),
        ({"message": "Not yours."}, "Not yours."),
        ({"error": "Not yours."}, "Not yours."),
        ({"schedule": ["Cannot schedule past dates."]}, "schedule: Cannot schedule past dates."),
        ({"schedule": "Cannot schedule past dates."}, "schedule: Cannot schedule past dates."),
        ({"name": {"non_field_errors": ["Taken."]}}, "name: Taken."),
        (
            {"status": 400, "success": False, "message": "Invalid.", "errors": {"name": ["Taken."]}, "data": None},
            "Invalid.; name: Taken.",
        ),
        (["One.", "Two."], "One.; Two."),
        ("bare text", "bare text."),
        (b"<html><title>502 Bad Gateway</title><body>x</body></html>", "an HTML page titled '502 Bad Gateway'."),
        (b"", "the response has no message."),
    ],
)
def test_the_message_of_each_known_error_format_is_read(content: object, message: str) -> None:
    error = error_of(CAMPAIGN, answer(400, content))

    assert error.message == message
    assert "get_campaign for campaign 79" in str(error)
    assert "HTTP 400" in str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, TingTingValidationError),
        (401, TingTingAuthError),
        (403, TingTingForbiddenError),
        (404, TingTingNotFoundError),
        (405, TingTingRefusedError),
        (408, TingTingOutcomeUnknownError),
        (409, TingTingRefusedError),
        (413, TingTingRefusedError),
        (422, TingTingValidationError),
        (429, TingTingRateLimitedError),
        (500, TingTingServerError),
        (503, TingTingServerError),
    ],
)
def test_the_status_decides_the_kind_of_fault(status: int, kind: type[TingTingAPIError]) -> None:
    assert type(error_of(CAMPAIGN, answer(status, {}))) is kind


def test_the_complaint_about_each_field_is_kept() -> None:
    error = error_of(CAMPAIGN, answer(400, {"errors": {"name": ["Taken.", "Too long."], "voice": "Unknown."}}))

    assert error.fields == {"name": ("Taken.", "Too long."), "voice": ("Unknown.",)}


def test_a_number_in_the_servers_message_is_masked() -> None:
    error = error_of(CAMPAIGN, answer(400, {"number": ["9841234567 is not valid."]}))

    assert "9841234567" not in str(error) + error.message
    assert "98******67" in str(error)


def test_success_false_with_status_200_is_a_refusal() -> None:
    with pytest.raises(TingTingValidationError, match="Voice missing"):
        read_response(CAMPAIGN, answer(200, {"success": False, "message": "Voice missing"}))


def test_the_data_of_an_envelope_is_the_result() -> None:
    campaign = read_response(CAMPAIGN, answer(200, {"success": True, "data": {"id": 79, "status": "Running"}}))

    assert campaign.id == 79


@pytest.mark.parametrize("content", [b"<html>login</html>", b'{"id": 79, "sta', b"[1, 2]", b"{}", b""])
def test_a_good_status_with_another_content_is_unreadable_and_never_a_result(content: bytes) -> None:
    with pytest.raises(TingTingUnreadableReplyError):
        read_response(CAMPAIGN, answer(200, content))


def test_an_unreadable_response_is_described_without_its_values() -> None:
    with pytest.raises(TingTingUnreadableReplyError) as caught:
        read_response(CAMPAIGN, answer(200, {"id": "सीता 9841234567", "status": "Running"}))

    assert "सीता" not in str(caught.value)
    assert "id" in str(caught.value)


@given(st.binary(max_size=400), st.sampled_from([200, 207, 400, 404, 500]))
def test_no_bytes_from_the_server_break_the_reading(content: bytes, status: int) -> None:
    with pytest.raises(TingTingAPIError):
        read_response(CAMPAIGN, answer(status, content))


def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    now = datetime(2026, 11, 23, 5, 0, tzinfo=timezone.utc)

    assert parse_retry_after("7") == 7
    assert parse_retry_after("1.5") == 1.5
    with use_clock(VirtualTime(now.timestamp())):
        assert parse_retry_after(format_datetime(now + timedelta(seconds=90), usegmt=True)) == 90


@pytest.mark.parametrize("header", [None, "", "soon", "-3", "0", "nan", "inf", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_retry_after_that_names_no_time_to_come_is_ignored(header: str | None) -> None:
    assert parse_retry_after(header) is None
