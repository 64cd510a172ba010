"""One canonical number from anything a cell may hold, and a reason for everything else."""

from __future__ import annotations

import pickle
from decimal import Decimal
from itertools import product

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import carrier as carrier_data

from airflow_provider_tingting.contacts.numbers import (
    REASONS,
    InvalidNumberError,
    as_is,
    carrier,
    mobiles_in,
    normalise,
)

MOBILE_PREFIXES = ("900", "961", "962", "970", "972", "974", "975", "976", "980", "981", "982", "984", "985", "986")
DEVANAGARI = str.maketrans("0123456789", "०१२३४५६७८९")
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")

mobiles = st.builds(
    lambda prefix, rest: f"{prefix}{rest:07}", st.sampled_from(MOBILE_PREFIXES), st.integers(0, 9_999_999)
)


def verdict_of_phonenumbers(text: str) -> str | None:
    try:
        parsed = phonenumbers.parse(text, "NP")
    except phonenumbers.NumberParseException:
        return None
    kinds = {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE}
    if parsed.country_code != 977 or phonenumbers.number_type(parsed) not in kinds:
        return None
    return phonenumbers.national_significant_number(parsed)


def ours(text: object) -> str | None:
    try:
        return normalise(text)
    except InvalidNumberError:
        return None


def reason_of(value: object) -> str:
    with pytest.raises(InvalidNumberError) as caught:
        normalise(value)
    return caught.value.reason


@pytest.mark.parametrize(
    "written",
    [
        "9841234567",
        9841234567,
        9841234567.0,
        Decimal("9841234567.00"),
        9779841234567.0,
        "9841234567.0",
        "9841234567.00",
        "९८४१२३४५६७.०",
        "+977 984-1234567",
        "+9779841234567",
        "009779841234567",
        "9779841234567",
        "09841234567",
        "+977 (0) 984 123 4567",
        "(977) 984.123.4567",
        "०९८४१२३४५६७",
        "९८४१234567",
        "＋９７７９８４１２３４５６７",
        " 984\u200b1234567\u00a0",
        "\u202a+977 9841234567\u202c",
        "9841‑234–567",
        "[984] {1234567}",
        "'9841234567",
        '="9841234567"',
        "tel:+977-984-1234567",
        "9,841,234,567",
        "9,84,12,34,567",
        "9.841234567E+09",
        "9841234567\n",
        "9841234567,",
        "9841234567 ;",
        "9841234567/",
        "9841234567.",
        "९८४१२३४५६७।",
        "p:+9779841234567",
        "whatsapp:+9779841234567",
        "Mob: 9841234567",
        "Mobile No. 9841234567",
        "मो. ९८४१२३४५६७",
        "फोन नं. ९८४१२३४५६७",
        "9841234567 (NTC)",
        "9841234567 - Ncell",
        "मो.नं. ९८४१२३४५६७",
        "NTC: 9841234567",
        "ncell 9841234567",
    ],
)
def test_every_way_to_write_a_number_gives_the_same_ten_digits(written: object) -> None:
    assert normalise(written) == "9841234567"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (None, "empty"),
        ("", "empty"),
        ("  \u200b", "empty"),
        ("—", "empty"),
        (float("nan"), "empty"),
        ("9.84E+09", "lost_digits"),
        ("9,84e9", "lost_digits"),
        ("9E999999999", "lost_digits"),
        ("01-4412345", "landline"),
        ("+977 1 4412345", "landline"),
        ("०२१-५२३४५६", "landline"),
        ("984123456", "too_short"),
        ("1234", "too_short"),
        ("+977", "too_short"),
        ("98412345678", "too_long"),
        ("9" * 30, "too_long"),
        ("+919876543210", "foreign"),
        ("0014155552671", "foreign"),
        ("+9841234567", "not_a_number"),
        ("+0 984-1234567", "not_a_number"),
        ("+971 98412345678", "not_a_number"),
        ("+999 12345678", "not_a_number"),
        ("9876543210", "not_a_mobile"),
        ("16600101234", "not_a_mobile"),
        ("Ram Bahadur", "not_a_number"),
        ("N/A", "empty"),
        ("nan", "empty"),
        ("NULL", "empty"),
        ("9.841E+09", "lost_digits"),
        ("9.8412E+09", "lost_digits"),
        (9840000000.0, "lost_digits"),
        (9841000000.0, "lost_digits"),
        ("(*$!@#$%^&", "legacy_font"),
        ("(*$!-@#$%^&", "legacy_font"),
        ("()", "empty"),
        ("4412345", "landline"),
        ("5-412345", "landline"),
        ("1234567", "too_short"),
        ("19841234567", "too_long"),
        ("98412345671", "too_long"),
        ("01-44112239841234567", "too_long"),
        ("p9841234567", "not_a_number"),
        ("98412ABCDE", "not_a_number"),
        ("984123456l", "not_a_number"),
        ("9841234567 ext 5", "not_a_number"),
        ("9841234567/68", "several_numbers"),
        ("98412345679801234567", "several_numbers"),
        ("977984123456709801234567", "several_numbers"),
        ("984123456.7", "not_a_number"),
        ("-9841234567", "not_a_number"),
        (-9841234567, "not_a_number"),
        (984123456.7, "not_a_number"),
        (float("inf"), "not_a_number"),
        (True, "not_a_number"),
        (b"9841234567", "not_a_number"),
        ("²841234567", "not_a_number"),
        ("9" * 5000, "not_a_number"),
        ("9841234567 / 9851234567", "several_numbers"),
        ("9841234567, 9851234567", "several_numbers"),
        ("9841234567 9851234567", "several_numbers"),
        ("9841234567\n9851234567", "several_numbers"),
    ],
)
def test_what_is_no_single_mobile_of_nepal_is_refused_with_its_reason(written: object, reason: str) -> None:
    assert reason_of(written) == reason


def test_a_refusal_is_one_sentence_with_a_remedy_and_without_the_number() -> None:
    for value in ("984123456", "+919876543210", "9841234567/9851234567", "01-4412345"):
        with pytest.raises(InvalidNumberError) as caught:
            normalise(value)
        digits = "".join(filter(str.isdigit, value))
        assert digits[2:-2] not in str(caught.value)
        assert str(caught.value).endswith(f"{REASONS[caught.value.reason]}.")
    with pytest.raises(InvalidNumberError) as caught:
        normalise("Sita Kumari")
    assert "Sita" not in str(caught.value)


def test_a_refusal_survives_the_way_between_processes() -> None:
    with pytest.raises(InvalidNumberError) as caught:
        normalise("984123456")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.reason) == (str(caught.value), "too_short")


@given(
    number=mobiles,
    code=st.sampled_from(["", "+977", "00977", "977", "+977 ", "+977-", "(+977) ", "0", "+९७७ ", "९७७", "＋977"]),
    cuts=st.sets(st.integers(1, 9), max_size=4),
    separator=st.sampled_from([" ", "-", ".", "\u00a0", "\u200b", "–", " - ", "\t"]),
    digits=st.sampled_from([{}, DEVANAGARI, FULL_WIDTH]),
    around=st.sampled_from(["", " ", "\u200e", "'", "\ufeff"]),
)
def test_a_decorated_number_finds_its_way_back(
    number: str, code: str, cuts: set[int], separator: str, digits: dict[int, int], around: str
) -> None:
    pieces = [char if index not in cuts else separator + char for index, char in enumerate(number)]
    written = around + code + "".join(pieces).translate(digits) + around
    # After a single dot, one or two digits, or zeros only, are a spreadsheet's fraction: not guessed about, refused.
    if separator == "." and len(cuts) == 1 and (min(cuts) >= 8 or not number[min(cuts) :].strip("0")):
        assert reason_of(written) in {"not_a_number", "too_short"}
    else:
        assert normalise(written) == number


@given(number=mobiles)
def test_a_spreadsheets_number_is_the_same_number(number: str) -> None:
    assert normalise(int(number)) == normalise(f"{number}.0") == number
    # A float that ends in six zeros may be a literal 9.84E+09 by now.
    if not number.endswith("000000"):
        assert normalise(float(number)) == number
    assert normalise(f"{Decimal(number):.9E}") == number


PREFIXES = ("", "+977", "+977 ", "977 ", "977-", "(977) ", "(+977)", "00977", "0", "0 ", "+977 (0) ", "tel:", "Mob: ")
WRAPPINGS = ("{}", "'{}", '="{}"', "({})", "[{}]", " {} ", "{},", "{};", "{} (NTC)", "\u200b{}", "`{}`")


@pytest.mark.parametrize(
    "written", ["984123450.0", "98412345.60", "98412345,6", "984123456.7", "9.84E+09", "9.841E+09", "9,84e9", "9.84E9"]
)
@pytest.mark.parametrize("digits", [{}, DEVANAGARI], ids=["ASCII", "Devanagari"])
def test_lost_digits_are_refused_behind_every_prefix_and_in_every_wrapping(
    written: str, digits: dict[int, int]
) -> None:
    for prefix, wrapping in product(PREFIXES, WRAPPINGS):
        text = wrapping.format((prefix + written).translate(digits))

        assert reason_of(text) in {"lost_digits", "not_a_number", "not_a_mobile", "too_short", "too_long"}, text
        assert mobiles_in(text) == [], text


@pytest.mark.parametrize(
    ("written", "mobiles"),
    [
        ("9841234567 (Sita)", ["9841234567"]),
        ("9841234567 / 9801234567", ["9841234567", "9801234567"]),
        ("9841234567/68", ["9841234567", "9841234568"]),
        ("9841234567/68/69", ["9841234567", "9841234568", "9841234569"]),
        ("01-4412345, ९८४१२३४५६७", ["9841234567"]),
        ("+977-9841234567 9841234567", ["9841234567"]),
        ("98412345679801234567", ["9841234567", "9801234567"]),
        ("9876543210 x", []),
        (9841234567, []),
    ],
)
def test_mobiles_are_found_among_other_things(written: object, mobiles: list[str]) -> None:
    assert mobiles_in(written) == mobiles


@settings(max_examples=500)
@given(
    prefix=st.sampled_from(["", "0", "00", "+", "977", "+977", "00977", "+9770", "9770", "0977", "+00977", "0000977"]),
    digits=st.one_of(
        st.from_regex(r"9[0-9]{9}", fullmatch=True),
        st.from_regex(r"[0-9]{1,15}", fullmatch=True),
        mobiles,
    ),
)
@example(prefix="", digits="9779841234")
@example(prefix="0000", digits="9779841234567")
def test_the_verdict_is_that_of_phonenumbers(prefix: str, digits: str) -> None:
    assert ours(prefix + digits) == verdict_of_phonenumbers(prefix + digits)


def test_every_prefix_of_ten_digits_is_judged_as_phonenumbers_judges_it() -> None:
    for prefix in range(1000):
        for rest in ("0000000", "1234567", "9999999"):
            text = f"{prefix:03}{rest}"
            assert ours(text) == verdict_of_phonenumbers(text), text


@given(st.text(max_size=30))
@example("\ud800")
def test_no_text_does_anything_but_give_a_number_or_a_reason(text: str) -> None:
    number = ours(text)
    assert number is None or (len(number) == 10 and number.isascii() and number.isdigit())


def test_the_table_of_carriers_agrees_with_phonenumbers() -> None:
    names = {"Nepal Telecom": "NTC", "NDCL": "NTC", "NCell": "Ncell"}
    for prefix in range(900, 1000):
        number = f"{prefix}1234567"
        parsed = phonenumbers.parse(number, "NP")
        if phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.MOBILE:
            known = carrier_data.name_for_number(parsed, "en")
            # 900 is new; older versions of the data do not name its carrier.
            assert carrier(number) == names.get(known, "other") or (prefix == 900 and not known), prefix


def test_numbers_as_they_are_keep_their_plus_and_lose_only_their_dressing() -> None:
    assert as_is(" +91 98765-43210 ") == "+919876543210"
    assert as_is("०१-४४१२३४५") == "014412345"
    assert as_is(9841234567.0) == "9841234567"
    assert as_is("4412345") == "4412345"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "empty"),
        ("9.84E+09", "lost_digits"),
        ("Ram", "not_a_number"),
        ("9" * 16, "too_long"),
        ("100", "too_short"),
        ("12", "too_short"),
        ("2026-12-01", "not_a_number"),
        ("01/12/2026", "not_a_number"),
        ("2026-12-01 10:00", "not_a_number"),
        ("२०८३-०८-१६", "not_a_number"),
    ],
)
def test_numbers_as_they_are_must_still_be_numbers(written: str, reason: str) -> None:
    with pytest.raises(InvalidNumberError) as caught:
        as_is(written)
    assert caught.value.reason == reason
