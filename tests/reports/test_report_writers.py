"""A report becomes a file in every format, and nothing of it is lost or run on the way."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.report_files import report_body

from airflow_provider_tingting.errors import TingTingConfigError, TingTingReportError
from airflow_provider_tingting.files.csv_escaping import escape_formula, row_writer, rows_writer
from airflow_provider_tingting.reports import FORMATS
from airflow_provider_tingting.reports.read_report import read_report
from airflow_provider_tingting.reports.tidy import MAX_VARIABLES
from airflow_provider_tingting.reports.writers import WrittenReport, write_report

BODY = """\
Campaign Name,../../Dashain
Message,"Namaste {name},
pay"
""
Total Numbers,4

Number,Status,Duration (Seconds),Playback (%),Credit Consumed,Other Info,Action Date,Carrier,Ward No.
9841234567,Completed,10,91,2,"{'name': 'Ram', 'number': 7}",2025-07-09 14:46:00,NTC,5
9801234568,Unanswered,0.5,,0,"{'name': '=cmd()', 'tags': ['a', 'b']}",2025-07-09T09:05:00Z,Ncell,+1-2
9811234569,Hung Up,long,40,1.5,just text,2082-03-25,,
9811234570,Mystery,,,,,,other,सीता
""".replace("\n", "\r\n").encode()

# parquet is an extra: without it, its tests say so.
EVERY_FORMAT = [
    pytest.param(
        format, marks=pytest.mark.skipif(format == "parquet" and not find_spec("pyarrow"), reason="no pyarrow")
    )
    for format in FORMATS
]

COLUMNS = [
    "number",
    "status",
    "duration_seconds",
    "playback_percent",
    "credit_consumed",
    "credit_consumed_sms",
    "action_date",
    "carrier",
    "name",
    "variable_number",
    "tags",
    "ward_no",
    "duration_seconds_2",
    "action_date_2",
    "other_info",
]
VALUES: list[list[object]] = [
    ["9841234567", "completed", 10.0, 91.0, 2.0, None, "2025-07-09T14:46:00+05:45", "NTC"],
    ["9801234568", "unanswered", 0.5, None, 0.0, None, "2025-07-09T09:05:00+00:00", "Ncell"],
    ["9811234569", "hungup", None, 40.0, 1.5, None, None, None],
    ["9811234570", "Mystery", None, None, None, None, None, "other"],
]
ADDED = [
    ["Ram", "7", None, "5", None, None, None],
    ["=cmd()", None, '["a", "b"]', "+1-2", None, None, None],
    [None, None, None, "", "long", "2082-03-25", "just text"],
    [None, None, None, "सीता", None, None, None],
]


def write(target: Path, format: str, body: bytes = BODY) -> WrittenReport:
    return write_report(io.BytesIO(body), target, format=format)


@pytest.mark.parametrize("format", EVERY_FORMAT)
def test_every_format_counts_the_same(format: str, tmp_path: Path) -> None:
    target = tmp_path / f"report.{format}"
    written = write(target, format)
    assert written == WrittenReport(rows=4, summary=read_report(io.BytesIO(BODY)).summary, bytes=target.stat().st_size)
    assert (written.summary.reached, written.summary.unknown) == (2, 1)


def test_raw_is_the_bytes_as_they_came(tmp_path: Path) -> None:
    write(tmp_path / "report.csv", "raw")
    assert (tmp_path / "report.csv").read_bytes() == BODY


def test_csv_is_tidy(tmp_path: Path) -> None:
    write(tmp_path / "report.csv", "csv")
    text = (tmp_path / "report.csv").read_text(encoding="utf-8")
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert header == COLUMNS

    def cell(value: object) -> str:
        return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

    wanted = [list(map(cell, values + added)) for values, added in zip(VALUES, ADDED, strict=True)]
    wanted[1][8] = "'=cmd()"
    assert rows == wanted
    assert "\r" not in text


def test_jsonl_keeps_the_variables_as_they_are(tmp_path: Path) -> None:
    write(tmp_path / "report.jsonl", "jsonl")
    lines = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [[line[name] for name in COLUMNS[:8]] for line in lines] == VALUES
    assert [line["variables"] for line in lines] == [
        {"name": "Ram", "number": 7},
        {"name": "=cmd()", "tags": ["a", "b"]},
        {},
        {},
    ]
    assert lines[2]["other_info"] == "just text"
    assert lines[2]["extra"] == {"Ward No.": "", "Duration (Seconds)": "long", "Action Date": "2082-03-25"}


def test_parquet_is_typed(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write(tmp_path / "report.parquet", "parquet")
    table = parquet.read_table(tmp_path / "report.parquet")
    assert table.column_names == COLUMNS
    assert {str(table.schema.field(name).type) for name in ("number", "status", "name", "tags")} == {"string"}
    assert str(table.schema.field("action_date").type) == "timestamp[us, tz=Asia/Kathmandu]"
    rows = [list(row.values()) for row in table.to_pylist()]
    assert [row[:6] + row[7:8] for row in rows] == [values[:6] + values[7:] for values in VALUES]
    assert [row[8:] for row in rows] == ADDED
    assert rows[1][6] == datetime(2025, 7, 9, 9, 5, tzinfo=timezone.utc)


def test_a_parquet_file_without_contacts_has_its_columns(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write(tmp_path / "report.parquet", "parquet", b"Number,Status\n")
    assert parquet.read_table(tmp_path / "report.parquet").column_names == COLUMNS[:8]


def test_a_workbook_has_numbers_as_text_and_no_formulas(tmp_path: Path) -> None:
    from openpyxl import load_workbook

    write(tmp_path / "report.xlsx", "xlsx")
    book = load_workbook(tmp_path / "report.xlsx")
    sheet = book["report"]
    header, *rows = sheet.iter_rows(values_only=True)
    assert list(header) == COLUMNS
    assert [list(row[:6]) for row in rows] == [values[:6] for values in VALUES]
    assert [[cell or None for cell in row[8:]] for row in rows] == [[cell or None for cell in row] for row in ADDED]
    assert rows[0][6] == datetime(2025, 7, 9, 14, 46)
    assert rows[1][6] == datetime(2025, 7, 9, 14, 50)  # 09:05 UTC in Nepal
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n", "d", "inlineStr"}
    assert sheet.freeze_panes == "A2"


def test_a_workbook_takes_what_xml_does_not(tmp_path: Path) -> None:
    from openpyxl import load_workbook

    write(
        tmp_path / "report.xlsx", "xlsx", b"Number,Status,Note\n9841234567,Failed,a\x0bb\x01\n9841234567,Failed,#N/A\n"
    )
    rows = list(load_workbook(tmp_path / "report.xlsx")["report"].iter_rows(min_row=2, min_col=9, values_only=True))
    assert rows == [("a_x000B_b_x0001_",), ("#N/A",)]


def test_a_cell_that_is_too_long_for_a_workbook_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    body = f"Number,Status,Note\n9841234567,Failed,{'x' * 40_000}\n".encode()
    before = set(Path(tempfile.gettempdir()).glob("openpyxl.*"))
    with pytest.raises(TingTingReportError, match=r"Row 2 .* 40,000 characters in column 'note'"):
        write(tmp_path / "report.xlsx", "xlsx", body)
    assert not list(tmp_path.iterdir())
    assert set(Path(tempfile.gettempdir()).glob("openpyxl.*")) <= before


def test_more_rows_than_a_sheet_holds_are_refused_before_one_is_written(tmp_path: Path) -> None:
    body = b"Number,Status\n" + b"9841234567,Failed\n" * 1_048_576
    with pytest.raises(TingTingReportError, match="1,048,576 rows"):
        write(tmp_path / "report.xlsx", "xlsx", body)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", ["csv", "jsonl", "raw"])
def test_a_name_that_ends_in_gz_is_compressed_and_always_the_same(format: str, tmp_path: Path) -> None:
    write(tmp_path / "plain", format)
    written = write(tmp_path / "packed.gz", format)
    write(tmp_path / "again.GZ", format)
    packed = (tmp_path / "packed.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "plain").read_bytes()
    assert packed == (tmp_path / "again.GZ").read_bytes()
    assert written.bytes == len(packed)


@pytest.mark.parametrize("name", ["csv", "csv.gz", "jsonl", "jsonl.gz", "xlsx", "parquet"])
def test_the_name_of_the_file_decides_the_format(name: str, tmp_path: Path) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow")
    format = name.removesuffix(".gz")
    for target, asked in ((tmp_path / f"named.{name}", None), (tmp_path / f"asked.{name}", format)):
        write_report(io.BytesIO(BODY), target, format=asked)
    assert (tmp_path / f"named.{name}").read_bytes()[:4] == (tmp_path / f"asked.{name}").read_bytes()[:4]


@pytest.mark.parametrize(
    ("name", "format"),
    [("a.parquet", "csv"), ("a.csv", "jsonl"), ("a.jsonl.gz", "csv"), ("A.XLSX", "raw"), ("a.jsonl", "raw")],
)
def test_a_format_that_contradicts_the_name_is_refused(name: str, format: str, tmp_path: Path) -> None:
    with pytest.raises(TingTingConfigError, match="Correct one of them"):
        write_report(io.BytesIO(BODY), tmp_path / name, format=format)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["parquet", "xlsx"])
def test_what_is_compressed_already_is_not_compressed_again(format: str, tmp_path: Path) -> None:
    with pytest.raises(TingTingConfigError, match=r"leave \.gz off"):
        write(tmp_path / f"report.{format}.gz", format)


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(TingTingConfigError, match="csv, jsonl, parquet, xlsx, raw"):
        write(tmp_path / "report.avro", "avro")


def test_a_missing_pyarrow_names_the_extra_before_anything_is_written(tmp_path: Path) -> None:
    program = (
        "import sys, io; sys.modules['pyarrow'] = None\n"
        "from airflow_provider_tingting.reports.writers import write_report, format_of\n"
        "for call in (lambda: format_of(sys.argv[1] + '/a', format='parquet'),\n"
        "             lambda: write_report(io.BytesIO(b'Number,Status\\n'), sys.argv[1] + '/a', format='parquet')):\n"
        "    try: call()\n"
        "    except Exception as error: print(type(error).__name__, error)\n"
    )
    root = Path(__file__).parents[2]
    said = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, cwd=root
    ).stdout
    assert said.count("TingTingConfigError") == 2
    assert said.count("Run: pip install 'pyarrow>=") == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("＝1+1", "'＝1+1"),
        ("-5", "-5"),
        ("-5.25", "-5.25"),
        ("+9779841234567", "+9779841234567"),
        ("+977 984-1234567", "+977 984-1234567"),
        ("+(977) 9841234567", "+(977) 9841234567"),
        ("plain = text", "plain = text"),
        ("", ""),
    ],
)
def test_a_formula_is_escaped_and_a_number_is_not(text: str, written: str) -> None:
    assert escape_formula(text) == written


def test_the_header_is_escaped_too(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "csv", b"Number,Status,Other Info\n9841234567,Failed,{'=HYPERLINK(1)': 'x'}\n")
    assert "'=HYPERLINK(1)" in (tmp_path / "a.csv").read_text().splitlines()[0]


def test_a_lone_carriage_return_does_not_break_a_row(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "csv", b'Number,Status,Note\n9841234567,Failed,"one\rtwo"\n')
    with (tmp_path / "a.csv").open(newline="") as file:
        assert [row[-1] for row in csv.reader(file)] == ["note", "one\rtwo"]


def test_too_many_variables_stay_in_one_column(tmp_path: Path) -> None:
    rows = "".join(f"98412{index:05},Failed,{{'ref{index}': {index}}}\n" for index in range(MAX_VARIABLES + 100))
    write(tmp_path / "a.csv", "csv", b"Number,Status,Other Info\n" + rows.encode())
    with (tmp_path / "a.csv").open(newline="") as file:
        header, first, *_ = csv.reader(file)
    assert header == [*COLUMNS[:8], "other_info"]
    assert first[-1] == '{"ref0": 0}'


@pytest.mark.parametrize(
    ("changes", "column", "value"),
    [
        pytest.param({"Other Info": "{'ward': 7}"}, "ward", "7", id="another variable"),
        pytest.param({"Other Info": "ward 7"}, "other_info", "ward 7", id="variables that are text"),
        pytest.param({"Credit Consumed": "many"}, "credit_consumed_2", "many", id="an amount that cannot be read"),
    ],
)
def test_the_last_row_of_many_may_have_a_column_of_its_own(
    tmp_path: Path, changes: dict[str, str], column: str, value: str
) -> None:
    # The first half a megabyte shows which columns there are.
    row = {"Status": "Failed", "Other Info": repr({"name": "Sita" * 200}), "Credit Consumed": "1"}
    rows = [{**row, "Number": f"98412{index:05}"} for index in range(1500)]
    rows[-1] |= changes
    write(tmp_path / "a.csv", "csv", report_body(rows))
    with (tmp_path / "a.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [one["number"] for one in written] == [one["Number"] for one in rows]
    assert [one[column] for one in written] == [*[""] * 1499, value]


def test_columns_differ_in_any_case() -> None:
    from airflow_provider_tingting.reports.rows import ReportRow, in_blocks
    from airflow_provider_tingting.reports.tidy import TidyTable

    table = TidyTable(variables=("Name", "name", "STATUS"), extra=("NAME", "Other Info", "%"), other_info=True)
    names = [name for name, _ in table.columns]
    assert len({name.casefold() for name in names}) == len(names)
    (block,) = in_blocks([ReportRow("", "")])
    assert len(table.values(block)) == len(names)


@pytest.mark.parametrize("format", EVERY_FORMAT)
@pytest.mark.parametrize("require", [True, False])
def test_a_report_that_lacks_contacts_is_not_written(format: str, require: bool, tmp_path: Path) -> None:
    target = tmp_path / "report"
    target.write_text("old")
    if require:
        with pytest.raises(TingTingReportError, match="5 contacts, 4 came, 1 is missing"):
            write_report(io.BytesIO(BODY), target, format=format, expected=5)
        assert target.read_text() == "old"
    else:
        written = write_report(io.BytesIO(BODY), target, format=format, expected=5, require_complete=False)
        assert written.rows == 4


def test_a_report_that_announces_more_than_it_has_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(TingTingReportError, match="announces 9 contacts"):
        write(tmp_path / "report.csv", "csv", BODY.replace(b"Total Numbers,4", b"Total Numbers,9"))


@pytest.mark.parametrize("format", EVERY_FORMAT)
@pytest.mark.parametrize("end", [0, 40, 300, -20])
def test_a_cut_report_is_not_written(format: str, end: int, tmp_path: Path) -> None:
    target = tmp_path / "report"
    target.write_text("old")
    with pytest.raises(TingTingReportError):
        write(target, format, BODY[:end])
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_the_name_of_a_campaign_is_never_a_path(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "report.csv", "csv")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["in", "report.csv"]


def test_memory_stays_flat_however_long_the_report_is(tmp_path: Path) -> None:
    """Peak of Python's own memory, ten times the rows; xlsx and parquet hold a group of rows, so they are not here."""
    import gc
    import tracemalloc

    def peak(rows: int, format: str) -> int:
        source = tmp_path / "source.csv"
        with source.open("w", encoding="utf-8") as file:
            file.write("Number,Status,Duration,Playback,Credit Consumed,Other Info,Action Date,Carrier\n")
            for index in range(rows):
                file.write(
                    f"98{index:08},Completed,{index % 90},{index % 101},1,\"{{'name': 'Ram', 'ref': 'A{index}'}}\","
                    f"2025-07-09 14:46:{index % 60:02},NTC\n"
                )
        with source.open("rb") as file:
            gc.collect()
            tracemalloc.start()
            try:
                write_report(file, tmp_path / "out", format=format)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    for format in ("csv", "jsonl", "raw"):
        # Threads that other tests have left behind may allocate meanwhile, so one flat measurement is enough.
        measured = ((peak(1_500, format), peak(15_000, format)) for _ in range(3))
        assert any(large < min(2 * small + (2 << 20), 16 << 20) for small, large in measured), format


@given(st.lists(st.tuples(*[st.text("a,\"'\r\n =", max_size=3)] * 3), min_size=1, max_size=4))
def test_rows_that_are_written_together_are_those_that_are_written_one_by_one(rows: list[tuple[str, ...]]) -> None:
    together, one_by_one = io.StringIO(newline=""), io.StringIO(newline="")
    rows_writer(together)(rows)
    for row in rows:
        row_writer(one_by_one)(row)
    assert together.getvalue() == one_by_one.getvalue()
