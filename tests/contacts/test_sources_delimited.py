"""CSV and its kin, as offices in Nepal save them."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError

PEOPLE = "number,name\n9841234567,राम\n9841234568,सीता\n"


def put(folder: Path, text: str, name: str = "people.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def values(source: object, **options: str) -> list[dict[str, object]]:
    return [dict(row.values) for row in read_rows(source, **options)]


def refusal(source: object, **options: str) -> str:
    with pytest.raises(TingTingContactsError) as caught:
        list(read_rows(source, **options))
    return str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_in_every_form_is_recognised(tmp_path: Path, encoding: str) -> None:
    rows = values(put(tmp_path, PEOPLE, encoding=encoding))
    assert rows == [{"number": "9841234567", "name": "राम"}, {"number": "9841234568", "name": "सीता"}]


@pytest.mark.parametrize("byte_order_mark", [b"\xff\xfe", b"\xfe\xff"])
def test_utf_16_with_its_mark_is_recognised_in_both_orders(tmp_path: Path, byte_order_mark: bytes) -> None:
    order = "utf-16-le" if byte_order_mark == b"\xff\xfe" else "utf-16-be"
    path = tmp_path / "people.csv"
    path.write_bytes(byte_order_mark + PEOPLE.encode(order))
    assert values(path)[1]["name"] == "सीता"


def test_a_legacy_code_page_is_read_when_it_is_named_and_refused_otherwise(tmp_path: Path) -> None:
    path = put(tmp_path, "number,name\n9841234567,Ram\n9841234568,José\n", encoding="cp1252")
    said = refusal(path)
    assert "people.csv, row 3, column B" in said
    assert "0xE9" in said
    assert "encoding='cp1252'" in said
    assert "José" not in said
    assert values(path, encoding="cp1252")[1]["name"] == "José"


def test_a_bad_byte_far_into_a_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    rows = [b'9841234567,"two\nlines"\n'] * 20_000 + [b"9841234567,\x93x\x94\n"]
    path.write_bytes(b"number,name\n" + b"".join(rows))
    assert "people.csv, row 20002, column B: the byte 0x93 is not UTF-8" in refusal(path)


def test_broken_utf_16_is_reported_too(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(PEOPLE.encode("utf-16") + b"\x00\xd8")
    assert "not UTF-16" in refusal(path)


def test_an_encoding_that_no_contact_knows_is_an_error_in_the_argument(tmp_path: Path) -> None:
    with pytest.raises(TingTingConfigError, match="encoding='preeti' is not known"):
        list(read_rows(put(tmp_path, PEOPLE), encoding="preeti"))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", "^", "~", ":"])
@pytest.mark.parametrize("name", ["people.csv", "people.txt"])
def test_every_separator_is_recognised(tmp_path: Path, separator: str, name: str) -> None:
    path = put(tmp_path, PEOPLE.replace(",", separator), name)
    assert values(path)[0] == {"number": "9841234567", "name": "राम"}


def test_separators_inside_texts_do_not_mislead(tmp_path: Path) -> None:
    text = 'number;"name, full";amount\n9841234567;"Rai, Ram";1,5\n9841234568;"KC; Sita";2,5\n'
    assert values(put(tmp_path, text)) == [
        {"number": "9841234567", "name, full": "Rai, Ram", "amount": "1,5"},
        {"number": "9841234568", "name, full": "KC; Sita", "amount": "2,5"},
    ]


def test_a_tsv_may_hold_commas(tmp_path: Path) -> None:
    assert values(put(tmp_path, "number\tname, a, b\n9841234567\tx, y, z\n", "p.tsv"))[0]["name, a, b"] == "x, y, z"


def test_the_line_with_which_excel_declares_a_separator_is_no_header(tmp_path: Path) -> None:
    rows = list(read_rows(put(tmp_path, "sep=;\r\nnumber;name\r\n9841234567;a,b,c\r\n")))
    assert [(row.place.row, row.values["name"]) for row in rows] == [(3, "a,b,c")]


@pytest.mark.parametrize("character", [pytest.param("\0", id="NUL"), pytest.param('"', id="quotation mark")])
def test_a_character_that_cannot_separate_values_is_no_separator(tmp_path: Path, character: str) -> None:
    path = put(tmp_path, f"sep={character}\n{PEOPLE}")
    with pytest.raises(TingTingConfigError, match="delimiter is the one character between values"):
        list(read_rows(path, delimiter=character))
    assert "people.csv" in refusal(path)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_one(tmp_path: Path, line_end: str) -> None:
    assert len(values(put(tmp_path, PEOPLE.replace("\n", line_end)))) == 2


def test_rows_are_counted_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    text = '\n number , name \n9841234567,"two\nlines"\n\n , \n9841234568,x'
    rows = list(read_rows(put(tmp_path, text)))
    assert [row.place.row for row in rows] == [3, 6]
    assert str(rows[0].place) == "people.csv, row 3"
    assert rows[0].columns == ("number", "name")
    assert rows[0].columns is rows[1].columns


def test_a_list_of_numbers_needs_no_header(tmp_path: Path) -> None:
    rows = list(read_rows(put(tmp_path, "9841234567\n+977 9841234568\n\n12\n", "numbers.txt")))
    assert [(row.place.row, row.values) for row in rows] == [
        (1, {"number": "9841234567"}),
        (2, {"number": "+977 9841234568"}),
        (4, {"number": "12"}),
    ]


def test_a_short_row_is_blank_where_it_ends(tmp_path: Path) -> None:
    assert values(put(tmp_path, "number,name,age\n9841234567,x\n"))[0] == {
        "number": "9841234567",
        "name": "x",
        "age": None,
    }


def test_a_row_with_too_many_cells_is_marked_and_keeps_them(tmp_path: Path) -> None:
    rows = list(read_rows(put(tmp_path, "number,name\n9841234567,Rai, Ram\n9841234568,x,\n")))
    assert [row.problem for row in rows] == ["too_many_cells", None]
    assert rows[0].values == {"number": "9841234567", "name": "Rai", "column C": " Ram"}


def test_a_row_shows_its_place_and_not_its_content(tmp_path: Path) -> None:
    shown = repr(next(read_rows(put(tmp_path, PEOPLE))))
    assert "people.csv, row 2" in shown
    assert "9841234567" not in shown
    assert "राम" not in shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n\n , \n", "is empty"),
        ("number,name\n", "a header but no rows"),
        ("number,name,number\n1,2,3\n", "the column 'number' is there 2 times (columns A, C)"),
        ("9841234567,Ram\n9841234568,Sita\n", "should be the header but holds a phone number"),
        ("number,name\nनम्बर,नाम\n9841234567,x\n", "row 2 looks like a second header ('नम्बर')"),
        ("number,,name\n9841234567,x,y\n", "column B has a value in row 2 but no name in the header"),
        ('number,name\n9841234567,"Ram\n9841234568,x\n', "row 2 (line 3)"),
        ('number,name\n9841234567,"Ram" Rai\n', "quotation mark"),
    ],
)
def test_a_table_that_can_be_misread_is_refused_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(put(tmp_path, text))


def test_a_header_is_shown_masked_where_it_holds_a_number(tmp_path: Path) -> None:
    assert "9841234567" not in refusal(put(tmp_path, "9841234567,9841234567\n9841234568,9841234567\n"))


@pytest.mark.parametrize(
    ("content", "said"), [(b"PK\x03\x04xx", ".xlsx"), (b"\xd0\xcf\x11\xe0xx", "password"), (b"\x1f\x8bxx", ".csv.gz")]
)
def test_another_format_under_the_name_of_csv_is_recognised(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    assert said in refusal(path)


def test_packed_files_are_read_by_their_name(tmp_path: Path) -> None:
    path = tmp_path / "people.csv.gz"
    path.write_bytes(gzip.compress(PEOPLE.encode("utf-16")))
    assert values(path)[1] == {"number": "9841234568", "name": "सीता"}
    assert str(next(read_rows(path)).place) == "people.csv.gz, row 2"


cells = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"]), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=8),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_was_written_is_read(tmp_path: Path, rows: list[tuple[str, str]], separator: str, encoding: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL).writerows(
        [("number", "name", "note"), *(("9841234567", *row) for row in rows)]
    )
    path = put(tmp_path, text.getvalue(), encoding=encoding)
    assert [(row["name"], row["note"]) for row in values(path)] == rows


# -- rows and bytes at the end -----------------------------------------------------------------------------------------


def test_trailing_rows_with_nothing_but_a_serial_number_are_blank(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("S.N.,number,name\n1,9841234501,Sita\n2,,\n3,9841234503,Hari\n4,,\n5.,,\n,,\n", "utf-8")

    assert [row.place.row for row in read_rows(path)] == [2, 3, 4]


@pytest.mark.parametrize("number", ["9841234567", "1234567", "९८४१२३४५६७"])
@pytest.mark.parametrize("header", ["S.N.,Mobile,name", "Mobile,S.N.,name"])
def test_a_telephone_number_alone_in_the_column_of_serial_numbers_is_a_row(
    tmp_path: Path, header: str, number: str
) -> None:
    path = tmp_path / "people.csv"
    number_last = f",{number}" if header.startswith("Mobile") else number
    path.write_text(f"{header}\n1,9801111111,Ram\n{number_last}\n", "utf-8")

    assert [row.values["S.N."] for row in read_rows(path)][1:] == [number]


def test_the_column_of_numbers_holds_no_serial_numbers(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("No.,Name\n9801111111,Ram\n984123,\n")

    assert [row.values["No."] for row in read_rows(path, number_column="no")] == ["9801111111", "984123"]


def test_a_column_of_numbers_alone_is_no_serial_number(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("No\n9841234501\n9841234502\n")

    assert len(list(read_rows(path))) == 2


@pytest.mark.parametrize("end", ["\x1a", "\r\n\x1a", "\r\n\0\0", "\0"], ids=ascii)
def test_a_last_control_character_is_no_row(tmp_path: Path, end: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(f"number,name\r\n9841234501,Sita{end}".encode())

    assert [dict(row.values) for row in read_rows(path)] == [{"number": "9841234501", "name": "Sita"}]


def test_many_last_nul_characters_are_no_other_encoding(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"number,name\n9841234567,A\n" + bytes(3) + b"\n")
    with pytest.raises(TingTingContactsError, match="line 3 contains a NUL"):
        list(read_rows(path))


def test_a_nul_character_in_a_cell_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"number,name\n9841234501,Si\0ta\n9841234502,Ram\n")
    with pytest.raises(TingTingContactsError, match=r"people.csv, line 2 contains a NUL"):
        list(read_rows(path))


@pytest.mark.timeout(120)
def test_a_header_of_many_columns_is_read_in_linear_time_and_refused_beyond_a_worksheets(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    names = ["number", *(f"c{index}" for index in range(60_000))]
    path.write_text(",".join(names[:16_000]) + "\n9841234501" + "," * 15_999 + "\n")
    assert len(next(iter(read_rows(path))).values) == 16_000
    path.write_text(",".join(names) + "\n9841234501\n")
    with pytest.raises(TingTingContactsError, match="the header has 60,001 columns"):
        list(read_rows(path))
