"""The two clients: thin drivers of calls, conversations, retry and pace. What they do is written once, elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urljoin, urlsplit

from tenacity import AsyncRetrying, Retrying

from airflow_provider_tingting.api._http import HttpxTransport, Origin, RequestsTransport
from airflow_provider_tingting.api.models import Page
from airflow_provider_tingting.api.pace import Pace
from airflow_provider_tingting.api.paging import Pager
from airflow_provider_tingting.api.replies import error_of, read_reply
from airflow_provider_tingting.api.retry import RetryPolicy
from airflow_provider_tingting.api.wire import Call, Conversation, Pause, Repeat, Response
from airflow_provider_tingting.errors import TingTingAPIError, TingTingConfigError, TingTingRedirectError

T = TypeVar("T")
R = TypeVar("R")

DEFAULT_BASE_URL = "https://app.tingting.io/api/v1/"
DEFAULT_TIMEOUT = 60.0
DEFAULT_CONNECT_TIMEOUT = 10.0
DEFAULT_MAX_RETRIES = 4
MOST_REDIRECTS = 3


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
    :param base_url: ends in `/`; the vendor's own by default.
    :param timeout: seconds to wait for the next piece of an answer; large batches are given more by their calls.
    :param connect_timeout: seconds to wait for a connection.
    :param max_retries: how often a read is sent again after a fault that may pass.
    :param rate_limit: most requests a second; None for no limit.
    :param verify: whether to check the server's certificate, or the path of a CA bundle.
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
        if not token:
            raise TingTingConfigError("There is no API token. Put it into the password of the TingTing connection.")
        if not (timeout > 0 and connect_timeout > 0):
            raise TingTingConfigError("timeout and connect_timeout must be more than 0 seconds; 60 and 10 are usual.")
        self._origin = Origin(base_url, token, timeout, connect_timeout, verify)
        self._retry = RetryPolicy(max_retries=max_retries)
        self._pace = Pace(rate_limit)
        self._other_way: set[str] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._origin.base_url!r})"

    @property
    def base_url(self) -> str:
        """Where the calls go."""
        return self._origin.base_url

    def _asking(self, call: Call[Any]) -> Conversation[Any]:
        """Ask one way and, if the server does not know it, the other; the way that worked comes first from then on."""
        first, second = call, None
        if call.alternative is not None:
            second = replace(call, request=call.alternative.request)
            if call.name in self._other_way:
                first, second = second, call
        try:
            return (yield from self._following(first))
        except TingTingAPIError as error:
            if second is None or call.alternative is None or error.status_code not in call.alternative.on:
                raise
        answer = yield from self._following(second)
        self._other_way ^= {call.name}
        return answer

    def _following(self, call: Call[Any]) -> Conversation[Any]:
        """Follow the redirects of a read; a write is never redirected, and the token stays with its host."""
        for _ in range(MOST_REDIRECTS):
            try:
                return (yield call)
            except TingTingRedirectError as error:
                there = urljoin(urljoin(self.base_url, call.request.path), error.location or "")
                downgraded = self.base_url.startswith("https:") and urlsplit(there).scheme != "https"
                if call.repeat is not Repeat.READ or not error.location or downgraded:
                    raise
                call = replace(call, request=replace(call.request, path=there, query={}))
        return (yield call)

    def _check(self, call: Call[Any], response: Response) -> None:
        """Raise the error that an answer stands for; a wait that the server asks for holds the whole client."""
        if response.status_code // 100 != 2:
            error = error_of(call, response)
            if error.retry_after is not None and error.retry_after <= self._retry.longest_wait:
                self._pace.hold(error.retry_after)
            raise error


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
        return self._converse(self._asking(call), self._patiently(self._once))  # type: ignore[no-any-return]

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
            self._sleep(self._pace.reserve())
            with self._transport.stream(one, one.request) as (head, chunks):
                self._check(one, head)
                size = sum(target.write(chunk) for chunk in chunks)
            return Downloaded(size, head.headers.get("content-type", ""))

        return self._converse(self._asking(call), self._patiently(once))  # type: ignore[no-any-return]

    def converse(self, conversation: Conversation[T]) -> T:
        """Drive a conversation to its end: carry out each call it yields and hand it the answer or the error."""
        return self._converse(conversation, self.send)  # type: ignore[no-any-return]

    def _converse(self, conversation: Conversation[Any], carry_out: Callable[[Call[Any]], Any]) -> Any:
        answer: Any = None
        error: TingTingAPIError | None = None
        try:
            while True:
                step = conversation.throw(error) if error is not None else conversation.send(answer)
                answer = error = None
                if isinstance(step, Pause):
                    self._sleep(step.seconds)
                    continue
                try:
                    answer = carry_out(step)
                except TingTingAPIError as raised:
                    error = raised
        except StopIteration as stop:
            return stop.value

    def _patiently(self, once: Callable[[Call[Any]], Any]) -> Callable[[Call[Any]], Any]:
        return lambda call: Retrying(sleep=self._sleep, **self._retry.options(call))(once, call)

    def _once(self, call: Call[T]) -> T:
        self._sleep(self._pace.reserve())
        response = self._transport.send(call, call.request)
        self._check(call, response)
        return read_reply(call, response)

    @staticmethod
    def _sleep(seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)

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
        return await self._converse(self._asking(call), self._patiently(self._once))  # type: ignore[no-any-return]

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
                size = 0
                async for chunk in chunks:
                    size += target.write(chunk)
            return Downloaded(size, head.headers.get("content-type", ""))

        return await self._converse(self._asking(call), self._patiently(once))  # type: ignore[no-any-return]

    async def converse(self, conversation: Conversation[T]) -> T:
        """Drive a conversation to its end, as `TingTingClient.converse` does."""
        return await self._converse(conversation, self.send)  # type: ignore[no-any-return]

    async def _converse(self, conversation: Conversation[Any], carry_out: Callable[[Call[Any]], Any]) -> Any:
        answer: Any = None
        error: TingTingAPIError | None = None
        try:
            while True:
                step = conversation.throw(error) if error is not None else conversation.send(answer)
                answer = error = None
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    continue
                try:
                    answer = await carry_out(step)
                except TingTingAPIError as raised:
                    error = raised
        except StopIteration as stop:
            return stop.value

    def _patiently(self, once: Callable[[Call[Any]], Any]) -> Callable[[Call[Any]], Any]:
        return lambda call: AsyncRetrying(**self._retry.options(call))(once, call)

    async def _once(self, call: Call[T]) -> T:
        await asyncio.sleep(self._pace.reserve())
        response = await self._transport.send(call, call.request)
        self._check(call, response)
        return read_reply(call, response)

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()

    async def __aenter__(self) -> AsyncTingTingClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()
