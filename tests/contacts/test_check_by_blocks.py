"""A table is checked in blocks of rows; the result is that of the same rows one by one."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tingting.contacts.audience import AudienceOptions, check_audience
from airflow_provider_tingting.contacts.contact import Contact, Place, Row
from airflow_provider_tingting.contacts.exclusion import Exclusion
from airflow_provider_tingting.contacts.row_stream import RowBlock, RowStream
from airflow_provider_tingting.errors import TingTingError

COLUMNS = ("number", "name", "city")
COUNTS = (
    *("total", "valid", "invalid", "duplicates", "conflicting", "excluded", "do_not_call", "blank_rows", "variables"),
    *("reasons", "carriers", "blank_tags", "legacy_text", "examples", "conflicts"),
)

usual_numbers = st.builds("98{}{:07}".format, st.sampled_from("0146"), st.integers(1, 40))
odd_numbers = st.sampled_from(
    ["9841230000", "9841230000", "+9779841234567", "98412345", "०", "9841234567/68", "9841000001\n9841000002", "", None]
) | st.sampled_from([9841234567, 9841234567.0, "9841234567 "])
usual_texts = st.sampled_from(["Sita", "सीता", "Narayan", "2082-01-15", "Nan Kumari", "n/a road", "5%", "x\x7f"])
odd_texts = st.sampled_from(
    [
        "",
        " ",
        "-",
        "nan",
        "NaN ",
        "None",
        "#N/A",
        "Err:502",
        " Ram",
        'a "b"',
        "a\\b",
        "two\nlines",
        "\x01",
        "/fd axfb'/",
    ]
) | st.sampled_from([None, 5, 5.0, float("nan"), float("inf"), True, ["a"], "\ud800"])


def mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 19).flatmap(lambda draw: odd if draw == 0 else usual)


rows = st.lists(
    st.tuples(mostly(usual_numbers, odd_numbers), mostly(usual_texts, odd_texts), mostly(usual_texts, odd_texts)),
    max_size=80,
)
options = st.builds(
    AudienceOptions,
    required_tags=st.sampled_from([(), ("name",), ("city", "name"), ("ward",)]),
    constants=st.sampled_from([None, {"ward": 7}, {"ward": ""}, {"city": "Pokhara", "ward": "७"}]),
    number_policy=st.sampled_from(["nepal_mobile", "nepal_mobile", "as_is"]),
    several_numbers=st.sampled_from(["refuse", "all"]),
    where=st.sampled_from([None, None, {"city": ["Sita", "सीता"]}]),
)


def outcome(source: RowStream | list[Row], choices: AudienceOptions, excluded: list[str]) -> dict[str, Any]:
    exclude = Exclusion(number_policy=choices.number_policy)
    exclude.add([Row(Place("old.csv", 1), {"number": number}, ("number",)) for number in excluded])
    try:
        with check_audience(source, choices, exclude=exclude) as audience:
            contacts: list[Contact] = list(audience.contacts())
            encoded = [(one.number, msgspec.json.decode(one.body)) for one in audience.encoded_contacts()]
            rejects = [(row.place, repr(row.values), reason) for row, reason in audience.rejects()]
            return {name: getattr(audience, name) for name in COUNTS} | {
                "contacts": contacts,
                "encoded": encoded,
                "rejects": rejects,
            }
    except TingTingError as error:
        return {"error": str(error)}


@given(rows, st.lists(st.integers(1, 80), max_size=4), options, st.lists(usual_numbers, max_size=3))
def test_blocks_of_rows_give_the_result_of_single_rows(
    cells: list[tuple[object, ...]], ends: list[int], choices: AudienceOptions, excluded: list[str]
) -> None:
    cuts = sorted({0, len(cells), *(end for end in ends if end < len(cells))})
    blocks = [RowBlock(Place("people.csv", start + 2), COLUMNS, cells[start:end]) for start, end in pairwise(cuts)]
    one_by_one = [row for block in blocks for row in block]
    assert outcome(RowStream(iter(blocks)), choices, excluded) == outcome(one_by_one, choices, excluded)


def test_a_number_that_ends_in_many_zeros_twice_is_found_beside_a_block() -> None:
    cells = [[f"98410{index:05}", "Sita", "Pokhara"] for index in range(1, 200)]
    cells[50], cells[150] = ["9841230000", "Ram", "Pokhara"], ["9841230000", "Hari", "Pokhara"]
    result = outcome(RowStream(iter([RowBlock(Place("people.csv", 2), COLUMNS, cells)])), AudienceOptions(), [])
    assert result["valid"] == 197
    assert [place.row for place, _, _ in result["rejects"]] == [52, 152]


def test_a_stream_gives_its_rows_once_whether_singly_or_in_blocks() -> None:
    cells = [[f"98410{index:05}", "Sita", "Pokhara"] for index in range(1, 6)]
    stream = RowStream(iter([RowBlock(Place("people.csv", 2), COLUMNS, cells)]))
    assert next(stream).place.row == 2
    assert [row.place.row for row in stream] == [3, 4, 5, 6]
    assert list(stream.parts()) == []
