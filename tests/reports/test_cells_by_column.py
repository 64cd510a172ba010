"""A report is read by column where its text is plain, and by the csv module elsewhere: both give the same cells."""

from __future__ import annotations

import csv
import io
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.reports import body as report_bodies
from airflow_provider_tingting.reports.parser import open_report

HEADER = "Number,Status,Other Info\n"
#: Whole rows, and what makes a text odd in the middle of them.
PARTS = [
    "98,completed,\n",
    "98,completed,a\r\n",
    '98,failed,"{\'a\': 1, \'b\': 2}"\n',
    '"98","failed","{""a"": ""b""}"\r\n',
    '98,hungup,"two\nlines"\n',
    "98,,a\n",
    ",,\n",
    "\n",
    '"',
    '""',
    ",",
    "\r",
    "é",
    " ",
]  # fmt: skip


def rows_of(text: str) -> list[tuple[str, ...]] | str:
    """Return the rows of a report, or why it is refused."""
    try:
        return [row for batch in open_report(io.BytesIO(text.encode())).batches() for row in zip(*batch, strict=True)]
    except TingTingReportError as error:
        return str(error)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PARTS), max_size=8).map("".join))
@example('98,completed,"a')
@example('98,completed,a"b\n98,completed,a"b\n')
@example("98,completed\n98,completed,a,b,c,d\n")
def test_any_text_gives_the_rows_or_the_error_that_the_csv_module_gives(text: str) -> None:
    found = rows_of(HEADER + text)
    with patch.object(report_bodies, "LONGEST_PLAIN", 0):
        assert rows_of(HEADER + text) == found


CELLS = st.text(st.sampled_from("ab,;'\"\r\n é"), max_size=5)


@given(
    rows=st.lists(st.tuples(CELLS, CELLS.map(lambda text: f"s{text}"), CELLS), min_size=1, max_size=6),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n"]),
    delimiter=st.sampled_from([",", ";"]),
)
def test_cells_come_back_as_they_were_written(
    rows: list[tuple[str, ...]], quoting: int, end: str, delimiter: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n", quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([HEADER.strip().split(","), *rows])
    lines = text.getvalue() if end == "\r\n" or any("\r" in cell for row in rows for cell in row) else ""
    assert rows_of(lines or text.getvalue().replace("\r\n", "\n")) == rows


@pytest.mark.parametrize("odd_line", [3, 700, 1499], ids=["at the beginning", "in the middle", "at the end"])
def test_after_an_odd_row_the_rest_is_read_in_its_order(odd_line: int) -> None:
    rows = [(f"98{line:08}", "completed", f"{{'name': 'Sita', 'ward': {line}}}") for line in range(1500)]
    lines = [f'{number},{status},"{info}"\n' for number, status, info in rows]
    lines[odd_line] = f'{rows[odd_line][0]},completed,odd" text\n'
    rows[odd_line] = (rows[odd_line][0], "completed", 'odd" text')
    assert rows_of(HEADER + "".join(lines)) == rows
