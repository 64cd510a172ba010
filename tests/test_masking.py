from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tingting.masking import mask_number, mask_text


@pytest.mark.parametrize(
    "written",
    [
        "9841234567",
        "+977 984-1234567",
        "००९७७९८४१२३४५६७",
        "(984) 123 4567",
        "9841234567.0",
        "'9841234567'",
        "_9841234567_",
        "tel9841234567",
        "9841234567Sita",
        "984/1234567",
        "984/123/4567",
        "98412_34567",
        "984–123–4567",
        "984‐123‐4567",
        "9.841234567E9",
        "9.841234567e+09",
        "9779841234567x",
        "to=%2B9779841234567",
        "x9779841234567",
        "977-9841234567abc",
        "abc9841234567",
        "a9841234567b",
        "984\u200b1234567",
        "984   123   4567",
        "984–12345–67",
        "98–41–23–45–67",
        "9841-23-45 67",
        "9841-23-45.67",
        "9841%20234567",
        "Ph.984-1234567",
        "No.984 123 4567",
        "मो.नं.984-1234567",
        "मो.९८४१२३४५६७",
        "९८४१/२३४५६७",
        "9841:234567",
        "Ph:(984)1234567",
        "Tel.01-4412345",
        "+977%20984%20123%204567",
    ],
)
def test_a_phone_number_in_a_text_is_masked_however_it_is_written(written: str) -> None:
    masked = mask_text(f"row 12: {written} is not valid")

    assert "234" not in masked
    shown = masked.removeprefix("row 12: ").replace("%2B", "").replace("977", "")
    assert sum(character.isdigit() for character in shown) <= 4
    assert masked.startswith("row 12: ")
    assert masked.endswith("is not valid")


@pytest.mark.parametrize(
    "text",
    [
        "campaign 79 of 2026-11-23 10:11:12",
        "2025-07-09T00:00:00+05:45",
        "1999-12-31 23:59:59",
        "left 2083-08-08 at 09:35:32",
        "2026-11-23T05:00:00.123456+00:00",
        "reports/report_20250709.csv",
        "1,048,576 rows",
        "id 1234567",
        "[airflow:0f3a9841234567bb/1a2b]",
        "and not 97 (Not Started), 98 (Running)",
        "not used: 97, 98, 99, 100, 101",
        "callers 97,98,99,100,101",
        "0a1b2c3d-e841-4567-89ab-9841234567ab",
        "7.84E9 bytes",
        "at 19:58:12.345678",
        "97,123,456.78 rows",
        "1997-06-12 08:10:11",
    ],
)
def test_ids_dates_and_marks_stay_readable(text: str) -> None:
    assert mask_text(text) == text


@given(st.integers(min_value=9700000000, max_value=9899999999), st.text(alphabet=" ,;:'\"()[]{}=/|\n", max_size=3))
def test_no_mobile_number_gets_through(number: int, around: str) -> None:
    assert str(number) not in mask_text(f"{around}{number}{around}")


@given(
    st.integers(min_value=9600000000, max_value=9899999999),
    st.text(alphabet="ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ_कखग", min_size=1, max_size=5),
)
def test_no_mobile_number_gets_through_in_a_word(number: int, letters: str) -> None:
    assert str(number) not in mask_text(f"{letters}{number}{letters}")


def test_tokens_are_masked() -> None:
    assert "abcdef123" not in mask_text("Authorization: Bearer abcdef123")
    assert "s3cret" not in mask_text("url?key=s3cret", secrets=("s3cret",))


@given(st.text())
def test_a_masked_number_shows_at_most_four_digits(text: str) -> None:
    assert sum(character.isdigit() for character in mask_number(text)) <= 4
