"""Cells of a report become values, or stay what they are."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tingting.reports import CONTACT_STATUSES
from airflow_provider_tingting.reports.cells import (
    NEPAL,
    UNREADABLE,
    CachedParser,
    read_date,
    read_duration,
    read_each_other_info,
    read_number,
    read_other_info,
    read_percent,
    read_status,
    write_each_json,
    write_json,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10", 10),
        ("10s", 10),
        ("10 sec", 10),
        ("0:10", 10),
        ("00:00:10", 10),
        ("1:02:03", 3723),
        ("1m 5s", 65),
        ("1 min 5 seconds", 65),
        ("2m", 120),
        ("1h2m3s", 3723),
        ("10.5", 10.5),
        ("१०", 10),
        ("", None),
        ("-", None),
        ("None", None),
        ("-5", UNREADABLE),
        ("ten", UNREADABLE),
        ("nan", None),
        ("inf", UNREADABLE),
        ("1e999", UNREADABLE),
        ("1_0", UNREADABLE),
        ("0:99", UNREADABLE),
        (f"{'9' * 5000}h", UNREADABLE),
        (f"{'9' * 400}m", UNREADABLE),
        (f"{'9' * 400}s", UNREADABLE),
        (f"{'9' * 5000}:00:00", UNREADABLE),
        (f"{'0' * 5000}1h", 3600),
    ],
    ids=lambda text: str(text)[:20],
)
def test_a_duration_is_read_in_every_form(text: str, seconds: object) -> None:
    assert read_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "percent"), [("91", 91), ("91%", 91), ("91.5 %", 91.5), ("", None), ("100", 100), ("most", UNREADABLE)]
)
def test_a_percent_is_read_with_and_without_its_sign(text: str, percent: object) -> None:
    assert read_percent(text) == percent


@pytest.mark.parametrize(
    ("text", "amount"), [("1,200.50", 1200.5), ("1,00,000", 100_000), ("0E-10", 0), ("1,2", UNREADABLE), (".5", 0.5)]
)
def test_an_amount_may_be_grouped_the_western_and_the_nepali_way(text: str, amount: object) -> None:
    assert read_number(text) == amount


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-07-09 14:46:00", datetime(2025, 7, 9, 14, 46, tzinfo=NEPAL)),
        ("2025-07-09T14:46:00+05:45", datetime(2025, 7, 9, 14, 46, tzinfo=NEPAL)),
        ("2025-07-09T09:01:00Z", datetime(2025, 7, 9, 14, 46, tzinfo=NEPAL)),
        ("2025-07-09T09:01:00.5Z", datetime(2025, 7, 9, 9, 1, 0, 500_000, timezone.utc)),
        ("2025-07-09 09:01:00.123456+0000", datetime(2025, 7, 9, 9, 1, 0, 123_456, timezone.utc)),
        ("2025-07-09 09:01 UTC", datetime(2025, 7, 9, 9, 1, tzinfo=timezone.utc)),
        ("2025-07-09", datetime(2025, 7, 9, tzinfo=NEPAL)),
        ("2025/07/09 14:46", datetime(2025, 7, 9, 14, 46, tzinfo=NEPAL)),
        ("09/07/2025 14:46", datetime(2025, 7, 9, 14, 46, tzinfo=NEPAL)),
        ("9 Jul 2025", datetime(2025, 7, 9, tzinfo=NEPAL)),
        ("July 9, 2025, 2:46 p.m.", datetime(2025, 7, 9, 14, 46, tzinfo=NEPAL)),
        ("July 9, 2025, 12:05 a.m.", datetime(2025, 7, 9, 0, 5, tzinfo=NEPAL)),
        ("Jul 9, 2025, 2 PM", datetime(2025, 7, 9, 14, 0, tzinfo=NEPAL)),
        ("Wed, 09 Jul 2025 09:01:00 GMT", datetime(2025, 7, 9, 9, 1, tzinfo=timezone.utc)),
    ],
)
def test_a_date_is_read_in_every_form_and_has_a_time_zone(text: str, moment: datetime) -> None:
    read = read_date(text)
    assert isinstance(read, datetime)
    assert read == moment
    assert read.utcoffset() == moment.utcoffset() or "Z" in text


def test_the_time_zone_of_a_date_is_kept() -> None:
    read = read_date("2025-07-09T12:00:00+02:00")
    assert isinstance(read, datetime)
    assert read.utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize(
    "text", ["2082-03-25 14:46:00", "2082-03-25", "2081-02-32", "07/25/2025", "tomorrow", "14:46", "2025-07-09 25:00"]
)
def test_a_date_that_would_be_a_guess_is_not_read(text: str) -> None:
    assert read_date(text) is UNREADABLE


@pytest.mark.parametrize("text", ["", " ", "None", "-", "N/A"])
def test_no_date_is_none(text: str) -> None:
    assert read_date(text) is None


@pytest.mark.parametrize("text", ["Hung Up", "hung_up", "HUNGUP", " hungup "])
def test_a_status_is_known_in_any_spelling(text: str) -> None:
    assert read_status(text) == "hungup"


def test_an_unknown_status_stays_what_it_is() -> None:
    assert read_status(" Completed-ish ") == "Completed-ish"
    assert set(map(read_status, CONTACT_STATUSES)) == set(CONTACT_STATUSES)


@pytest.mark.parametrize(
    ("text", "info"),
    [
        ("{'name': 'Ram', 'ward': 5}", {"name": "Ram", "ward": 5}),
        ("""{'name': "O'Neil", 'paid': None, 'vip': True}""", {"name": "O'Neil", "paid": None, "vip": True}),
        ("{'name': 'None'}", {"name": "None"}),
        ("""{'a': 'say "True"'}""", {"a": 'say "True"'}),
        (r"""{'a': 'it\'s "x"'}""", {"a": 'it\'s "x"'}),
        ('{"name": "सीता", "ward": null}', {"name": "सीता", "ward": None}),
        (r'{"name": "\u0938"}', {"name": "स"}),
        ("{1: 'a'}", {"1": "a"}),
        ("{'a': (1, 2)}", {"a": (1, 2)}),
        ("{}", {}),
        ("", None),
        ("None", None),
        ("ward 5, Kathmandu", "ward 5, Kathmandu"),
        ("[1, 2]", "[1, 2]"),
        ("{'a', 'b'}", "{'a', 'b'}"),
        ('{"a": NaN}', '{"a": NaN}'),
        ('{"a": 1e999}', '{"a": 1e999}'),
        (r'{"half a character": "\ud800"}', r'{"half a character": "\ud800"}'),
    ],
)
def test_variables_are_read_from_a_python_repr_from_json_or_stay_text(text: str, info: object) -> None:
    assert read_other_info(text) == info


@pytest.mark.parametrize(
    "text",
    [
        "{'a': __import__('os').system('touch /tmp/owned')}",
        "{'a': open('/etc/passwd').read()}",
        "{'a': " + "[" * 5000 + "]" * 5000 + "}",
        "{'a': " + "-" * 60_000 + "1}",
        "{'a': " + "+".join("1" * 30_000) + "}",
        "{'a': " + "9" * 60_000 + "}",
    ],
)
def test_hostile_variables_are_only_text(text: str) -> None:
    assert read_other_info(text) == text


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)
_INFO = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), _SCALARS | st.lists(_SCALARS, max_size=3))


@given(_INFO)
def test_any_dict_comes_back_from_its_repr_and_from_its_json(info: dict[str, object]) -> None:
    assert read_other_info(repr(info)) == info
    assert read_other_info(json.dumps(info)) == info
    assert read_other_info(json.dumps(info, ensure_ascii=False)) == info


_PIECES = ("{", "}", "'", '"', "\n", ",", ":", " ", "None", "True", "1", "a", "[", "]", "\\")
_CELLS = st.lists(
    st.sampled_from(["{'a': 1}", "{'a': None}", "{'b': True}", '{"a": "x"}', '{"a": null}', "{}", ""])
    | st.lists(st.sampled_from(["{'a': 1", "{'a': '", "{}", *_PIECES]), max_size=6).map("".join)
    | _INFO.map(repr)
    | _INFO.map(json.dumps),
    max_size=20,
)


@given(_CELLS)
def test_many_variables_are_read_as_each_of_them(cells: list[str]) -> None:
    assert repr(read_each_other_info(cells)) == repr([read_other_info(cell) for cell in cells])


@given(st.lists(st.none() | _INFO | st.just({1: {2}}) | st.sampled_from(["two\nlines", "text"]), max_size=5))
def test_many_variables_are_written_as_each_of_them(infos: list[dict[str, object] | str | None]) -> None:
    assert write_each_json(infos) == [write_json(info).decode() if info else None for info in infos]


@given(st.text())
def test_no_text_makes_a_reader_fail(text: str) -> None:
    for read in (read_number, read_percent, read_duration, read_date, read_other_info, read_status):
        read(text)  # type: ignore[operator]


def test_the_memory_of_a_reader_is_bounded() -> None:
    calls: list[str] = []
    remember: CachedParser[int] = CachedParser(lambda text: calls.append(text) or int(text))  # type: ignore[func-returns-value]
    for text in ("7", "7", "8", "7"):
        assert remember[text] == int(text)
    assert calls == ["7", "8"]
    for number in range(3 * CachedParser.LIMIT):
        remember[str(number)]
    assert len(remember) <= CachedParser.LIMIT
