"""No error quotes what the call has sent, however the server writes it, and no control character reaches a log."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.protocol import Call, Response
from airflow_provider_tingting.api.responses import LONGEST_QUOTE, check_download, error_of, read_response
from airflow_provider_tingting.errors import TingTingAPIError, TingTingConfigError, TingTingUnreadableReplyError
from airflow_provider_tingting.masking import printable

TOKEN = "s3cret-T0ken-of-the-bank"
NUMBER = "9841234567"
MESSAGE = "Namaste {name}, your loan of Rs 45000 is overdue since Baisakh"
SENT = calls.add_contacts(
    79,
    [
        {"number": NUMBER, "other_variables": {"name": "Rambahadur Thapa", "loan": "KTM-4471/9"}},
        {"number": "9801112223", "other_variables": {"name": "सीता शर्मा", "note": "deaf in one ear"}},
    ],
)
CREATE = calls.create_campaign(name="Loans of Baisakh", services="PHONE", user_phone=[3], message=MESSAGE)
# What may not be found in an error, whatever its case.
PERSONAL = ("rambahadur", "thapa", "सीता", "शर्मा", "4471", "deaf in one", NUMBER, "9801112223", "234567", "loan of rs")


def error_text(call: Call[Any], content: object, status: int = 400, **headers: str) -> str:
    """Everything that a reader of the error or of its pickle can see."""
    body = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
    response = Response(status, {"content-type": "application/json", **headers}, body)
    error: TingTingAPIError = error_of(call, response, token=TOKEN)
    return f"{error} {error.message} {error.fields} {pickle.loads(pickle.dumps(error))}"


@pytest.mark.parametrize(
    "content",
    [
        {"detail": f"Invalid contact Rambahadur with number {NUMBER}"},
        {"detail": f"Invalid contact RAMBAHADUR THAPA ({NUMBER})."},
        {"contacts": [{"Rambahadur": ["is not a name"]}]},
        {"Rambahadur": ["is not a name"], "सीता": ["is none either"]},
        {"errors": [{"row": f"Rambahadur,{NUMBER},KTM-4471/9"}]},
        {"errors": {"number": [f"9841 ext 234567 of Thapa, {NUMBER[::-1]}", "+977 984-123-4567", "९८४१२३४५६७"]}},
        {"detail": "number 9.8.4.1.2.3.4.5.6.7 and 984 1234 567 and tail 234567"},
        {"detail": "user_rambahadur9@example.com is deaf in one ear"},
        {"detail": json.dumps(SENT.request.json, ensure_ascii=False)},
        b"<html><title>Error for Rambahadur Thapa, 9841234567</title></html>",
        b"<html><title>Error for &#82;ambahadur</title></html>",
        b"Cannot read /contacts/%52ambahadur/9841234567",
        ["सीता शर्मा", {"deep": {"deeper": ["Thapa"]}}],
    ],
    ids=[
        "name and number",
        "capitals",
        "nested JSON key",
        "JSON keys",
        "row of errors",
        "numbers in other spellings",
        "numbers with separators",
        "name in an address",
        "echoed request",
        "HTML title",
        "HTML entity",
        "percent encoding",
        "list",
    ],
)
def test_an_error_quotes_no_value_of_a_contact_that_was_sent(content: object) -> None:
    shown = error_text(SENT, content).casefold()

    assert [value for value in PERSONAL if value.casefold() in shown] == []


@pytest.mark.parametrize(
    "content",
    [
        {"detail": f"Cannot speak {MESSAGE!r}"},
        {"message": [f"too long: {MESSAGE[:40]}..."]},
        {"detail": "Bad text: YOUR LOAN OF RS 45000"},
        {"name": ["campaign Loans of Baisakh exists"]},
    ],
    ids=["whole message", "beginning of the message", "part in capitals", "name of the campaign"],
)
def test_an_error_quotes_no_part_of_a_message_that_was_sent(content: object) -> None:
    shown = error_text(CREATE, content).casefold()

    assert "loan of" not in shown
    assert "loans of" not in shown
    assert "45000" not in shown


@pytest.mark.parametrize(
    "spelling", [TOKEN, TOKEN[::-1], TOKEN.upper(), TOKEN[4:16]], ids=["as sent", "reversed", "capitals", "a part"]
)
def test_an_error_quotes_no_part_of_the_token(spelling: str) -> None:
    shown = error_text(calls.get_campaign(79), {"detail": f"Invalid header: {spelling}"}, 401).casefold()

    assert "invalid header: ***" in shown
    assert spelling.casefold() not in shown


def test_the_address_of_a_redirect_is_quoted_without_what_was_sent() -> None:
    shown = error_text(SENT, b"", 302, location=f"/login/Rambahadur/{NUMBER}/")

    assert "/login/***" in shown
    assert "Rambahadur" not in shown


def test_a_download_that_is_a_refusal_quotes_no_control_characters() -> None:
    response = Response(
        200, {"content-type": "text/html"}, b"<title>\x1b[31mred\x1b]0;own\x07 \r\n[INFO] forged</title>"
    )

    with pytest.raises(TingTingUnreadableReplyError) as caught:
        check_download(calls.download_campaign_report(79), response, token=TOKEN)
    assert all(char.isprintable() for char in str(caught.value))


def test_the_servers_own_words_stay_readable() -> None:
    refused = error_text(CREATE, {"schedule": ["Cannot schedule past dates."], "services": ["PHONE is not allowed."]})

    assert "schedule: Cannot schedule past dates.; services: PHONE is not allowed." in refused


def test_an_error_quotes_no_attribute_of_a_contact_whatever_its_name() -> None:
    call = calls.update_contact_attributes(42, {"status": "Rambahadur", "voice": "hoarse"})
    shown = error_text(call, {"detail": "Rambahadur is hoarse"})

    assert "Rambahadur" not in shown
    assert "hoarse" not in shown


def test_little_of_a_long_text_is_quoted() -> None:
    error = error_of(calls.get_campaign(79), Response(400, {}, json.dumps({"detail": "why " * 5000}).encode()))

    assert len(error.message) <= LONGEST_QUOTE + 1


@given(
    st.lists(st.sampled_from(["", " ", "-", ".", " ext ", "​", "/", "_", ")("]), min_size=10, max_size=10),
    st.text(max_size=20),
)
def test_a_sent_number_is_found_whatever_stands_between_its_digits(separators: list[str], around: str) -> None:
    written = "".join(digit + separator for digit, separator in zip(NUMBER, separators, strict=True))
    shown = error_text(calls.add_contact(79, NUMBER), {"detail": f"{around} {written} {around}"})
    message = shown.partition("HTTP 400")[2]

    assert "4123456" not in "".join(char for char in message if char.isdigit() and char.isascii())


@given(st.text(max_size=60))
def test_a_text_that_a_terminal_could_obey_becomes_one_printable_line(text: str) -> None:
    shown = printable(text)

    assert len(shown.splitlines()) <= 1
    assert not any(char in shown for char in "\x00\x07\x08\x0b\x1b\r\n\u2028\u202e\ufeff")
    assert printable(shown) == shown


@pytest.mark.parametrize(
    "text",
    ["a\x1b]0;title\x07b", "a\r\n2026-11-23 INFO forged", "a\u2028b", "a\u202eb"],
    ids=["OSC", "lines", "LS", "RTL"],
)
def test_no_error_of_this_package_has_a_control_character(text: str) -> None:
    assert all(char.isprintable() for char in str(TingTingConfigError(f"The voice {text} is unknown.")))


# -- values that are too large, too deep or too old --------------------------------------------------------------------


def nested(depth: int) -> bytes:
    return b'{"detail":' * depth + b'"x"' + b"}" * depth


@pytest.mark.parametrize(
    "content",
    [
        nested(900),
        nested(100_000),
        b"[" * 900 + b"]" * 900,
        b'{"id": 79, "status": "Running", "x": ' + nested(900) + b"}",
        b'{"id": ' + b"9" * 5000 + b', "status": "Running"}',
        b'{"id": 79, "status": "Running", "campaign_action_count": 1e400}',
        b'{"id": 79, "status": ["Running"]}',
    ],
    ids=["deep", "very deep", "deep list", "deep field", "huge id", "infinite count", "list as status"],
)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_deep_or_huge_json_is_a_result_or_an_error_of_this_package(content: bytes, status: int) -> None:
    try:
        campaign = read_response(calls.get_campaign(79), Response(status, {}, content))
    except TingTingAPIError as error:
        assert len(str(error)) < 1000
    else:
        assert campaign.id == 79


@pytest.mark.parametrize("progress", [10**400, "9" * 400, 1e308, -1e308, "1e999", True], ids=str)
def test_a_number_that_cannot_be_true_is_unknown(progress: object) -> None:
    content = json.dumps({"id": 79, "status": "Running", "progress_percent": progress}).encode()
    campaign = read_response(calls.get_campaign(79), Response(200, {}, content))

    assert campaign.progress_percent is None or abs(campaign.progress_percent) < 1e12


@pytest.mark.parametrize(
    "header",
    [
        "1e308",
        "9" * 400,
        "Fri, 31 Dec 9999 23:59:59 -9999",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "Fri, 31 Dec 9999 23:59:59",
    ],
    ids=["1e308", "400 digits", "year 9999", "year 1", "no zone"],
)
def test_an_absurd_retry_after_is_at_most_a_day(header: str) -> None:
    error = error_of(calls.get_campaign(79), Response(429, {"retry-after": header}, b""))

    assert error.retry_after is None or 0 < error.retry_after <= 86_400


@pytest.mark.parametrize("moment", ["0001-01-01", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:00"])
def test_a_time_at_the_edge_of_the_calendar_is_a_time_or_unknown(moment: str) -> None:
    content = json.dumps({"id": 79, "status": "Running", "schedule": moment, "updated_at": moment}).encode()
    campaign = read_response(calls.get_campaign(79), Response(200, {}, content))

    for value in (campaign.scheduled_at, campaign.changed_at):
        assert value is None or value.tzinfo is not None
