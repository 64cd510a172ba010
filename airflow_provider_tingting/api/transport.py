"""The one place that touches the HTTP libraries: requests for the synchronous, httpx for the asynchronous client.

A transport sends one `Request` once and returns the `Response`. It adds the host and the token, which goes to the
configured host only, never follows a redirect, always has a time-out, and sorts what the library raises into
"never sent" and "outcome unknown". The library's own error is not chained: its reason is in ours, and its traceback of
a hundred lines would bury it.
"""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from airflow_provider_tingting import __version__
from airflow_provider_tingting.api.multipart import FileBody
from airflow_provider_tingting.api.protocol import Call, Request, Response, RetrySafety
from airflow_provider_tingting.api.response_limits import Body
from airflow_provider_tingting.api.tls import environment_bundle, tls_context
from airflow_provider_tingting.api.transport_errors import (
    causes,
    is_handshake,
    is_tunnel_refused,
    never_sent,
    outcome_unknown,
)
from airflow_provider_tingting.errors import TingTingConfigError

if TYPE_CHECKING:
    import httpx
    import requests

USER_AGENT = f"airflow-provider-tingting/{__version__}"
_CHUNK = 64 * 1024
# Of an answer that should be a download and is an error, this much is read to say why.
_LONGEST_ERROR = 64 * 1024


@dataclass(frozen=True)
class Origin:
    """Where requests go and what they carry.

    :param base_url: with scheme, host and path; ends in `/`.
    :param token: the API token; never shown.
    :param timeout: seconds to wait for the next piece of an answer.
    :param connect_timeout: seconds to wait for a connection.
    :param verify: whether to check the server's certificate, or the path of a file or folder of CA certificates.
    :raises TingTingConfigError: one of these cannot be used.
    """

    base_url: str
    token: str = field(repr=False)
    timeout: float = field(repr=False)
    connect_timeout: float = field(repr=False)
    verify: bool | str = field(default=True, repr=False)

    def __post_init__(self) -> None:
        if not self.token:
            raise TingTingConfigError("There is no API token. Put it into the password of the TingTing connection.")
        if not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise TingTingConfigError(
                "The API token holds blanks or characters that no token has. Copy it from TingTing again."
            )
        if not all(0 < seconds < math.inf for seconds in (self.timeout, self.connect_timeout)):
            raise TingTingConfigError("timeout and connect_timeout must be more than 0 seconds; 60 and 10 are usual.")
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.endswith("/"):
            raise TingTingConfigError(
                "The base URL must be like https://app.tingting.io/api/v1/, with scheme and path."
            )
        if isinstance(self.verify, str) and not Path(self.verify).exists():
            raise TingTingConfigError(
                f"There are no CA certificates at {self.verify}. Correct `verify` in the connection's extra: true, "
                "false, or the path of a file of CA certificates that Airflow's user may read."
            )


@dataclass(frozen=True)
class _Prepared:
    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    params: Mapping[str, str | int] = field(repr=False)
    body: bytes | FileBody | None = field(repr=False)
    form: Mapping[str, str | int] | None = field(repr=False)
    timeout: float


def _prepare(origin: Origin, call: Call[Any], request: Request) -> _Prepared:
    url = urljoin(origin.base_url, request.path)
    headers = {"Accept": "*/*", "User-Agent": USER_AGENT}
    if urlsplit(url)[:2] == urlsplit(origin.base_url)[:2]:
        headers["Authorization"] = f"Bearer {origin.token}"
    body: bytes | FileBody | None = None
    if request.json is not None:
        body = _json_of(call, request.json)
        headers["Content-Type"] = "application/json"
    elif request.upload is not None:
        body = FileBody(request.upload[0], Path(request.upload[1]))
        headers["Content-Type"] = body.content_type
        headers["Content-Length"] = str(len(body))
    return _Prepared(
        request.method,
        url,
        headers,
        {name: value for name, value in request.query.items() if value is not None},
        body,
        request.form,
        origin.timeout + request.extra_read_timeout,
    )


def _json_of(call: Call[Any], content: object) -> bytes:
    try:
        # Devanagari as it is: 23 % fewer bytes than escaped.
        return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        # The text of an encoding error shows the character only, that of the others the type only.
        raise TingTingConfigError(
            f"TingTing {call.name} was not sent: a value cannot be written as JSON ({error}). Give texts, numbers, "
            "true, false or null; a date or a decimal as text."
        ) from None


class RequestsTransport:
    """Sends by requests; safe to share between threads, each of which has its own session.

    :param origin: where to and with what token.
    """

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            import requests

            if isinstance(self._origin.verify, str) or environment_bundle():
                # Says what is wrong with the certificates, where requests would raise a bare OSError.
                tls_context(self._origin.verify)
            session = self._local.session = requests.Session()
            # A .netrc entry for the host would otherwise replace the token.
            session.auth = lambda prepared: prepared
            # requests works out where a redirect leads even when told not to follow it, and fails when it is nowhere.
            session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]
            self._sessions.append(session)
        return session

    @contextmanager
    def _answering(self, call: Call[Any], request: Request) -> Iterator[requests.Response]:
        import requests
        from urllib3 import exceptions as urllib3

        prepared = _prepare(self._origin, call, request)
        try:
            with self._session().request(
                prepared.method,
                prepared.url,
                params=prepared.params,
                headers=prepared.headers,
                data=prepared.body if prepared.body is not None else prepared.form,
                timeout=(self._origin.connect_timeout, prepared.timeout),
                allow_redirects=False,
                stream=True,
                # Given with each request, because REQUESTS_CA_BUNDLE overrides that of a session.
                verify=self._origin.verify,
            ) as answer:
                # urllib3 takes a body that is shorter than announced for whole, before its version 2.
                answer.raw.enforce_content_length = True
                yield answer
        except requests.ConnectTimeout as error:
            raise never_sent(call, prepared.url, error) from None
        except requests.exceptions.SSLError as error:
            if is_handshake(error, certainly=call.retry_safety is not RetrySafety.READ):
                raise never_sent(call, prepared.url, error) from None
            raise outcome_unknown(call, error) from None
        except requests.ConnectionError as error:
            unconnected = (urllib3.NewConnectionError, urllib3.ConnectTimeoutError)
            # urllib3 blames the proxy for an answer that is lost behind it, too: only a connection or a tunnel that was
            # never made proves that nothing was sent.
            if any(isinstance(cause, unconnected) or is_tunnel_refused(cause) for cause in causes(error)):
                raise never_sent(call, prepared.url, error) from None
            raise outcome_unknown(call, error) from None
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, UnicodeError) as error:
            raise _unusable(error) from None
        except (requests.RequestException, urllib3.HTTPError) as error:
            raise outcome_unknown(call, error) from None

    def send(self, call: Call[Any], request: Request) -> Response:
        """Send once and return the whole answer."""
        with self._answering(call, request) as answer:
            body = Body(call, self._origin.timeout + request.extra_read_timeout)
            for piece in _pieces(answer):
                body.take(piece)
            return Response(answer.status_code, _lowered(answer.headers), body.whole())

    @contextmanager
    def stream(self, call: Call[Any], request: Request) -> Iterator[tuple[Response, Iterator[bytes]]]:
        """Send once; give the head of the answer and, when it is a good one, its body piece by piece."""
        with self._answering(call, request) as answer:
            good = answer.status_code // 100 == 2
            content = b"" if good else next(answer.iter_content(_LONGEST_ERROR), b"")
            chunks = answer.iter_content(_CHUNK) if good else iter(())
            yield Response(answer.status_code, _lowered(answer.headers), content), chunks

    def close(self) -> None:
        """Close every connection."""
        for session in self._sessions:
            session.close()
        self._sessions.clear()


class HttpxTransport:
    """Sends by httpx, with one client for the transport's life; belongs to one event loop.

    :param origin: where to and with what token.
    """

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def _opened(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._client is None:
                import httpx

                # Reading the certificates takes its time: beside the event loop.
                verify = await asyncio.to_thread(tls_context, self._origin.verify)
                limits = httpx.Limits(max_connections=10)
                hooks = {"response": [_set_location_aside]}
                self._client = httpx.AsyncClient(
                    verify=verify, limits=limits, follow_redirects=False, event_hooks=hooks
                )
            return self._client

    @asynccontextmanager
    async def _answering(self, call: Call[Any], request: Request) -> AsyncIterator[httpx.Response]:
        import httpx

        prepared = _prepare(self._origin, call, request)
        client = await self._opened()
        timeout = httpx.Timeout(prepared.timeout, connect=self._origin.connect_timeout)
        try:
            async with client.stream(
                prepared.method,
                prepared.url,
                params=prepared.params or None,
                headers=prepared.headers,
                content=prepared.body.pieces() if isinstance(prepared.body, FileBody) else prepared.body,
                data=prepared.form,
                timeout=timeout,
            ) as answer:
                yield answer
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise never_sent(call, prepared.url, error) from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise _unusable(error) from None
        except httpx.HTTPError as error:
            raise outcome_unknown(call, error) from None

    async def send(self, call: Call[Any], request: Request) -> Response:
        """Send once and return the whole answer."""
        async with self._answering(call, request) as answer:
            body = Body(call, self._origin.timeout + request.extra_read_timeout)
            async for piece in answer.aiter_bytes():
                body.take(piece)
            return Response(answer.status_code, _headers(answer), body.whole())

    @asynccontextmanager
    async def stream(self, call: Call[Any], request: Request) -> AsyncIterator[tuple[Response, AsyncIterator[bytes]]]:
        """Send once; give the head of the answer and, when it is a good one, its body piece by piece."""
        async with self._answering(call, request) as answer:
            good = answer.status_code // 100 == 2
            content = b"" if good else await anext(answer.aiter_bytes(_LONGEST_ERROR), b"")
            yield Response(answer.status_code, _headers(answer), content), answer.aiter_bytes(_CHUNK)

    async def close(self) -> None:
        """Close every connection."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def _pieces(answer: requests.Response) -> Iterator[bytes]:
    # `iter_content` gives a piece only when it is full. `read1` came with urllib3 2.
    read1 = getattr(answer.raw, "read1", None)
    return iter(lambda: read1(_CHUNK, decode_content=True), b"") if read1 else answer.iter_content(_CHUNK)


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


async def _set_location_aside(answer: httpx.Response) -> None:
    # As requests does, httpx works out where a redirect leads even when told not to follow it.
    if "location" in answer.headers:
        answer.extensions["location"] = answer.headers.pop("location")


def _headers(answer: httpx.Response) -> dict[str, str]:
    return {**_lowered(answer.headers), **{k: v for k, v in answer.extensions.items() if k == "location"}}


def _unusable(error: Exception) -> TingTingConfigError:
    return TingTingConfigError(
        f"The connection's host or token cannot be used in a request ({type(error).__name__}). "
        "Write the host as app.tingting.io and the token exactly as TingTing shows it."
    )
