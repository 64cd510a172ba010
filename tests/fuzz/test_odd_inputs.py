"""Whatever a server, a file or a DAG file holds, the package ends with a value or with an error of its own.

A few hundred examples run with the other tests; `make fuzz` draws new ones for minutes.
"""

from __future__ import annotations

import io
import json
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.both_clients import KINDS, connecting
from support.odd_workbooks import Cell, OddWorkbook
from support.recording_server import RecordingServer, Reply
from support.report_files import report_body

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.contacts.audience import AudienceOptions, check_audience
from airflow_provider_tingting.contacts.numbers import READERS, InvalidNumberError
from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.errors import TingTingError
from airflow_provider_tingting.reports.outcomes import Outcomes
from airflow_provider_tingting.reports.read_report import read_report
from airflow_provider_tingting.reports.survey import write_survey_report

# -- responses ---------------------------------------------------------------------------------------------------------

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["Completed", "Running", "98412", "9841234567", "1e400", "0001-01-01", "NaN", "\x1b[2J", "\ud800"]),
)
NAMES = st.sampled_from(
    [
        "id",
        "name",
        "status",
        "count",
        "next",
        "previous",
        "results",
        "contacts",
        "errors",
        "created",
        "skipped",
        "message",
        "detail",
        "data",
        "success",
        "number",
        "other_variables",
        "progress_percent",
        "schedule",
        "voice",
        "user_phone",
        "campaign_action_count",
        "credit_limit",
        "url",
        "updated_at",
        "carrier_summary",
        "total_credits_consumed",
        "duration",
        "playback",
        "voice_display_name",
        "phone_number",
        "remaining_credits",
    ]
)
CONTENT = st.recursive(
    ODD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6),
    max_leaves=12,
)
CALLS = [
    calls.list_voice_models(),
    calls.list_own_numbers(),
    calls.get_campaign(7),
    calls.create_campaign(name="Notice", services="PHONE", user_phone=[3], message="नमस्कार"),
    calls.set_campaign_message(7, voice=1),
    calls.update_campaign(7, name="Notice"),
    calls.delete_campaign(7),
    calls.add_contact(7, "9841234567"),
    calls.add_contacts(7, [{"number": "9841234567"}]),
    calls.get_contact_attributes(7),
    calls.update_contact_attributes(7, {"name": "Sita"}),
    calls.update_contact_number(7, "9841234567"),
    calls.delete_contact(7),
    calls.preview_voice(7, voice=1, message="नमस्कार"),
    calls.demo_call(7),
    calls.run_campaign(7),
    calls.stop_campaign(7),
    calls.get_user_profile(),
    calls.get_dashboard(),
]
LISTS = [calls.list_campaigns(), calls.list_contacts(7)]
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "Content-Type", "Location", "Content-Disposition", "X-Odd"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
    | st.sampled_from(["99999999999999999999", "-1", "Mon, 99 Foo 99999", "http://[::1", "https://x:99999/", "nan"]),
    max_size=2,
)


def as_bytes(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=True).encode()


@pytest.fixture(scope="module", params=KINDS)
def client(request):
    """A client, and the server that it talks to."""
    with RecordingServer() as server, connecting(request.param) as connect:
        yield connect(server, max_retries=0, timeout=60), server


@given(
    call=st.sampled_from(CALLS + LISTS),
    body=CONTENT.map(as_bytes) | st.binary(max_size=60),
    status=st.sampled_from([200, 201, 207, 302, 400, 401, 403, 404, 409, 429, 500, 503, 599]),
    headers=HEADERS,
)
def test_a_response_is_a_value_or_an_error_of_this_package(client, call, body, status, headers):
    connected, server = client
    server.reply = lambda _: Reply(body, status, headers)
    try:
        if call in LISTS:
            connected.rows(call, most=20)
        else:
            connected.send(call)
    except TingTingError:
        return


# -- reports -----------------------------------------------------------------------------------------------------------

CELL = st.text(max_size=12) | st.sampled_from(
    ["Number", "Status", "Completed", "9841234567", "", '"', "{'a': 1}", "10s", "1e999", "0001-01-01", "\x00", "50%"]
)
LINES = st.lists(st.lists(CELL, max_size=6).map(",".join), max_size=12).map(lambda rows: "\r\n".join(rows).encode())
GOOD_REPORT = report_body([{"Number": f"98412345{last:02}", "Status": "Completed"} for last in range(4)])


@st.composite
def damaged(draw: Any, whole: bytes) -> bytes:
    """The bytes with some of them replaced, removed or put in."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        data[at : at + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


@given(body=LINES | damaged(GOOD_REPORT) | st.binary(max_size=80))
def test_a_report_is_read_or_refused(body, tmp_path_factory):
    target = tmp_path_factory.getbasetemp() / "survey.csv"
    for read in (
        lambda: read_report(io.BytesIO(body)),
        lambda: list(Outcomes(io.BytesIO(body))),
        lambda: write_survey_report(io.BytesIO(body), target, format="csv", tidy=True),
        lambda: write_survey_report(io.BytesIO(body), target, format="json", tidy=True),
    ):
        try:
            read()
        except TingTingError:
            continue


# -- files of contacts -------------------------------------------------------------------------------------------------


@lru_cache
def workbook_parts() -> dict[str, bytes]:
    """The parts of a workbook that has a bit of everything."""
    rows = {
        1: {0: Cell("number"), 1: Cell("name", "shared"), 2: Cell("amount")},
        2: {0: Cell("9841234567"), 1: Cell("Sita", "shared"), 2: Cell(0.13, style=1)},
        3: {0: Cell(9841234568), 1: Cell("#N/A", "e"), 2: Cell(45000.5, style=2)},
    }
    with zipfile.ZipFile(io.BytesIO(OddWorkbook(rows, hidden=(3,), formats=["0%", "yyyy-mm-dd"]).build())) as package:
        return {name: package.read(name) for name in package.namelist()}


@st.composite
def workbooks(draw: Any) -> bytes:
    parts = dict(workbook_parts())
    name = draw(st.sampled_from(sorted(parts)))
    if draw(st.booleans()):
        parts[name] = draw(damaged(parts[name]))
    else:
        del parts[name]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package:
        for part, content in parts.items():
            package.writestr(part, content)
    data = stream.getvalue()
    return draw(damaged(data)) if draw(st.integers(0, 3)) == 0 else data


TEXT = "number,name,amount\r\n9841234567,Sita,5\r\n9841234568,राम,6\r\n".encode()
LINES_OF_JSON = b'{"number": "9841234567", "name": "Sita"}\n{"number": 9841234568, "other_variables": {"a": [1]}}\n'


def read_all(path: Path, **options: Any) -> None:
    try:
        rows = list(read_rows(path, **options))
        with check_audience(rows, AudienceOptions(on_invalid="skip", several_numbers="all")) as audience:
            list(audience.contacts())
    except TingTingError:
        return


@pytest.mark.parametrize("library", ["openpyxl", "calamine"])
@given(data=workbooks(), hidden=st.sampled_from(["ask", "include", "skip"]))
def test_a_workbook_is_read_or_refused(library, data, hidden, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "people.xlsx"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        if library == "openpyxl":
            patch.setitem(__import__("sys").modules, "python_calamine", None)
        read_all(path, hidden_rows=hidden)


@given(
    data=damaged(TEXT) | damaged(LINES_OF_JSON) | damaged(TEXT.decode().encode("utf-16")) | st.binary(max_size=80),
    ending=st.sampled_from([".csv", ".tsv", ".txt", ".jsonl", ".csv.gz", ".jsonl.gz", ".parquet", ".xlsx", ".xls"]),
    encoding=st.sampled_from([None, "cp1252", "utf-16", "shift_jis", "idna", "punycode"]),
    delimiter=st.sampled_from([None, ";", "tab", "ङ"]),
)
def test_a_text_file_is_read_or_refused(data, ending, encoding, delimiter, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / f"people{ending}"
    path.write_bytes(data)

    read_all(path, encoding=encoding, delimiter=delimiter)


ITEMS = st.lists(
    ODD
    | st.binary(max_size=3)
    | st.dictionaries(st.sampled_from(["number", "other_variables", "name"]), CONTENT, max_size=3),
    max_size=4,
)


@given(items=ITEMS)
def test_a_list_of_values_is_read_or_refused(items):
    try:
        with check_audience(read_rows(items), AudienceOptions(on_invalid="skip", several_numbers="all")) as audience:
            list(audience.contacts())
    except TingTingError:
        return


@pytest.mark.parametrize("policy", sorted(READERS))
@given(value=ODD | st.text(st.sampled_from("0123456789०१२९८ +-.,/()eE:;'\u200d\u200b#!@$%^&*nNaAuUlL"), max_size=24))
def test_a_number_is_read_or_refused(policy, value):
    try:
        READERS[policy](value)
    except InvalidNumberError:
        return
