"""The synchronous and the asynchronous client: they send calls with retries, rate limit and alternatives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, BinaryIO, TypeVar, cast

from tenacity import AsyncRetrying, Retrying

from airflow_provider_tingting.api.alternatives import AlternativeRequests
from airflow_provider_tingting.api.driver import drive, drive_async
from airflow_provider_tingting.api.models import Page
from airflow_provider_tingting.api.pagination import Paginator
from airflow_provider_tingting.api.protocol import Call, Response
from airflow_provider_tingting.api.rate_limit import RateLimiter
from airflow_provider_tingting.api.responses import check_download, error_of, read_response
from airflow_provider_tingting.api.retry import RetryPolicy
from airflow_provider_tingting.api.transport import HttpxTransport, Origin, RequestsTransport
from airflow_provider_tingting.clock import sleep
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.masking import HIDDEN

T = TypeVar("T")
R = TypeVar("R")

DEFAULT_BASE_URL = "https://app.tingting.io/api/v1/"
DEFAULT_TIMEOUT = 60.0
DEFAULT_CONNECT_TIMEOUT = 10.0
DEFAULT_MAX_RETRIES = 4
# A shorter token may be an ordinary word of a response.
_SHORTEST_TOKEN = 8


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
    :param timeout: seconds to wait for a response, default 60; large batches and reports have longer ones.
    :param connect_timeout: seconds to wait for a connection, default 10.
    :param max_retries: how often a read is sent again after an error that may pass, default 4.
    :param rate_limit: the most requests a second; default None, for no limit.
    :param verify: whether to check the server's certificate, or the path of a file or folder of CA certificates.
    :raises TingTingConfigError: an argument is invalid.
    """

    def __init__(
        self,
        token: str,
        *,
        base_url: str = DEFAULT_BASE_URL,
        timeout: float = DEFAULT_TIMEOUT,
        connect_timeout: float = DEFAULT_CONNECT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        rate_limit: float | None = None,
        verify: bool | str = True,
    ) -> None:
        if max_retries < 0 or (rate_limit is not None and not rate_limit > 0):
            raise TingTingConfigError("max_retries must be at least 0, and rate_limit above 0 or None for no limit.")
        self._origin = Origin(base_url.rstrip("/") + "/", token, timeout, connect_timeout, verify)
        self._alternatives = AlternativeRequests(self._origin.base_url)
        self._retry = RetryPolicy(max_retries=max_retries)
        self._rate_limiter = RateLimiter(rate_limit)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._origin.base_url!r})"

    @property
    def base_url(self) -> str:
        """The base URL of all calls."""
        return self._origin.base_url

    def _check(self, call: Call[Any], response: Response) -> None:
        """Raise the error of a response outside 2xx; a `Retry-After` holds all requests of the client."""
        if response.status_code // 100 != 2:
            error = error_of(call, self._without_token(response))
            if error.retry_after is not None and error.retry_after <= self._retry.max_wait:
                self._rate_limiter.hold(error.retry_after)
            raise error

    def _read(self, call: Call[T], response: Response) -> T:
        self._check(call, response)
        return read_response(call, self._without_token(response))

    def _without_token(self, response: Response) -> Response:
        """Remove the token from a response, parts of which may be quoted in an error."""
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
        self._transport = RequestsTransport(self._origin)

    def send(self, call: Call[T]) -> T:
        """Send one call, with the retries that are safe, and return its result.

        :param call: a call from `calls`.
        :raises TingTingAPIError: the subclass that describes the failure.
        """
        return drive(self._alternatives.send(call), self._with_retries(self._send_once))

    def send_with_response(self, call: Call[T]) -> tuple[T, Response]:
        """Send one call once, without retries, and return its result with the HTTP response, for a diagnosis.

        :raises TingTingAPIError: the subclass that describes the failure.
        """
        response = self._transport.send(call, call.request)
        return self._read(call, response), self._without_token(response)

    def iterate(self, first: Call[Page[R]]) -> Iterator[R]:
        """Yield the rows of a list over all its pages, which are read as they are needed.

        :param first: the call for the first page.
        """
        paginator = Paginator(first)
        for call in paginator:
            yield from paginator.new_rows(self.send(call))

    def download(self, call: Call[None], target: BinaryIO) -> Downloaded:
        """Write the response's body to a seekable binary file, from the file's current position.

        A download that breaks off starts again from the beginning. After an error the file's content is incomplete.

        :param call: a download from `calls`.
        :param target: the file.
        :raises TingTingAPIError: the subclass that describes the failure.
        """
        start = target.tell()

        def once(one: Call[Any]) -> Downloaded:
            target.seek(start)
            target.truncate()
            sleep(self._rate_limiter.reserve())
            with self._transport.stream(one, one.request) as (head, chunks):
                self._check(one, head)
                beginning = next(chunks, b"")
                check_download(one, self._without_token(replace(head, content=beginning)))
                size = target.write(beginning) + sum(target.write(chunk) for chunk in chunks)
            return Downloaded(size, head.headers.get("content-type", ""))

        return drive(self._alternatives.send(cast("Call[Downloaded]", call)), self._with_retries(once))

    def _with_retries(self, once: Callable[[Call[Any]], Any]) -> Callable[[Call[Any]], Any]:
        return lambda call: Retrying(sleep=sleep, **self._retry.options(call))(once, call)

    def _send_once(self, call: Call[T]) -> T:
        sleep(self._rate_limiter.reserve())
        return self._read(call, self._transport.send(call, call.request))

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def __enter__(self) -> TingTingClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class AsyncTingTingClient(_Client):
    """The asynchronous client, on httpx; belongs to one event loop. Close it or use it in an `async with`."""

    def __init__(self, token: str, **settings: Any) -> None:
        super().__init__(token, **settings)
        self._transport = HttpxTransport(self._origin)

    async def send(self, call: Call[T]) -> T:
        """Send one call, as `TingTingClient.send` does."""
        return await drive_async(self._alternatives.send(call), self._with_retries(self._send_once))

    async def iterate(self, first: Call[Page[R]]) -> AsyncIterator[R]:
        """Yield the rows of a list over all its pages, as `TingTingClient.iterate` does."""
        paginator = Paginator(first)
        for call in paginator:
            for row in paginator.new_rows(await self.send(call)):
                yield row

    async def download(self, call: Call[None], target: BinaryIO) -> Downloaded:
        """Write the response's body to a file, as `TingTingClient.download` does."""
        start = target.tell()

        async def once(one: Call[Any]) -> Downloaded:
            target.seek(start)
            target.truncate()
            await asyncio.sleep(self._rate_limiter.reserve())
            async with self._transport.stream(one, one.request) as (head, chunks):
                self._check(one, head)
                beginning = await anext(chunks, b"")
                check_download(one, self._without_token(replace(head, content=beginning)))
                size = target.write(beginning)
                async for chunk in chunks:
                    size += target.write(chunk)
            return Downloaded(size, head.headers.get("content-type", ""))

        return await drive_async(self._alternatives.send(cast("Call[Downloaded]", call)), self._with_retries(once))

    def _with_retries(self, once: Callable[[Call[Any]], Any]) -> Callable[[Call[Any]], Any]:
        return lambda call: AsyncRetrying(**self._retry.options(call))(once, call)

    async def _send_once(self, call: Call[T]) -> T:
        await asyncio.sleep(self._rate_limiter.reserve())
        return self._read(call, await self._transport.send(call, call.request))

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()

    async def __aenter__(self) -> AsyncTingTingClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()
