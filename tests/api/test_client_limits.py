"""A request ends at its deadline and a download at its limits, whatever the server sends."""

from __future__ import annotations

import gzip
import io
import socket
import sys
import time
import zlib
from collections.abc import Callable

import pytest
from support.both_clients import Connect
from support.campaigns import wait_until
from support.pushed_clock import PushedClock
from support.raw_server import raw_server
from support.recording_server import Received, RecordingServer, Reply

from airflow_provider_tingting.api import calls, pagination
from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.errors import (
    TingTingNeverSentError,
    TingTingOutcomeUnknownError,
    TingTingRedirectError,
    TingTingUnreadableReplyError,
)

TIMEOUT = 0.4
MIB = 1024 * 1024
REPORT = calls.download_campaign_report(79)
CSV_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n"


def _for_ever(head: bytes, piece: bytes, every: float = 0.0) -> Callable[[socket.socket], None]:
    def respond(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(piece)
            time.sleep(every)

    return respond


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


ENDLESS = {
    "header lines": _for_ever(b"HTTP/1.1 200 OK\r\n", b"X-More: more\r\n", 0.02),
    "one header line": _for_ever(b"HTTP/1.1 200 OK\r\nX-More: ", b"m", 0.02),
    "100 Continue": _for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.005),
    "body byte by byte": _for_ever(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" ", 0.02),
    "empty gzip members": _for_ever(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
        _chunk(gzip.compress(b"")),
        0.005,
    ),
    "trailers": _for_ever(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n", b"X-More: more\r\n", 0.02
    ),
    "no response": _for_ever(b"", b"", 0.05),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_response_that_never_ends_is_given_up_at_the_deadline(connect: Connect, name: str) -> None:
    with raw_server(ENDLESS[name]) as server:
        client = connect(server.base_url, timeout=TIMEOUT, max_retries=0)
        # Without a deadline it would never end.
        with pytest.raises(TingTingOutcomeUnknownError):
            client.send(calls.get_campaign(79))


@pytest.mark.parametrize("name", ["header lines", "body byte by byte"])
def test_a_write_whose_response_never_ends_has_an_unknown_outcome_and_is_sent_once(connect: Connect, name: str) -> None:
    with raw_server(ENDLESS[name]) as server:
        with pytest.raises(TingTingOutcomeUnknownError, match="run_campaign"):
            connect(server.base_url, timeout=TIMEOUT).send(calls.run_campaign(79))
        wait_until(lambda: server.requests)
        assert len(server.requests) == 1


def test_the_redirects_of_a_read_share_its_deadline(
    connect: Connect, server: RecordingServer, pushed_deadlines: PushedClock
) -> None:
    def slow_redirect(received: Received) -> Reply:
        pushed_deadlines.sleep(30)
        return Reply(status=302, headers={"Location": f"/api/v1/hop{len(server.received)}/"})

    server.reply = slow_redirect
    # Depending on when the response comes, the next request is not sent, or the response is not waited for.
    with pytest.raises((TingTingOutcomeUnknownError, TingTingNeverSentError)):
        connect(server, timeout=45, max_retries=0).send(calls.get_campaign(79))
    assert len(server.received) == 2


@pytest.mark.parametrize("port", ["99999", "-1", "x"])
def test_a_redirect_to_an_impossible_port_is_an_error_of_the_redirect(
    connect: Connect, server: RecordingServer, port: str
) -> None:
    server.always(status=302, Location=f"http://127.0.0.1:{port}/api/v1/")

    with pytest.raises(TingTingRedirectError):
        connect(server).send(calls.get_campaign(79))


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 2\r\nContent-Length: 3\r\n",
        b"Content-Length: two\r\n",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\nContent-Encoding: br\r\n",
        b"Location: http://[::1\r\nContent-Length: 2\r\nContent-Length: 3\r\n",
        b"\x00: \xff\r\n",
    ],
    ids=["two lengths", "no number as length", "other encoding", "invalid location", "invalid header"],
)
def test_a_malformed_response_to_run_leaves_the_outcome_unknown(connect: Connect, headers: bytes) -> None:
    """The request was on the wire, so the campaign may be running, whatever the HTTP library raises."""

    def respond(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n{}{")

    with raw_server(respond) as server:
        with pytest.raises(TingTingOutcomeUnknownError):
            connect(server.base_url, timeout=60.0).send(calls.run_campaign(79))
        assert server.requests == ["POST /api/v1/run-campaign/79/ HTTP/1.1"]


# -- limits of a download ----------------------------------------------------------------------------------------------


def test_a_download_without_end_is_refused_at_the_largest_size(connect: Connect) -> None:
    target = io.BytesIO()
    with raw_server(_for_ever(CSV_HEAD + b"\r\n", _chunk(b"9841234567,Completed\r\n" * 3000))) as server:
        client = connect(server.base_url, max_download_mib=1, timeout=60.0)
        with pytest.raises(TingTingUnreadableReplyError, match=r"larger than 1 MiB.*raise max_download_mib"):
            client.download(REPORT, target)
    assert len(target.getvalue()) <= MIB


def test_a_small_download_that_expands_to_a_huge_one_is_refused(connect: Connect, server: RecordingServer) -> None:
    server.always(gzip.compress(bytes(64 * MIB)), Content_Type="text/csv", Content_Encoding="gzip")
    target = io.BytesIO()

    with pytest.raises(TingTingUnreadableReplyError, match=r"more than 250 times.*raise .*max_expansion"):
        connect(server).download(REPORT, target)
    assert len(target.getvalue()) < 20 * MIB


def test_a_download_that_drips_ends_at_the_download_timeout(
    connect: Connect, pushed_deadlines: PushedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server lets time pass between two bytes.
    monkeypatch.setattr(sys.modules[__name__], "time", pushed_deadlines)
    with raw_server(_for_ever(CSV_HEAD + b"\r\n", _chunk(b"9"), 1.0)) as server:
        client = connect(server.base_url, download_timeout=60, max_retries=0)
        with pytest.raises(TingTingOutcomeUnknownError, match="in time"):
            client.download(REPORT, io.BytesIO())


@pytest.mark.parametrize(
    "compress",
    [gzip.compress, zlib.compress, lambda content: zlib.compress(content)[2:-4]],
    ids=["gzip", "zlib", "raw deflate"],
)
def test_a_compressed_download_is_decoded(
    connect: Connect, server: RecordingServer, compress: Callable[[bytes], bytes]
) -> None:
    content = b"".join(b"98412%05d,Completed\r\n" % row for row in range(100_000))
    encoding = "gzip" if compress is gzip.compress else "deflate"
    server.always(compress(content), Content_Type="text/csv", Content_Encoding=encoding)
    target = io.BytesIO()

    assert connect(server).download(REPORT, target).size == len(content)
    assert target.getvalue() == content


def test_a_compressed_download_that_breaks_off_is_an_error(connect: Connect, server: RecordingServer) -> None:
    content = gzip.compress(b"".join(b"98412%05d,Completed\r\n" % row for row in range(10_000)))
    server.always(content[: len(content) // 2], Content_Type="text/csv", Content_Encoding="gzip")

    with pytest.raises(TingTingOutcomeUnknownError, match="broke off"):
        connect(server, max_retries=0).download(REPORT, io.BytesIO())


def _page_of_a_list_without_end(received: Received) -> Reply:
    first = int(received.query["offset"])
    rows = [{"id": first + row, "status": "Running"} for row in range(100)]
    return Reply({"results": rows, "count": 10**9, "next": "?more"})


def test_a_list_without_end_is_an_error_after_the_download_timeout(connect: Connect, server: RecordingServer) -> None:
    clock = PushedClock()

    def page(received: Received) -> Reply:
        clock.sleep(1)
        return _page_of_a_list_without_end(received)

    server.reply = page
    said = r"after 30 s the list has not ended.*download_timeout"
    with use_clock(clock), pytest.raises(TingTingUnreadableReplyError, match=said):
        connect(server, download_timeout=30).rows(calls.list_campaigns())


def test_a_list_without_end_does_not_fill_the_memory(
    connect: Connect, server: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MAX_ROWS", 1_000)
    server.reply = _page_of_a_list_without_end

    with pytest.raises(TingTingUnreadableReplyError, match=r"more than 1,000 rows and has not ended.*base URL"):
        connect(server).rows(calls.list_campaigns())
