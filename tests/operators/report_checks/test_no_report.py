"""What is not a report, or cannot be written, is named, and the old file stays."""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import dedent

import pytest
from support.report_download import BODY, HEADER, PREAMBLE, ROWS, downloading, rows_of
from support.task_context import execute

from airflow_provider_tingting._compat import AirflowFailException

# Whatever TingTing sends, and what the task says of it when there is no listing either.
BAD_BODIES = {
    "a page of html": (b"<!DOCTYPE html><html>502 Bad Gateway</html>", "HTML"),
    "nothing": (b"", "empty"),
    "blank lines": (b"\r\n\r\n", "empty"),
    "a cut row": (BODY.encode()[:-30], "breaks off"),
    "a cut preamble": (PREAMBLE.encode(), "no table"),
    "a cut after whole rows": ((HEADER + ROWS[0]).encode(), "2 are missing"),
    "another delimiter": (BODY.replace(",", ":").encode(), "no table"),
    "two headers": ((BODY + BODY).encode(), "second header"),
    "two reports": ((PREAMBLE + BODY + PREAMBLE + BODY).encode(), "more than one table"),
    "a nul byte": (BODY.encode().replace(b"Sita", b"Si\0a"), "NUL byte"),
    "invalid utf-8": (BODY.encode().replace(b"Sita", b"\xff\xfe"), "not UTF-8"),
    "a field without an end": ((HEADER + '9841234501,"Completed').encode(), "breaks off"),
    "a huge line": ((HEADER + "9" * (3 << 20)).encode(), "more than 1,048,576 characters"),
    "json": (b'{"detail": "Report is being made."}', "Report is being made"),
    "a workbook": (b"PK\x03\x04 and more", "workbook"),
}


@pytest.mark.parametrize("body", BAD_BODIES)
@pytest.mark.parametrize("format", ["csv", "raw"])
def test_what_is_no_whole_report_is_named_and_the_old_file_stays(server, target, body, format):
    server.report, says = BAD_BODIES[body]
    server.campaign["campaign_action_count"] = 3

    with pytest.raises(Exception) as raised:
        execute(downloading(79, target, format=format))

    said = str(raised.value)
    assert "ampaign 79" in said
    assert target.read_text(encoding="utf-8") == "of yesterday"
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    if format == "raw":
        assert says in said
    elif "missing" not in says:
        # Then the listing was read, and has no contact.
        assert "3 contacts, 0 came, 3 are missing" in said


@pytest.mark.parametrize("lost", [2, 3, 8], ids="{} bytes".format)
@pytest.mark.parametrize("format", ["csv", "raw"])
def test_a_report_that_is_cut_in_its_last_cells_is_downloaded_again(server, target, lost, format):
    server.report = [BODY.encode()[:-lost], BODY.encode()]

    execute(downloading(79, target, format=format))

    assert [row["carrier" if format == "csv" else "Carrier"] for row in rows_of(target)] == ["NTC"] * 3
    assert server.report == []


def test_a_server_that_writes_no_last_line_end_gives_a_whole_report(server, target):
    server.report = BODY.rstrip("\n").encode()

    result, _ = execute(downloading(79, target))

    assert (result["rows"], result["source"]) == (3, "report")
    assert sum("/download/" in request.path for request in server.received) == 2


@pytest.mark.parametrize("name", ["../../evil.csv", "/etc/evil.csv", "सूचना.csv", "x\"; filename*=UTF-8''..%2Fevil"])
def test_the_name_that_the_server_suggests_is_never_used(server, target, name):
    header = f'attachment; filename="{name}"'.encode().decode("latin-1")
    server.headers = {"Content-Disposition": header}

    result, _ = execute(downloading(79, target))

    assert result["path"] == str(target)
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_path_that_cannot_be_written_names_the_campaign_and_that_no_contact_is_called_again(server):
    with pytest.raises(AirflowFailException, match=r"Campaign 79: .*/proc/nowhere.*no contact is called again"):
        execute(downloading(79, "/proc/nowhere/report.csv"))

    assert server.received == []


def test_a_full_disk_is_named_whether_for_the_file_or_for_its_check(server, target):
    """A limit on the size of files makes the system refuse a write half-way, as a full disk does."""
    # Some 1.4 MB come, which go to a temporary file, and some 1.8 would be written.
    server.report = (
        HEADER + "".join(f"98{index:08},Completed,1,9,1,,2026-11-23,NTC\n" for index in range(30_000))
    ).encode()
    server.campaign["campaign_action_count"] = None
    program = dedent("""
        import os, resource, sys
        from support.airflow_home import prepare
        connection = os.environ["AIRFLOW_CONN_TINGTING_DEFAULT"]
        prepare()
        os.environ["AIRFLOW_CONN_TINGTING_DEFAULT"] = connection
        from support.task_context import execute
        from airflow_provider_tingting.campaigns import fetch_report
        from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator
        fetch_report._SPOOL_IN_MEMORY = 1 << 18
        for limit in (1_000_000, 1_600_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                execute(TingTingDownloadReportOperator(task_id="report", campaign_id=79, path=sys.argv[1]))
            except Exception as error:
                print(type(error).__name__, error)
    """)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(target)], capture_output=True, text=True, check=True, env=environment
    )
    said = [line for line in done.stdout.splitlines() if line.startswith("TingTingStorageError Campaign 79: ")]

    assert ["where it is checked first" in line for line in said] == [True, False], done.stdout + done.stderr
    assert str(target) in said[1]
    assert all("File too large" in line and "no contact is called again" in line for line in said)
    assert target.read_text(encoding="utf-8") == "of yesterday"
    assert [path.name for path in target.parent.iterdir()] == [target.name]
