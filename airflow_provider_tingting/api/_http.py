"""The one place that touches the HTTP libraries: requests for the synchronous, httpx for the asynchronous client.

A transport sends one `Request` once and returns the `Response`. It adds the host and the token, which goes to the
configured host only, never follows a redirect, always has a time-out, and sorts what the library raises into
"never sent" and "outcome unknown".
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from airflow_provider_tingting import __version__
from airflow_provider_tingting.api.multipart import FileBody
from airflow_provider_tingting.api.wire import Call, Request, Response
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingConfigError,
    TingTingNeverSentError,
    TingTingOutcomeUnknownError,
)

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

    :param base_url: ends in `/`.
    :param token: the API token; never shown.
    :param timeout: seconds to wait for the next piece of an answer.
    :param connect_timeout: seconds to wait for a connection.
    :param verify: whether to check the server's certificate, or the path of a CA bundle.
    """

    base_url: str
    token: str
    timeout: float
    connect_timeout: float
    verify: bool | str = True

    def __repr__(self) -> str:
        return f"Origin(base_url={self.base_url!r})"


@dataclass(frozen=True)
class _Prepared:
    method: str
    url: str
    headers: dict[str, str]
    params: Mapping[str, str | int]
    body: bytes | FileBody | None
    form: Mapping[str, str | int] | None
    timeout: float


def _prepare(origin: Origin, request: Request) -> _Prepared:
    url = urljoin(origin.base_url, request.path)
    headers = {"Accept": "*/*", "User-Agent": USER_AGENT}
    if urlsplit(url)[:2] == urlsplit(origin.base_url)[:2]:
        headers["Authorization"] = f"Bearer {origin.token}"
    body: bytes | FileBody | None = None
    if request.json is not None:
        # Devanagari as it is: 23 % fewer bytes than escaped.
        body = json.dumps(request.json, ensure_ascii=False).encode()
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
        origin.timeout + request.patience,
    )


def _never_sent(call: Call[Any], origin: Origin, error: Exception) -> TingTingAPIError:
    host = urlsplit(origin.base_url).netloc
    return TingTingNeverSentError(
        call.name, f"cannot connect to {host} ({_reason(error)}).", campaign_id=call.campaign_id
    )


def _unknown(call: Call[Any], error: Exception) -> TingTingAPIError:
    timed_out = "timeout" in type(error).__name__.lower()
    said = "no answer came in time" if timed_out else "the connection broke off before the whole answer came"
    return TingTingOutcomeUnknownError(call.name, f"{said} ({type(error).__name__}).", campaign_id=call.campaign_id)


def _reason(error: BaseException) -> str:
    """Name the innermost cause: the libraries wrap it in texts that repeat the whole address."""
    *_, innermost = _causes(error)
    text = getattr(innermost, "strerror", None) or getattr(innermost, "verify_message", None)
    return str(text) if text else type(innermost).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    inner: BaseException | None = error
    while inner is not None and id(inner) not in seen:
        seen.add(id(inner))
        yield inner
        wrapped = getattr(inner, "reason", None) or (inner.args[0] if inner.args else None)
        inner = inner.__cause__ or inner.__context__ or (wrapped if isinstance(wrapped, BaseException) else None)


def _is_handshake(error: BaseException) -> bool:
    """Whether TLS failed before anything could be sent; TLS trouble in mid-conversation leaves the outcome unknown."""
    signs = ("CERTIFICATE", "HANDSHAKE", "WRONG_VERSION", "PROTOCOL_VERSION", "UNKNOWN_PROTOCOL", "HTTP_REQUEST")
    return any(
        isinstance(cause, ssl.SSLCertVerificationError)
        or (isinstance(cause, ssl.SSLError) and any(sign in str(cause).upper() for sign in signs))
        for cause in _causes(error)
    )


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

            session = self._local.session = requests.Session()
            # A .netrc entry for the host would otherwise replace the token.
            session.auth = lambda prepared: prepared
            self._sessions.append(session)
        return session

    @contextmanager
    def _answering(self, call: Call[Any], request: Request) -> Iterator[requests.Response]:
        import requests
        from urllib3 import exceptions as urllib3

        prepared = _prepare(self._origin, request)
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
                yield answer
        except (requests.ConnectTimeout, requests.exceptions.ProxyError) as error:
            raise _never_sent(call, self._origin, error) from error
        except requests.exceptions.SSLError as error:
            raise (_never_sent(call, self._origin, error) if _is_handshake(error) else _unknown(call, error)) from error
        except requests.ConnectionError as error:
            unconnected = (urllib3.NewConnectionError, urllib3.ConnectTimeoutError, urllib3.NameResolutionError)
            if any(isinstance(cause, unconnected) for cause in _causes(error)):
                raise _never_sent(call, self._origin, error) from error
            raise _unknown(call, error) from error
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, UnicodeError) as error:
            raise _unusable(error) from None
        except requests.RequestException as error:
            raise _unknown(call, error) from error

    def send(self, call: Call[Any], request: Request) -> Response:
        """Send once and return the whole answer."""
        with self._answering(call, request) as answer:
            return Response(answer.status_code, _lowered(answer.headers), answer.content)

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

                # Making the TLS context takes 20 to 26 ms of CPU: once for all clients, and beside the event loop.
                verify = await asyncio.to_thread(_tls, self._origin.verify)
                limits = httpx.Limits(max_connections=10)
                self._client = httpx.AsyncClient(verify=verify, limits=limits, follow_redirects=False)
            return self._client

    @asynccontextmanager
    async def _answering(self, call: Call[Any], request: Request) -> AsyncIterator[httpx.Response]:
        import httpx

        prepared = _prepare(self._origin, request)
        client = await self._opened()
        timeout = httpx.Timeout(prepared.timeout, connect=self._origin.connect_timeout)
        try:
            async with client.stream(
                prepared.method,
                prepared.url,
                params=prepared.params or None,
                headers=prepared.headers,
                content=prepared.body,
                data=prepared.form,
                timeout=timeout,
            ) as answer:
                yield answer
        except (httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise _never_sent(call, self._origin, error) from error
        except httpx.ConnectError as error:
            raise _never_sent(call, self._origin, error) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise _unusable(error) from None
        except httpx.HTTPError as error:
            raise _unknown(call, error) from error

    async def send(self, call: Call[Any], request: Request) -> Response:
        """Send once and return the whole answer."""
        async with self._answering(call, request) as answer:
            return Response(answer.status_code, _lowered(answer.headers), await answer.aread())

    @asynccontextmanager
    async def stream(self, call: Call[Any], request: Request) -> AsyncIterator[tuple[Response, AsyncIterator[bytes]]]:
        """Send once; give the head of the answer and, when it is a good one, its body piece by piece."""
        async with self._answering(call, request) as answer:
            good = answer.status_code // 100 == 2
            content = b"" if good else (await answer.aread())[:_LONGEST_ERROR]
            yield Response(answer.status_code, _lowered(answer.headers), content), answer.aiter_bytes(_CHUNK)

    async def close(self) -> None:
        """Close every connection."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


@lru_cache(maxsize=8)
def _tls(verify: bool | str) -> ssl.SSLContext:
    if verify is False:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if isinstance(verify, str):
        return ssl.create_default_context(cafile=verify)
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _unusable(error: Exception) -> TingTingConfigError:
    return TingTingConfigError(
        f"The connection's host or token cannot be used in a request ({type(error).__name__}). "
        "Write the host as app.tingting.io and the token exactly as TingTing shows it."
    )
