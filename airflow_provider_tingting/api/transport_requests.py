"""The transport of the synchronous client, on requests.

requests has no deadline for a whole request, so its connections are replaced by ones that ask the `Exchange` before
each read and write how long it may take.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from airflow_provider_tingting.api.exchange import CHUNK_BYTES, BodyDecoder, Exchange
from airflow_provider_tingting.api.protocol import Request, Response
from airflow_provider_tingting.api.tls import environment_bundle, tls_context
from airflow_provider_tingting.api.transport import Origin, lower_names, prepare

# The exchange of the current thread; urllib3 makes connections deep below `Session.request`.
_EXCHANGE: ContextVar[Exchange] = ContextVar("tingting_exchange")


class _TimedReader(io.RawIOBase):
    """Reads from a socket until the exchange's deadline."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, exchange: Exchange) -> None:
        self._sock = sock
        self._raw = raw
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._exchange.remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        exchange = _EXCHANGE.get(None)
        if exchange is not None:
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_TimedReader(sock, raw, exchange))


if TYPE_CHECKING:
    _Connection = http.client.HTTPConnection
else:
    _Connection = object


class _TimedConnection(_Connection):
    """Part of a connection: it reads and writes until the deadline, and notes when the request goes on the wire."""

    response_class = _TimedResponse
    _opening_tunnel = False

    def send(self, data: Any) -> None:
        if self.sock is None and self.auto_open:
            self.connect()
        exchange = _EXCHANGE.get(None)
        if exchange is not None:
            seconds = exchange.remaining()
            # The CONNECT that asks a proxy for a tunnel does not count as the request.
            exchange.sent = exchange.sent or not self._opening_tunnel
            self.sock.settimeout(seconds)
        super().send(data)

    def _tunnel(self) -> None:
        self._opening_tunnel = True
        try:
            super()._tunnel()  # type: ignore[misc]
        finally:
            self._opening_tunnel = False


class _TimedHTTPConnection(_TimedConnection, HTTPConnection):
    pass


class _TimedHTTPSConnection(_TimedConnection, HTTPSConnection):
    pass


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _TimedHTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TimedHTTPSConnection


class _TimedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
        return manager


class RequestsTransport:
    """Sends requests with requests; safe to share between threads, each of which has its own session.

    :param origin: where requests go.
    """

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            if isinstance(self._origin.verify, str) or environment_bundle():
                # Raises a readable error about unusable certificates, where requests raises a bare OSError.
                tls_context(self._origin.verify)
            session = self._local.session = requests.Session()
            for scheme in ("http://", "https://"):
                session.mount(scheme, _TimedAdapter())
            # Otherwise a .netrc entry for the host would replace the token.
            session.auth = lambda prepared: prepared
            # requests resolves a redirect even when it must not follow it, and fails on an invalid address.
            session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]
            self._sessions.append(session)
        return session

    @contextmanager
    def open(self, exchange: Exchange, request: Request) -> Iterator[tuple[Response, Iterator[bytes]]]:
        """Send a request once; yield the response without its body, and the decoded body piece by piece.

        :param exchange: the exchange, whose deadline and limits hold.
        :param request: the request.
        :raises TingTingNeverSentError: no byte of the request was sent.
        :raises TingTingOutcomeUnknownError: the request may have reached the server, and no usable response came.
        :raises TingTingConfigError: the request cannot be sent.
        """
        prepared = prepare(self._origin, exchange.call, request)
        session = self._session()
        mine = _EXCHANGE.set(exchange)
        try:
            with exchange.translate_errors():
                response = session.request(
                    prepared.method,
                    prepared.url,
                    params=prepared.params,
                    headers=prepared.headers,
                    data=prepared.body if prepared.body is not None else prepared.form,
                    timeout=(min(self._origin.connect_timeout, exchange.remaining()), exchange.remaining()),
                    allow_redirects=False,
                    stream=True,
                    # Set for each request, because REQUESTS_CA_BUNDLE overrides a session's `verify`.
                    verify=self._origin.verify,
                )
        finally:
            _EXCHANGE.reset(mine)
        with response:
            # Before version 2, urllib3 accepts a body that is shorter than announced.
            response.raw.enforce_content_length = True
            exchange.start_body()
            headers = lower_names(response.headers)
            yield Response(response.status_code, headers, b""), _decoded(exchange, headers, response)

    def close(self) -> None:
        """Close all connections."""
        for session in self._sessions:
            session.close()
        self._sessions.clear()


def _decoded(exchange: Exchange, headers: dict[str, str], response: requests.Response) -> Iterator[bytes]:
    decoder = BodyDecoder(exchange, headers)
    # `read1` returns what has come, where `stream` waits for a full piece; it came with urllib3 2.
    read1 = getattr(response.raw, "read1", None)
    if read1 is not None:
        received = iter(lambda: read1(CHUNK_BYTES, decode_content=False), b"")
    else:
        received = response.raw.stream(CHUNK_BYTES, decode_content=False)
    while True:
        with exchange.translate_errors():
            raw = next(received, None)
        if raw is None:
            break
        yield from decoder.decode(raw)
    decoder.finish()
