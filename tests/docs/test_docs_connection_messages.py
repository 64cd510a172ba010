"""What the connection test says when it says no is what the page about connecting promises, row by row."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.docs_pages import DOCS, table

ROWS = [row[0] for row in table(DOCS / "connecting.md", "the message begins")]


@pytest.fixture(scope="module")
def another_service():
    """A web server that is not TingTing."""

    class Welcome(BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"<html><title>Welcome</title></html>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Welcome)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def situations(sandbox, another_service):
    """The connection and the trouble behind each row, in the order of the page."""
    good = {"conn_type": "tingting", "host": sandbox.base_url, "password": sandbox.token, "extra": {"max_retries": 0}}
    yield good | {"password": ""}, None
    yield good | {"password": "half a token"}, None
    yield good | {"password": "not-the-token"}, None
    yield good | {"host": "not a host"}, None
    yield good | {"extra": {"timeout": "soon"}}, None
    yield good | {"host": "http://127.0.0.1:9/"}, None
    yield good | {"host": sandbox.root_url + "api/v2/"}, None
    yield good | {"host": another_service}, None
    yield good | {"extra": {"timeout": 0.2}}, "stuck:voices"
    yield good, "503-html:voices"


def test_each_message_of_the_table_is_what_the_test_says(sandbox, another_service, monkeypatch):
    from airflow_provider_tingting.hooks.tingting import TingTingHook

    said = []
    for connection, fault in situations(sandbox, another_service):
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", json.dumps(connection))
        if fault:
            sandbox.faults.parse(fault)
        works, message = TingTingHook().test_connection()
        assert not works
        message = message.replace(another_service, "http://127.0.0.1:8085/")
        said.append(message.replace(sandbox.root_url, "http://127.0.0.1:8085/"))

    assert [message[: len(row)] for row, message in zip(ROWS, said, strict=True)] == ROWS
