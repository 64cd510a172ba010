"""The synchronous and the asynchronous client: they send calls with retries, rate limit and alternatives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from types import TracebackType
from typing import Any, BinaryIO, Protocol, TypeVar, cast

from airflow_provider_tingting.api.alternatives import AlternativeRequests, adapted, follow_redirects, name_filter
from airflow_provider_tingting.api.driver import drive, drive_async
from airflow_provider_tingting.api.exchange import Exchange
from airflow_provider_tingting.api.lookahead import MAX_PAGES_AT_ONCE, Lookahead
from airflow_provider_tingting.api.models import Page
from airflow_provider_tingting.api.pagination import Paginator
from airflow_provider_tingting.api.protocol import Call, Request, Response
from airflow_provider_tingting.api.rate_limit import RateLimiter
from airflow_provider_tingting.api.response_limits import RESPONSE_LIMITS, BodyLimits, download_limits
from airflow_provider_tingting.api.responses import check_download, error_of, read_response
from airflow_provider_tingting.api.retry import RetryPolicy
from airflow_provider_tingting.api.transport import Origin
from airflow_provider_tingting.clock import sleep
from airflow_provider_tingting.connection.server_dialect import ServerDialect
from airflow_provider_tingting.errors import TingTingAPIError, TingTingConfigError
from airflow_provider_tingting.masking import HIDDEN

T = TypeVar("T")
R = TypeVar("R")

DEFAULT_BASE_URL = "https://app.tingting.io/api/v1/"
# A shorter token may be an ordinary word of a response.
_SHORTEST_TOKEN = 8
# How much of a response that is not a report is read for the error text.
_MAX_ERROR_BYTES = 64 * 1024


class _Transport(Protocol):
    def open(
        self, exchange: Exchange, request: Request
    ) -> AbstractContextManager[tuple[Response, Iterator[bytes]]]: ...

    def close(self) -> None: ...


class _AsyncTransport(Protocol):
    def open(
        self, exchange: Exchange, request: Request
    ) -> AbstractAsyncContextManager[tuple[Response, AsyncIterator[bytes]]]: ...

    async def client(self) -> object: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Downloaded:
    """The result of a download.

    :param size: bytes written to the target.
    :param content_type: the response's `Content-Type`.
    """

    size: int
    content_type: str


class _Client:
    """The settings and decisions that both clients share.

    :param token: the API token.
    :param base_url: with scheme, host and path; the vendor's own by default.
    :param timeout: seconds for a whole request, from connecting to the last byte of the response, default 60; large
        batches and reports have more.
    :param connect_timeout: seconds to wait for a connection, default 10.
    :param max_retries: how often a read is sent again after an error that may pass, default 4.
    :param rate_limit: the most requests a second; default None, for no limit.
    :param verify: whether to check the server's certificate, or the path of a file or folder of CA certificates.
    :param download_timeout: seconds for a whole download, or for a whole list, default 3600.
    :param max_download_mib: the largest download in MiB, default 2048.
    :param max_expansion: how many times larger a compressed download may become, default 250.
    :param dialect: what is known about the server, as `ServerDialect.read` takes it; default None.
    :raises TingTingConfigError: an argument is invalid.
    """

    def __init__(
        self,
        token: str,
        *,
        base_url: str = DEFAULT_BASE_URL,
        timeout: float = 60.0,
        connect_timeout: float = 10.0,
        max_retries: int = 4,
        rate_limit: float | None = None,
        verify: bool | str = True,
        download_timeout: float = 3600.0,
        max_download_mib: float = 2048.0,
        max_expansion: float = 250.0,
        dialect: str | None = None,
    ) -> None:
        if max_retries < 0 or (rate_limit is not None and not rate_limit > 0):
            raise TingTingConfigError("max_retries must be at least 0, and rate_limit above 0 or None for no limit.")
        if not all(limit > 0 for limit in (download_timeout, max_download_mib, max_expansion)):
            raise TingTingConfigError("download_timeout, max_download_mib and max_expansion must be above 0.")
        self._origin = Origin(base_url.rstrip("/") + "/", token, timeout, connect_timeout, verify)
        #: What is known about the server.
        self.dialect = ServerDialect.read(dialect)
        self._alternatives = AlternativeRequests(self.dialect)
        self._retry = RetryPolicy(max_retries=max_retries)
        self._rate_limiter = RateLimiter(rate_limit)
        self._list_timeout = download_timeout
        self._download_limits = download_limits(max_download_mib, max_expansion, download_timeout)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._origin.base_url!r})"

    @property
    def base_url(self) -> str:
        """The base URL of all calls."""
        return self._origin.base_url

    def _deadline(self, call: Call[Any]) -> float:
        return time.monotonic() + self._origin.timeout + call.request.extra_read_timeout

    def _exchange(self, call: Call[Any], deadline: float, limits: BodyLimits = RESPONSE_LIMITS) -> Exchange:
        return Exchange(call, self._origin.base_url, deadline, limits)

    def _check(self, call: Call[Any], response: Response) -> None:
        """Raise the error of a response outside 2xx; a `Retry-After` holds all requests of the client."""
        if response.status_code // 100 != 2:
            error = error_of(call, response, token=self._origin.token)
            if error.retry_after is not None and error.retry_after <= self._retry.max_wait:
                self._rate_limiter.hold(error.retry_after)
            raise error

    def _read(self, call: Call[T], response: Response) -> T:
        self._check(call, response)
        return read_response(call, self._without_token(response), token=self._origin.token)

    def _check_beginning(self, call: Call[Any], beginning: Response) -> None:
        self._check(call, beginning)
        check_download(call, beginning, token=self._origin.token)

    def _without_token(self, response: Response) -> Response:
        """Remove the token from a response, so that no model contains it."""
        token = self._origin.token.encode()
        if len(token) < _SHORTEST_TOKEN or token not in response.content:
            return response
        return replace(response, content=response.content.replace(token, HIDDEN.encode()))


class TingTingClient(_Client):
    """The synchronous client, on requests. Safe to share between threads; close it or use it in a `with`.

    ```python
    with TingTingClient("token") as client:
        campaign = client.send(calls.get_campaign(79))
    ```
    """

    def __init__(self, token: str, **settings: Any) -> None:
        super().__init__(token, **settings)
        from airflow_provider_tingting.api.transport_requests import RequestsTransport

        self._transport: _Transport = RequestsTransport(self._origin)

    def send(self, call: Call[T]) -> T:
        """Send one call, with the retries that are safe, and return its result.

        :param call: a call from `calls`.
        :raises TingTingAPIError: the subclass that describes the failure.
        """
        return drive(self._alternatives.send(call), self._with_retries(self._once))

    def send_with_response(self, call: Call[T]) -> tuple[T, Response]:
        """Send one call once, without retries, and return its result with the HTTP response, for a diagnosis.

        :param call: a call from `calls`.
        :raises TingTingAPIError: the subclass that describes the failure.
        """
        response = self._receive(call, self._deadline(call))
        return self._read(call, response), self._without_token(response)

    def iterate(self, first: Call[Page[R]]) -> Iterator[R]:
        """Yield the rows of a list over all its pages, in order; of a long list, several pages are read at once.

        :param first: the call for the first page.
        :raises TingTingAPIError: the subclass that describes the failure.
        """
        paginator, lookahead = Paginator(adapted(first, self.dialect), timeout=self._list_timeout), Lookahead[R]()
        wanted = name_filter(first, self.dialect)
        in_flight: dict[object, Future[Page[R]]] = {}
        try:
            for call in paginator:
                plan = lookahead.plan(call)
                if plan == [call]:
                    page = lookahead.fit(call, call, self.send(call))
                else:
                    for early in plan:
                        if _key(early) not in in_flight:
                            in_flight[_key(early)] = self._page_threads.submit(self._attempt, early, self._once)
                    try:
                        page = lookahead.fit(call, plan[0], in_flight.pop(_key(plan[0])).result())
                    except TingTingAPIError:
                        # Early pages are not retried, so that their threads end soon after the iteration.
                        lookahead.miss()
                        page = None
                if page is None:
                    page = lookahead.fit(call, call, self.send(call))
                yield from filter(wanted, paginator.new_rows(cast("Page[R]", page)))
        finally:
            for future in in_flight.values():
                future.cancel()

    def download(self, call: Call[None], target: BinaryIO) -> Downloaded:
        """Write the response's body to a seekable binary file, from the file's current position.

        A download that breaks off starts again from the beginning. After an error the file's content is incomplete.

        :param call: a download from `calls`.
        :param target: the file.
        :raises TingTingAPIError: the subclass that describes the failure.
        """
        start = target.tell()

        def once(one: Call[Any], deadline: float) -> Downloaded:
            target.seek(start)
            target.truncate()
            exchange = self._exchange(one, deadline, self._download_limits)
            with self._transport.open(exchange, one.request) as (head, pieces):
                beginning = b""
                for piece in pieces:
                    beginning += piece
                    if head.status_code // 100 == 2 or len(beginning) >= _MAX_ERROR_BYTES:
                        break
                self._check_beginning(one, replace(head, content=beginning))
                size = target.write(beginning) + sum(target.write(piece) for piece in pieces)
            return Downloaded(size, head.headers.get("content-type", ""))

        return drive(self._alternatives.send(cast("Call[Downloaded]", call)), self._with_retries(once))

    def _with_retries(self, once: Callable[[Call[Any], float], Any]) -> Callable[[Call[Any]], Any]:
        return lambda call: drive(self._retry.send(call), lambda one: self._attempt(one, once))

    def _attempt(self, call: Call[Any], once: Callable[[Call[Any], float], Any]) -> Any:
        sleep(self._rate_limiter.reserve())
        deadline = self._deadline(call)
        return drive(follow_redirects(call, self.base_url), lambda one: once(one, deadline))

    def _once(self, call: Call[Any], deadline: float) -> Any:
        return self._read(call, self._receive(call, deadline))

    def _receive(self, call: Call[Any], deadline: float) -> Response:
        with self._transport.open(self._exchange(call, deadline), call.request) as (head, pieces):
            return Response(head.status_code, head.headers, b"".join(pieces))

    def close(self) -> None:
        """Close all connections."""
        threads = self.__dict__.pop("_page_threads", None)
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)
        self._transport.close()

    @cached_property
    def _page_threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(MAX_PAGES_AT_ONCE, thread_name_prefix="tingting-pages")

    def __enter__(self) -> TingTingClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class AsyncTingTingClient(_Client):
    """The asynchronous client, on httpx; belongs to one event loop. Close it or use it in an `async with`."""

    def __init__(self, token: str, **settings: Any) -> None:
        super().__init__(token, **settings)
        from airflow_provider_tingting.api.transport_httpx import HttpxTransport

        self._transport: _AsyncTransport = HttpxTransport(self._origin)

    async def send(self, call: Call[T]) -> T:
        """Send one call, as `TingTingClient.send` does.

        :param call: the call.
        """

        return await drive_async(self._alternatives.send(call), self._with_retries(self._once))

    async def iterate(self, first: Call[Page[R]]) -> AsyncIterator[R]:
        """Yield the rows of a list over all its pages, as `TingTingClient.iterate` does.

        :param first: the call for the first page.
        """
        paginator, lookahead = Paginator(adapted(first, self.dialect), timeout=self._list_timeout), Lookahead[R]()
        wanted = name_filter(first, self.dialect)
        in_flight: dict[object, asyncio.Task[Page[R]]] = {}
        try:
            for call in paginator:
                plan = lookahead.plan(call)
                if plan == [call]:
                    page = lookahead.fit(call, call, await self.send(call))
                else:
                    for early in plan:
                        if _key(early) not in in_flight:
                            in_flight[_key(early)] = asyncio.create_task(self._attempt(early, self._once))
                    try:
                        page = lookahead.fit(call, plan[0], await in_flight.pop(_key(plan[0])))
                    except TingTingAPIError:
                        lookahead.miss()
                        page = None
                if page is None:
                    page = lookahead.fit(call, call, await self.send(call))
                for row in filter(wanted, paginator.new_rows(cast("Page[R]", page))):
                    yield row
        finally:
            for task in in_flight.values():
                task.cancel()
            await asyncio.gather(*in_flight.values(), return_exceptions=True)

    async def download(self, call: Call[None], target: BinaryIO) -> Downloaded:
        """Write the response's body to a file, as `TingTingClient.download` does.

        :param call: the call.
        :param target: a seekable binary file; the body is written from its position on.
        """
        start = target.tell()

        async def once(one: Call[Any], deadline: float) -> Downloaded:
            target.seek(start)
            target.truncate()
            exchange = self._exchange(one, deadline, self._download_limits)
            async with self._transport.open(exchange, one.request) as (head, pieces):
                beginning = b""
                async for piece in pieces:
                    beginning += piece
                    if head.status_code // 100 == 2 or len(beginning) >= _MAX_ERROR_BYTES:
                        break
                self._check_beginning(one, replace(head, content=beginning))
                size = target.write(beginning)
                async for piece in pieces:
                    size += target.write(piece)
            return Downloaded(size, head.headers.get("content-type", ""))

        return await drive_async(self._alternatives.send(cast("Call[Downloaded]", call)), self._with_retries(once))

    def _with_retries(self, once: Callable[[Call[Any], float], Any]) -> Callable[[Call[Any]], Any]:
        return lambda call: drive_async(self._retry.send(call), lambda one: self._attempt(one, once))

    async def _attempt(self, call: Call[Any], once: Callable[[Call[Any], float], Any]) -> Any:
        await asyncio.sleep(self._rate_limiter.reserve())
        # Creating the HTTP client is not part of the request's time.
        await self._transport.client()
        deadline = self._deadline(call)
        return await drive_async(follow_redirects(call, self.base_url), lambda one: once(one, deadline))

    async def _once(self, call: Call[Any], deadline: float) -> Any:
        async with self._transport.open(self._exchange(call, deadline), call.request) as (head, pieces):
            response = Response(head.status_code, head.headers, b"".join([piece async for piece in pieces]))
        return self._read(call, response)

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def __aenter__(self) -> AsyncTingTingClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()


def _key(call: Call[Any]) -> object:
    return tuple(sorted(call.request.query.items()))
