"""Who of an audience is left out, and how each is counted and reported, in blocks of rows and one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.contacts.audience import AudienceOptions, check_audience
from airflow_provider_tingting.contacts.contact import Place, Row
from airflow_provider_tingting.contacts.exclusion import Exclusion
from airflow_provider_tingting.contacts.frequency_cap import FrequencyCap, OverCap
from airflow_provider_tingting.contacts.row_observer import observe_left_out
from airflow_provider_tingting.contacts.row_stream import RowBlock, RowStream
from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.contacts.validated_audience import ValidatedAudience

COLUMNS = ("number", "name")
#: More rows than are checked one by one in any case.
USUAL = [(f"98410000{last:02}", "Sita") for last in range(1, 31)]

in_both_ways = pytest.mark.parametrize("in_blocks", [True, False], ids=["in blocks", "one by one"])


def people(cells: Iterable[tuple[object, ...]], in_blocks: bool, columns: tuple[str, ...] = COLUMNS) -> RowStream:
    block = RowBlock(Place("people.csv", 1), columns, list(cells))
    return RowStream(iter([block] if in_blocks else block))


def check(cells: Iterable[tuple[object, ...]], in_blocks: bool, **options: Any) -> ValidatedAudience:
    lists = {name: options.pop(name) for name in ("exclude", "do_not_call", "over_cap") if name in options}
    return check_audience(people(cells, in_blocks), AudienceOptions(**{"on_invalid": "skip"} | options), **lists)


def listed(*last: int) -> Exclusion:
    """Make a list of the numbers that end so."""
    found = Exclusion(number_policy="nepal_mobile")
    found.add([Row(Place("old.csv", 1), {"number": f"98410000{one:02}"}, ("number",)) for one in last])
    return found


@in_both_ways
def test_each_row_that_a_list_or_a_cap_leaves_out_is_counted_once_and_reported(in_blocks: bool) -> None:
    cap = OverCap(FrequencyCap(2, 86400.0), {"9841000003", "9841000004"}, lambda number: number)
    reported: list[tuple[str, int, str]] = []
    with (
        observe_left_out(lambda reason, place, number: reported.append((reason, place.row, number))),
        check(USUAL, in_blocks, do_not_call=listed(2, 5), exclude=listed(2, 3, 6), over_cap=cap) as audience,
    ):
        assert (audience.do_not_call, audience.excluded, audience.over_cap) == (2, 2, 1)
        assert (audience.total, audience.valid, audience.invalid) == (30, 25, 0)
        rejects = [(row.place.row, reason) for row, reason in audience.rejects()]
    assert sorted(reported, key=lambda one: one[1]) == [
        ("on the do-not-call list", 2, "9841000002"),
        ("excluded", 3, "9841000003"),
        ("frequency cap", 4, "9841000004"),
        ("on the do-not-call list", 5, "9841000005"),
        ("excluded", 6, "9841000006"),
    ]
    assert rejects == [(4, "frequency_cap (2 in 1 days)")]


@in_both_ways
def test_a_list_without_numbers_leaves_out_none(in_blocks: bool) -> None:
    with check(USUAL, in_blocks, do_not_call=listed(), exclude=listed()) as audience:
        assert audience.valid == 30


@in_both_ways
def test_rows_that_do_not_belong_to_the_audience_are_counted_apart(in_blocks: bool) -> None:
    cells = [(number, "Ram" if number.endswith("7") else "Sita") for number, _ in USUAL]
    reported: list[tuple[str, int, str]] = []
    with (
        observe_left_out(lambda reason, place, number: reported.append((reason, place.row, number))),
        check(cells, in_blocks, where={"name": "Sita"}) as audience,
    ):
        assert (audience.total, audience.valid, audience.filtered_out) == (27, 27, 3)
    assert reported == [("filtered out", row, "") for row in (7, 17, 27)]


#: An odd row among the usual ones, why it is rejected, and what the error shows of it.
REJECTED: dict[str, tuple[tuple[object, object], str, str]] = {
    "a short number": (("98410000", "Ram"), "too_short", "98****00 has too few digits; a Nepal mobile has ten"),
    "a number with another line": (
        ("9841000098\n9841000099", "Ram"),
        "several_numbers",
        "98****************99 holds more than one number",
    ),
    "no number": ((None, "Ram"), "empty", "people.csv, row 16"),
    "an empty text": (("9841000099", ""), "blank_tag (name)", "has nothing for a tag"),
    "a dash": (("9841000099", "-"), "blank_tag (name)", "has nothing for a tag"),
    "a placeholder": (("9841000099", "NaN "), "blank_tag (name)", "has nothing for a tag"),
    "an error of a spreadsheet": (("9841000099", "#N/A"), "blank_tag (name)", "has nothing for a tag"),
    "nothing": (("9841000099", None), "blank_tag (name)", "has nothing for a tag"),
    "a list": (("9841000099", ["a"]), "unusable_value (a list cannot be sent as a variable)", "people.csv, row 16"),
    "half a character": (("9841000099", "Ram\ud800"), "unusable_value (a text holds half a character)", "row 16"),
}


@in_both_ways
@pytest.mark.parametrize(("odd", "reason", "shown"), REJECTED.values(), ids=REJECTED)
def test_one_odd_row_is_rejected_and_the_others_are_contacts(
    odd: tuple[object, object], reason: str, shown: str, in_blocks: bool
) -> None:
    with check([*USUAL[:15], odd, *USUAL[15:]], in_blocks, required_tags=["name"]) as audience:
        assert (audience.total, audience.valid, audience.invalid) == (31, 30, 1)
        assert audience.reasons == {reason: 1}
        ((row, _),) = audience.rejects()
        assert row.place.row == 16
        assert shown in audience.examples[0]
        assert not audience.examples[0].endswith(".")


ACCEPTED: dict[str, tuple[tuple[object, object], object]] = {
    "a number that is an integer": ((9841000099, "Ram"), "Ram"),
    "a text that begins with a bracket": (("9841000099", "(Ram)"), "(Ram)"),
    "a text that begins with a placeholder": (("9841000099", "nan Kumari"), "nan Kumari"),
    "a whole number": (("9841000099", 5.0), 5),
    "a truth": (("9841000099", True), True),
    "one number with zeros at its end": (("9841230000", "Ram"), "Ram"),
}


@in_both_ways
@pytest.mark.parametrize(("odd", "value"), ACCEPTED.values(), ids=ACCEPTED)
def test_one_unusual_row_is_a_contact_as_the_others_are(
    odd: tuple[object, object], value: object, in_blocks: bool
) -> None:
    with check([*USUAL[:15], odd, *USUAL[15:]], in_blocks, required_tags=["name"]) as audience:
        assert (audience.total, audience.valid, audience.invalid) == (31, 31, 0)
        contact = list(audience.contacts())[15]
        assert (contact.number, contact.variables, contact.place) == (
            str(odd[0]),
            {"name": value},
            Place("people.csv", 16),
        )


def test_the_rows_of_several_blocks_are_added_up() -> None:
    blocks = [RowBlock(Place("people.csv", at + 1), COLUMNS, USUAL[at : at + 15]) for at in (0, 15)]
    with check_audience(RowStream(iter(blocks))) as audience:
        assert (audience.total, audience.valid) == (30, 30)


def test_the_lists_of_who_must_not_be_called_stay_with_the_audience_for_its_later_checks() -> None:
    do_not_call, exclude = listed(2), listed(3)
    with check(USUAL, True, do_not_call=do_not_call, exclude=exclude) as audience:
        assert audience.forbidden == (do_not_call, exclude)


@in_both_ways
def test_a_number_that_comes_again_among_usual_rows_is_a_duplicate(in_blocks: bool) -> None:
    with check([*USUAL, ("9841000007", "Ram")], in_blocks) as audience:
        assert (audience.total, audience.valid, audience.duplicates, audience.conflicting) == (31, 30, 1, 1)


@in_both_ways
def test_a_row_that_cannot_be_sent_leaves_its_number_to_a_later_row(in_blocks: bool) -> None:
    with check([("9841000099", "\ud800"), *USUAL, ("9841000099", "Ram")], in_blocks) as audience:
        assert (audience.valid, audience.invalid, audience.duplicates) == (31, 1, 0)


@in_both_ways
def test_numbers_as_they_are_written_are_the_same_in_all_forms(in_blocks: bool) -> None:
    cells = [*USUAL, ("+977 9841000007", "Sita"), ("9841230000", "Ram"), ("9841230000", "Hari")]
    with check(cells, in_blocks, number_policy="as_is") as audience:
        assert (audience.valid, audience.invalid, audience.duplicates) == (31, 0, 2)


@in_both_ways
def test_numbers_that_were_rounded_are_shown_masked_with_the_reason(in_blocks: bool) -> None:
    with check([("9841230000", "Ram"), *USUAL, ("9841230000", "Hari")], in_blocks) as audience:
        assert audience.reasons == {"lost_digits": 2}
        assert [one.split(": ")[1] for one in audience.examples] == [audience.examples[0].split(": ")[1]] * 2
        assert audience.examples[0].startswith("people.csv, row 1: 98******00 ")


@pytest.mark.parametrize(("number", "valid"), [("9841200000", 0), ("9841230000", 1)], ids=["five zeros", "four zeros"])
def test_in_a_list_of_numbers_alone_a_repeated_number_is_rounded_from_five_zeros_on(number: str, valid: int) -> None:
    rows = people([(number,), (number,)], False, ("number",))
    with check_audience(rows, AudienceOptions(on_invalid="skip")) as audience:
        assert (audience.valid, audience.invalid) == (valid, 2 - 2 * valid)


@in_both_ways
def test_text_of_a_legacy_font_is_counted_among_usual_texts(in_blocks: bool) -> None:
    cells = [*USUAL[:15], ("9841000098", "/fd axfb'/"), ("9841000099", "k|;fb"), *USUAL[15:]]
    with check(cells, in_blocks) as audience:
        assert audience.legacy_text == {"name": 2}
    with check(USUAL, in_blocks) as audience:
        assert audience.legacy_text == {}


@in_both_ways
def test_a_constant_fills_its_tag_for_each_contact(in_blocks: bool) -> None:
    with check(USUAL, in_blocks, constants={"ward": 7}, required_tags=["ward"]) as audience:
        assert {contact.variables["ward"] for contact in audience.contacts()} == {7}
    with check(USUAL, in_blocks, constants={"ward": " "}, required_tags=["ward"]) as audience:
        assert (audience.valid, audience.reasons) == (0, {"blank_tag (ward)": 30})


def test_variables_of_a_contact_may_stand_in_a_dict_of_their_own() -> None:
    source = [{"number": "9841234567", "other_variables": {"name": "Sita", "ward": 7.0}}]
    with check_audience(read_rows(source)) as audience:
        assert [contact.variables for contact in audience.contacts()] == [{"name": "Sita", "ward": 7}]


class FastClock:
    """A clock on which twenty seconds pass between two reads."""

    now = 0.0

    def time(self) -> float:
        self.now += 20
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("in_blocks", "lines"), [(True, "1,500"), (False, "1,000")], ids=["in blocks", "one by one"])
def test_a_long_check_says_how_many_rows_it_has_checked(in_blocks: bool, lines: str, logged: Callable[[], str]) -> None:
    cells = [(f"984{one:07}", "Sita") for one in range(1, 1501)]
    with use_clock(FastClock()), check(cells, in_blocks):
        pass
    assert set(re.findall(r"The audience: ([\d,]+ rows checked)", logged())) == {f"{lines} rows checked"}
