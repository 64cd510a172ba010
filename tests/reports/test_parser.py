"""Every layout of a campaign report gives the same rows; a body that is not a report says so."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timezone

import pytest

from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.reports.parser import open_report
from airflow_provider_tingting.reports.rows import ReportRow
from airflow_provider_tingting.timezones import NEPAL

PLAIN = """\
Number,Status,Duration (Seconds),Playback (%),Credit Consumed,Other Info,Action Date,Carrier
9841234567,Completed,10,91,2,"{'name': 'Ram Thapa', 'ward': 5}",2025-07-09 14:46:00,NTC
9801234568,Unanswered,0,,0,"{'name': ""O'Neil"", 'ward': None}",2025-07-09T09:05:00Z,Ncell
9811234569,Hungup,7s,40%,1.5,{},,other
"""

PREAMBLE = """\
Campaign Name,"Dashain, 2082"
Services,PHONE
Message,"Namaste {name},
pay Rs. 1,200 by Friday.

Your ward: {ward}"
Description,
Status,Completed
""
Total Numbers,3
Not Started,0.0%,0
Completed,33.3%,1
Hungup,33.3%,1

Success Rate,66.7%,2
Failure Rate,33.3%,1
Total Credit Consumed,3.5

"""

ROWS = [
    ReportRow(
        "9841234567",
        "completed",
        10.0,
        91.0,
        2.0,
        {"name": "Ram Thapa", "ward": 5},
        datetime(2025, 7, 9, 14, 46, tzinfo=NEPAL),
        "NTC",
    ),
    ReportRow(
        "9801234568",
        "unanswered",
        0.0,
        None,
        0.0,
        {"name": "O'Neil", "ward": None},
        datetime(2025, 7, 9, 9, 5, tzinfo=timezone.utc),
        "Ncell",
    ),
    ReportRow("9811234569", "hungup", 7.0, 40.0, 1.5, {}, None, "other"),
]


def rows_of(body: str | bytes) -> list[ReportRow]:
    data = body.encode() if isinstance(body, str) else body
    return list(open_report(io.BytesIO(data)).rows())


def refusal(body: str | bytes) -> str:
    with pytest.raises(TingTingReportError) as caught:
        rows_of(body)
    return str(caught.value)


def with_delimiter(delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(csv.reader(io.StringIO(PLAIN)))
    return text.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(PLAIN, id="plain"),
        pytest.param(PREAMBLE + PLAIN, id="preamble"),
        pytest.param((PREAMBLE + PLAIN).replace("\n", "\r\n"), id="crlf"),
        pytest.param("\ufeff" + PLAIN, id="bom"),
        pytest.param("\ufeff" + (PREAMBLE + PLAIN).replace("\n", "\r\n"), id="bom, preamble, crlf"),
        pytest.param(PLAIN.rstrip("\n"), id="no newline at the end"),
        pytest.param("\n\n" + PLAIN.replace("\n", '\n""\n\n,,,,,,,\n') + '""', id="blank rows everywhere"),
        pytest.param(with_delimiter(";"), id="semicolons"),
        pytest.param(with_delimiter("\t"), id="tabs"),
        pytest.param(PLAIN.replace("\n", ",\n"), id="a comma too many in every row"),
        pytest.param(PLAIN.replace("\n", "\r"), id="old line ends"),
    ],
)
def test_every_layout_gives_the_same_rows(body: str) -> None:
    assert rows_of(body) == ROWS


def test_columns_may_come_in_another_order_and_spelling() -> None:
    body = (
        "carrier, ACTION_DATE ,other info,Credits Consumed,Playback,duration,STATUS,Phone Number\n"
        "NTC,2025-07-09 14:46:00,\"{'name': 'Ram Thapa', 'ward': 5}\",2,91,0:10,completed,9841234567\n"
    )
    assert rows_of(body) == ROWS[:1]


def test_missing_columns_are_none_and_new_ones_are_kept() -> None:
    report = open_report(io.BytesIO(b"Status,Number,Ward No.,Retry\nFailed,9841234567,5,\n"))
    assert report.columns == ("Status", "Number", "Ward No.", "Retry")
    assert list(report.rows()) == [ReportRow("9841234567", "failed", extra={"Ward No.": "5", "Retry": ""})]


def test_a_cell_that_cannot_be_read_is_kept_as_text() -> None:
    body = "Number,Status,Duration,Action Date\n9841234567,Completed,long,2082-03-25 14:46:00\n"
    (row,) = rows_of(body)
    assert (row.duration_seconds, row.action_date) == (None, None)
    assert row.extra == {"Duration": "long", "Action Date": "2082-03-25 14:46:00"}


def test_numbers_stay_text() -> None:
    assert [row.number for row in rows_of("Number,Status\n0012345678,Failed\n+977 984-1234567,Failed\n")] == [
        "0012345678",
        "+977 984-1234567",
    ]


def test_a_field_keeps_its_own_line_breaks_and_separators() -> None:
    note = "one\r\ntwo\nthree\u2028four\x0bfive\x85six"
    body = f'Number,Status,Note\r\n9841234567,Failed,"{note}"\r\n'
    assert rows_of(body)[0].extra == {"Note": note}


def test_two_columns_of_the_same_name_lose_nothing() -> None:
    (row,) = rows_of("Number,Number,Status,Note,note\n9841234567,1,Failed,a,b\n")
    assert row.number == "9841234567"
    assert row.extra == {"Number_2": "1", "Note": "a", "note_2": "b"}


def test_an_sms_column_is_a_field_of_its_own() -> None:
    (row,) = rows_of("Number,Status,Credit Consumed,Credit Consumed SMS\n9841234567,Completed,2,0.5\n")
    assert (row.credit_consumed, row.credit_consumed_sms) == (2.0, 0.5)


def test_the_preamble_is_read_into_fields() -> None:
    report = open_report(io.BytesIO((PREAMBLE + PLAIN).encode()))
    assert report.fields == {
        "name": "Dashain, 2082",
        "services": "PHONE",
        "message": "Namaste {name},\npay Rs. 1,200 by Friday.\n\nYour ward: {ward}",
        "description": "",
        "status": "Completed",
        "total_numbers": 3,
        "statuses": {
            "not started": {"percent": 0.0, "count": 0},
            "completed": {"percent": 33.3, "count": 1},
            "hungup": {"percent": 33.3, "count": 1},
        },
        "success_rate": {"percent": 66.7, "count": 2},
        "failure_rate": {"percent": 33.3, "count": 1},
        "total_credit_consumed": 3.5,
    }
    assert open_report(io.BytesIO(PLAIN.encode())).fields == {}


def test_a_message_that_was_not_quoted_is_still_one_message() -> None:
    preamble = "Campaign Name,Test\nMessage,Hello, dear\nfriend of 9841234567\n\nStatus,Running\n"
    report = open_report(io.BytesIO((preamble + PLAIN).encode()))
    assert report.fields == {"name": "Test", "message": "Hello, dear\nfriend of 9841234567", "status": "Running"}
    assert list(report.rows()) == ROWS


def test_an_unknown_line_of_the_preamble_is_kept() -> None:
    report = open_report(io.BytesIO(b"Caller Id,NTC-1,x\nRetries,3\nNumber,Status\n"))
    assert report.fields == {"caller_id": "NTC-1,x", "retries": 3}


def test_a_report_can_be_read_again_wherever_its_file_stands() -> None:
    stream = io.BytesIO(PLAIN.encode())
    stream.seek(0, io.SEEK_END)
    report = open_report(stream)
    assert list(report.rows()) == list(report.rows()) == ROWS


def test_a_header_without_rows_is_a_report_without_contacts() -> None:
    assert rows_of("Number,Status\n") == []


def test_nothing_personal_is_in_a_repr() -> None:
    report = open_report(io.BytesIO((PREAMBLE + PLAIN).encode()))
    shown = repr(report) + repr(report.fields) + "".join(map(repr, report.rows()))
    for secret in ("9841234567", "Namaste", "Ram Thapa"):
        assert secret not in shown
    assert "98******67" in shown


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ["empty"]),
        (b"\xef\xbb\xbf \r\n", ["empty"]),
        (b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", ["HTML", "base URL"]),
        (b"\n  <html>", ["HTML"]),
        (b'{"detail": "Not found."}', ["JSON", "Not found."]),
        (b"[1]", ["JSON"]),
        (b"PK\x03\x04rest", ["workbook"]),
        (PLAIN.encode("utf-16"), ["UTF-16"]),
        (b"name,age\nRam,5\n", ["no table", "number", "status"]),
        (PREAMBLE.encode(), ["no table", "cut"]),
        (PREAMBLE[:80].encode(), ["no table", "cut"]),
    ],
)
def test_a_body_that_is_no_report_says_what_it_is(body: bytes, words: list[str]) -> None:
    said = refusal(body)
    for word in words:
        assert word in said


def test_a_cut_last_row_is_an_error_with_its_line() -> None:
    said = refusal(PLAIN[: PLAIN.index("7s")])
    assert "breaks off" in said
    assert "line 4" in said


@pytest.mark.parametrize("cut_at", ["'name': 'Ram", "'ward': None"])
def test_a_body_cut_inside_quotes_is_an_error_with_its_line(cut_at: str) -> None:
    body = PREAMBLE + PLAIN
    body = body[: body.index(cut_at) + 5]
    said = refusal(body)
    assert "breaks off inside a quoted field" in said
    assert f"starts at line {len(body.splitlines())}." in said


def test_a_body_cut_inside_the_last_column_is_an_error_too() -> None:
    assert "breaks off inside" in refusal('Number,Status,Note\n9841234567,Failed,"one\ntwo')
    assert "breaks off inside" in refusal('Number,Status,Note\n9841234567,Failed,"one\n')


def test_every_cut_is_an_error_or_gives_a_prefix_of_the_rows() -> None:
    body = (PREAMBLE + PLAIN).encode()
    whole = [row.number for row in ROWS]
    for end in range(len(body)):
        try:
            numbers = [row.number for row in rows_of(body[:end])]
        except TingTingReportError:
            continue
        assert numbers == whole[: len(numbers)]


def test_a_second_header_is_an_error_with_its_line() -> None:
    assert "second header (line 5)" in refusal(PLAIN + PLAIN)


def test_a_second_report_below_the_first_is_an_error_with_its_line() -> None:
    assert "Line 5 " in refusal(PLAIN + PREAMBLE + PLAIN)


def test_a_page_of_html_after_some_rows_is_an_error_with_its_line() -> None:
    assert "Line 5 " in refusal(PLAIN + "<html>502</html>\n")


@pytest.mark.parametrize("row", ["9841234567,Failed", "9841234567,Failed,1,2,3,4,5,6,7"])
def test_a_row_that_does_not_fit_the_header_is_an_error_with_its_line(row: str) -> None:
    above = PREAMBLE + PLAIN
    said = refusal(above + row + "\n" + PLAIN.splitlines()[1] + "\n")
    assert f"Line {len(above.splitlines()) + 1} of the report has {row.count(',') + 1} cells, its header has 8" in said


def test_a_nul_byte_is_an_error_with_its_place() -> None:
    body = PLAIN.encode().replace(b"Unanswered", b"Unans\x00ered")
    said = refusal(body)
    assert "NUL" in said
    assert "line 3" in said
    assert f"byte {body.index(0):,}" in said


@pytest.mark.parametrize("before", ["", "\ufeff"])
@pytest.mark.parametrize("padding", [0, 70_000])
def test_a_wrong_byte_is_an_error_with_its_place(before: str, padding: int) -> None:
    rows = "".join(f"98412{index:05},Failed,सीता\n" for index in range(padding // 20))
    body = (before + "Number,Status,Note\n" + rows).encode() + b"9841234567,Failed,caf\xe9 \n"
    said = refusal(body)
    assert "UTF-8" in said
    assert "0xe9" in said
    assert f"byte {body.index(bytes([0xE9]) + b' '):,}" in said
    assert f"(line {len(rows.splitlines()) + 2:,})" in said


def test_a_character_cut_at_the_end_is_an_error() -> None:
    assert "UTF-8" in refusal("Number,Status,Note\n9841234567,Failed,सी".encode()[:-1])


class Endless(io.RawIOBase):
    """A file of two gigabytes that is never in memory; it counts what was read of it."""

    def __init__(self, head: bytes, filler: bytes, size: int = 2 << 30) -> None:
        self.head, self.filler, self.size, self.at, self.most = head, filler, size, 0, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        assert whence == io.SEEK_SET
        self.at = offset
        return offset

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self.at < len(self.head):
            block = self.head[self.at : self.at + len(buffer)]
        else:
            block = (self.filler * (len(buffer) // len(self.filler) + 1))[: min(len(buffer), self.size - self.at)]
        buffer[: len(block)] = block
        self.at += len(block)
        self.most = max(self.most, self.at)
        return len(block)


@pytest.mark.parametrize(
    ("head", "filler"),
    [
        (b"Number,Status,Note\n9841234567,Failed,", b"x"),
        (b'Number,Status,Note\n9841234567,Failed,"', b"line of text\n"),
        (b"x", b"x"),
        (b'Message,"', b"line of text\n"),
    ],
)
@pytest.mark.parametrize("limit", [131_072, 1 << 40])
def test_a_field_of_two_gigabytes_is_refused_early(head: bytes, filler: bytes, limit: int) -> None:
    stream = Endless(head, filler)
    before = csv.field_size_limit(limit)
    try:
        with pytest.raises(TingTingReportError, match=r"line|field"):
            list(open_report(stream).rows())  # type: ignore[arg-type]
    finally:
        csv.field_size_limit(before)
    assert stream.most < 40 << 20
