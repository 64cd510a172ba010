"""What of a cell reaches TingTing, and what of a contact reaches a log."""

from __future__ import annotations

import enum
import json
import pickle
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tingting.contacts.contact import Contact, Place, plain_value
from airflow_provider_tingting.contacts.message import clean_tags, fill, same_name, tags_in, unfillable_tags


class Level(enum.Enum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("राम", "राम"),
        (5, 5),
        (5.0, 5),
        (5.5, 5.5),
        (1e300, 1e300),
        (True, True),
        (None, ""),
        (float("nan"), ""),
        (datetime(2025, 7, 8), "2025-07-08"),
        (datetime(2025, 7, 8, 10, 30), "2025-07-08 10:30:00"),
        (datetime(2025, 7, 8, tzinfo=timezone.utc), "2025-07-08 00:00:00+00:00"),
        (date(2025, 7, 8), "2025-07-08"),
        (time(10, 30), "10:30"),
        (time(10, 30, 5), "10:30:05"),
        (timedelta(hours=30, minutes=1), "30:01:00"),
        (Decimal("1500.00"), 1500),
        (Decimal("0.10"), "0.10"),
        (Decimal("NaN"), ""),
        (12345678901234567890, "12345678901234567890"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Level.HIGH, 3),
    ],
)
def test_a_cell_is_sent_as_a_person_would_write_it(value: object, sent: object) -> None:
    assert plain_value(value) == sent
    assert type(plain_value(value)) is type(sent)


@pytest.mark.parametrize("value", [["a"], {"a": 1}, b"a", float("inf"), Decimal("Infinity"), object()])
def test_what_is_no_single_value_cannot_be_a_variable(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be sent as a variable"):
        plain_value(value)


@given(st.one_of(st.integers(), st.floats(allow_infinity=False), st.decimals(allow_infinity=False), st.datetimes()))
def test_whatever_is_sent_is_json(value: object) -> None:
    sent = plain_value(value)
    assert json.loads(json.dumps(sent, allow_nan=False)) == sent


def test_a_contact_goes_out_in_the_shape_of_the_api() -> None:
    contact = Contact("9841234567", {"name": "Jane", "age": 23.0, "note": None}, Place("people.csv", 2))
    assert contact.as_api() == {"number": "9841234567", "other_variables": {"name": "Jane", "age": 23, "note": ""}}


def test_a_contact_shows_neither_its_number_nor_what_its_variables_hold() -> None:
    shown = repr(Contact("9841234567", {"name": "Jane"}, Place("people.xlsx", 12, "Sheet1")))
    assert "9841234567" not in shown
    assert "Jane" not in shown
    assert "98******67" in shown
    assert "people.xlsx, sheet 'Sheet1', row 12" in shown


def test_a_contact_can_go_to_another_process() -> None:
    contact = Contact("9841234567", {"name": "Jane"}, Place("people.csv", 2))
    assert pickle.loads(pickle.dumps(contact)) == contact


def test_tags_are_found_once_each_in_the_order_of_their_use() -> None:
    voice = "नमस्कार, {tags_name}, हजुर { tags_age } वर्षको हुनुहुन्छ। {tags_name}"
    assert tags_in(voice, "{district} {टोल}", None, "") == ("tags_name", " tags_age ", "district", "टोल")
    assert tags_in("no tag { } {} here } {", None) == ()


def test_a_tag_with_spaces_is_one_that_tingting_does_not_fill() -> None:
    message = "{ name } owes {\u200bamount }, {ward no}"

    assert unfillable_tags(message) == (" name ", "\u200bamount ")
    assert clean_tags(message) == "{name} owes {amount}, {ward no}"
    assert unfillable_tags(clean_tags(message)) == ()
    assert fill("{ name }", {"name": "Sita"}) == "{ name }"


@given(st.text(st.sampled_from("ab {}\u200b\u200dक्ष\n")))
def test_a_cleaned_message_stays_as_it_is(text: str) -> None:
    assert clean_tags(clean_tags(text)) == clean_tags(text)
    assert unfillable_tags(clean_tags(text)) == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [("\u0928\u093c", "\u0929"), ("क्\u200dष", "क्ष"), ("e\u0301", "é")],
    ids=["nukta", "joiner", "accent"],
)
def test_names_that_look_the_same_are_the_same(first: str, second: str) -> None:
    assert same_name(first) == same_name(second)


def test_a_message_is_filled_as_the_contact_gets_it() -> None:
    message = "{name} owes {amount} by {due}. {unknown}"
    filled = fill(message, {"name": "{amount}", "amount": 1500.0, "due": date(2025, 7, 8)})
    assert filled == "{amount} owes 1500 by 2025-07-08. {unknown}"
