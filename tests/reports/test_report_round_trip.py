"""Any rows, rendered in any layout, come back as they were."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tingting.reports import CONTACT_STATUSES
from airflow_provider_tingting.reports.header import plain_name
from airflow_provider_tingting.reports.parser import open_report
from airflow_provider_tingting.reports.rows import ReportRow
from airflow_provider_tingting.reports.summary import summarise
from airflow_provider_tingting.reports.writers import write_report
from airflow_provider_tingting.timezones import NEPAL

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ue000\ue001"), max_size=20)
_AMOUNTS = st.none() | st.integers(0, 10**9).map(lambda thousandths: thousandths / 1000)
_MOMENTS = st.none() | st.datetimes(datetime(2015, 1, 1), datetime(2060, 1, 1)).flatmap(
    lambda naive: st.sampled_from([NEPAL, timezone.utc, timezone(timedelta(hours=-3))]).map(
        lambda zone: naive.replace(tzinfo=zone)
    )
)
_INFO = st.dictionaries(_TEXT, st.none() | st.booleans() | st.integers() | _TEXT, max_size=4)
_ROWS = st.lists(
    st.builds(
        ReportRow,
        number=st.from_regex(r"9[78]\d{8}", fullmatch=True),
        status=st.sampled_from(CONTACT_STATUSES),
        duration_seconds=_AMOUNTS,
        playback_percent=_AMOUNTS,
        credit_consumed=_AMOUNTS,
        other_info=st.none() | _INFO,
        action_date=_MOMENTS,
        carrier=st.none() | st.sampled_from(["NTC", "Ncell", "other", "नेपाल टेलिकम"]),
        extra=_TEXT.map(lambda text: {"Remark": text}),
    ),
    max_size=8,
)
_HEADER = (
    "Number",
    "Status",
    "Duration (Seconds)",
    "Playback (%)",
    "Credit Consumed",
    "Other Info",
    "Action Date",
    "Carrier",
    "Remark",
)


def render(
    rows: list[ReportRow],
    *,
    order: list[int],
    preamble: bool,
    ends: str,
    delimiter: str,
    blank: str,
    info: Callable[[object], str],
    message: str,
) -> bytes:
    text = io.StringIO()
    # With "\n" as its line end, csv.writer leaves a lone "\r" unquoted before Python 3.13.
    quoting = csv.QUOTE_ALL if ends == "\n" else csv.QUOTE_MINIMAL
    writer = csv.writer(text, lineterminator=ends, delimiter=delimiter, quoting=quoting)
    if preamble:
        writer.writerows([["Campaign Name", "Test"], ["Message", message], [""], ["Total Numbers", len(rows)], []])
    writer.writerow([_HEADER[index] for index in order])
    for row in rows:
        cells = [
            row.number,
            row.status.title(),
            row.duration_seconds,
            row.playback_percent,
            row.credit_consumed,
            None if row.other_info is None else info(row.other_info),
            row.action_date and (row.action_date.isoformat() if row.action_date.tzinfo is not NEPAL else naive(row)),
            row.carrier,
            row.extra["Remark"],
        ]
        writer.writerow([cells[index] for index in order])
        text.write(blank)
    return text.getvalue().encode()


def naive(row: ReportRow) -> str:
    assert row.action_date
    return row.action_date.replace(tzinfo=None).isoformat(sep=" ")


@given(
    rows=_ROWS,
    order=st.permutations(range(9)),
    preamble=st.booleans(),
    ends=st.sampled_from(["\n", "\r\n"]),
    delimiter=st.sampled_from([",", ";", "\t"]),
    blank=st.sampled_from(["", "\n", '""\r\n']),
    info=st.sampled_from([repr, json.dumps]),
    message=_TEXT,
)
def test_rows_come_back_from_every_layout(
    rows: list[ReportRow],
    order: list[int],
    preamble: bool,
    ends: str,
    delimiter: str,
    blank: str,
    info: Callable[[object], str],
    message: str,
) -> None:
    body = render(
        rows,
        order=order,
        preamble=preamble,
        ends=ends,
        delimiter=delimiter,
        blank=blank,
        info=info,
        message=message,
    )
    report = open_report(io.BytesIO(body))
    assert list(report.rows()) == rows
    if preamble:
        assert report.fields["message"] == message
        assert report.fields["total_numbers"] == len(rows)


@given(rows=_ROWS)
def test_a_tidy_file_is_a_report_again(rows: list[ReportRow], tmp_path_factory: object) -> None:
    rows = [replace(row, other_info=None, extra={"remark": row.number}) for row in rows]
    body = render(
        [replace(row, extra={"Remark": row.number}) for row in rows],
        order=list(range(9)),
        preamble=True,
        ends="\n",
        delimiter=",",
        blank="",
        info=repr,
        message="Namaste",
    )
    target = tmp_path_factory.mktemp("tidy") / "report.csv"  # type: ignore[attr-defined]
    written = write_report(io.BytesIO(body), target, require_complete=False)
    with target.open("rb") as file:
        again = open_report(file)
        assert list(again.rows()) == rows
        assert summarise(again) == written.summary


@given(st.binary(max_size=300))
def test_no_body_makes_the_reader_fail_in_another_way(body: bytes) -> None:
    from airflow_provider_tingting.errors import TingTingReportError

    for data in (body, b"Number,Status,Other Info\n" + body):
        try:
            report = open_report(io.BytesIO(data))
            list(report.rows())
            summarise(report)
        except TingTingReportError:
            continue


@given(_TEXT)
def test_a_plain_name_has_no_case_and_no_spacing(text: str) -> None:
    assert plain_name(plain_name(text)) == plain_name(text)
