"""The two clients: thin drivers of calls, conversations, retry and pace. What they do is written once, elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, BinaryIO, TypeVar

from tenacity import AsyncRetrying, Retrying

from airflow_provider_tingting.api.alternatives import AlternativeRequests
from airflow_provider_tingting.api.driver import drive, drive_async
from airflow_provider_tingting.api.models import Page
from airflow_provider_tingting.api.pagination import Pager
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
# A shorter one cannot be told from other text, so it is not looked for in answers.
_SHORTEST_TOKEN = 8


@dataclass(frozen=True)
class Downloaded:
    """What a download brought.

    :param size: bytes written to the target.
    :param content_type: what the server says they are.
    """

    size: int
    content_type: str


class _Client:
    """What both clients know and decide; neither sends here.

    :param token: the API token.
    :param base_url: with scheme, host and path; the vendor's own by default.
    :param timeout: seconds to wait for the next piece of an answer; large batches are given more by their calls.
    :param connect_timeout: seconds to wait for a connection.
    :param max_retries: how often a read is sent again after a fault that may pass.
    :param rate_limit: most requests a second; None for no limit.
    :param verify: whether to check the server's certificate, or the path of a file or folder of CA certificates.
    :raises TingTingConfigError: one of these cannot be used.
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
        self._asker = AlternativeRequests(self._origin.base_url)
        self._retry = RetryPolicy(max_retries=max_retries)
        self._pace = RateLimiter(rate_limit)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._origin.base_url!r})"

    @property
    def base_url(self) -> str:
        """Where the calls go."""
        return self._origin.base_url

    def _check(self, call: Call[Any], response: Response) -> None:
        """Raise the error that an answer stands for; a wait that the server asks for holds the whole client."""
        if response.status_code // 100 != 2:
            error = error_of(call, self._hushed(response))
            if error.retry_after is not None and error.retry_after <= self._retry.longest_wait:
                self._pace.hold(error.retry_after)
            raise error

    def _read(self, call: Call[T], response: Response) -> T:
        self._check(call, response)
        return read_response(call, self._hushed(response))

    def _hushed(self, response: Response) -> Response:
        """Hide the token in an answer that repeats it: what the server says may be quoted in an error."""
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
        """Carry out one call, with the retries that are safe.

        :raises TingTingAPIError: the leaf that fits.
        """
        return drive(self._asker.ask(call), self._patiently(self._once))  # type: ignore[no-any-return]

    def exchange(self, call: Call[T]) -> tuple[T, Response]:
        """Carry out one call once, without retries, and return the answer as it came too; for a diagnosis.

        :raises TingTingAPIError: the leaf that fits.
        """
        response = self._transport.send(call, call.request)
        return self._read(call, response), self._hushed(response)

    def iterate(self, first: Call[Page[R]]) -> Iterator[R]:
        """Yield the rows of a list over all its pages, read as they are needed."""
        pager = Pager(first)
        for call in pager:
            yield from pager.accept(self.send(call))

    def download(self, call: Call[None], target: BinaryIO) -> Downloaded:
        """Write the answer's body to a seekable binary file, from the file's current place.

        A download that breaks off is begun again from the start; on an error the target holds no good answer.
        """
        start = target.tell()

        def once(one: Call[Any]) -> Downloaded:
            target.seek(start)
            target.truncate()
            sleep(self._pace.reserve())
            with self._transport.stream(one, one.request) as (head, chunks):
                self._check(one, head)
                beginning = next(chunks, b"")
                check_download(one, self._hushed(replace(head, content=beginning)))
                size = target.write(beginning) + sum(target.write(chunk) for chunk in chunks)
            return Downloaded(size, head.headers.get("content-type", ""))

        return drive(self._asker.ask(call), self._patiently(once))  # type: ignore[no-any-return]

    def _patiently(self, once: Callable[[Call[Any]], Any]) -> Callable[[Call[Any]], Any]:
        return lambda call: Retrying(sleep=sleep, **self._retry.options(call))(once, call)

    def _once(self, call: Call[T]) -> T:
        sleep(self._pace.reserve())
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
        """Carry out one call, as `TingTingClient.send` does."""
        return await drive_async(self._asker.ask(call), self._patiently(self._once))

    async def iterate(self, first: Call[Page[R]]) -> AsyncIterator[R]:
        """Yield the rows of a list over all its pages, as `TingTingClient.iterate` does."""
        pager = Pager(first)
        for call in pager:
            for row in pager.accept(await self.send(call)):
                yield row

    async def download(self, call: Call[None], target: BinaryIO) -> Downloaded:
        """Write the answer's body to a file, as `TingTingClient.download` does."""
        start = target.tell()

        async def once(one: Call[Any]) -> Downloaded:
            target.seek(start)
            target.truncate()
            await asyncio.sleep(self._pace.reserve())
            async with self._transport.stream(one, one.request) as (head, chunks):
                self._check(one, head)
                beginning = await anext(chunks, b"")
                check_download(one, self._hushed(replace(head, content=beginning)))
                size = target.write(beginning)
                async for chunk in chunks:
                    size += target.write(chunk)
            return Downloaded(size, head.headers.get("content-type", ""))

        return await drive_async(self._asker.ask(call), self._patiently(once))

    def _patiently(self, once: Callable[[Call[Any]], Any]) -> Callable[[Call[Any]], Any]:
        return lambda call: AsyncRetrying(**self._retry.options(call))(once, call)

    async def _once(self, call: Call[T]) -> T:
        await asyncio.sleep(self._pace.reserve())
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
