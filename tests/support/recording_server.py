"""An HTTP server that records the requests and returns the responses that a test sets."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

LONGEST_KEPT = 1 << 20


@dataclass(frozen=True)
class Received:
    """One request as it came; header names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    size: int

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What is answered; content other than bytes goes out as JSON, all at once or a byte every so many seconds."""

    content: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    every: float = 0.0

    @property
    def body(self) -> bytes:
        """The content as it goes out."""
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # With the default of five, the sixth of several connections at once waits a second.
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Ignore a client that closes its connection."""


class RecordingServer:
    """A context manager; `received` is what came, `reply` decides what is answered.

    :param certificate: a PEM file with key and certificate, to speak TLS.
    """

    def __init__(self, certificate: str | None = None) -> None:
        self.received: list[Received] = []
        self.reply: Callable[[Received], Reply] = lambda _: Reply(status=404)
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def base_url(self) -> str:
        """The base URL of the API that this server plays."""
        return f"{self._scheme}://127.0.0.1:{self.port}/api/v1/"

    def always(self, content: Any = b"", status: int = 200, **headers: str) -> None:
        """Answer every request with this; `_` in header names stands for `-`."""
        reply = Reply(content, status, {name.replace("_", "-"): value for name, value in headers.items()})
        self.reply = lambda _: reply

    def __enter__(self) -> RecordingServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body in two packets would cost each answer 40 ms.
            wbufsize = -1
            disable_nagle_algorithm = True

            def answer(self) -> None:
                parts = urlsplit(self.path)
                body, size = self._body()
                received = Received(
                    self.command,
                    parts.path,
                    dict(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()},
                    body,
                    size,
                )
                recorder.received.append(received)
                reply = recorder.reply(received)
                self.send_response(reply.status)
                headers = {"Content-Type": "application/json", **reply.headers}
                headers.setdefault("Content-Length", str(len(reply.body)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(ConnectionError):
                    for piece in [reply.body] if not reply.every else [bytes([one]) for one in reply.body]:
                        self.wfile.write(piece)
                        self.wfile.flush()
                        time.sleep(reply.every)
                if int(headers["Content-Length"]) > len(reply.body):
                    self.close_connection = True

            def _body(self) -> tuple[bytes, int]:
                size, kept = int(self.headers.get("Content-Length", 0)), b""
                left = size
                while left and (piece := self.rfile.read(min(left, 1 << 16))):
                    left -= len(piece)
                    if len(kept) < LONGEST_KEPT:
                        kept += piece
                return kept, size - left

            def log_message(self, *_: object) -> None:
                pass

            do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - the names that http.server looks for

        return Handler
