"""The one client of a poller: opened once, and opened again when its token is rejected or it has grown old."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_tingting.clock import monotonic
from airflow_provider_tingting.errors import (
    TingTingAuthError,
    TingTingError,
    TingTingNeverSentError,
    TingTingRateLimitedError,
)

if TYPE_CHECKING:
    from airflow_provider_tingting.api.client import AsyncTingTingClient, Downloaded
    from airflow_provider_tingting.api.protocol import Call

T = TypeVar("T")
#: Reads the connection and returns a new client.
Connect = Callable[[], Awaitable["AsyncTingTingClient"]]

#: Seconds after which the connection is read again, so that a changed connection takes effect.
MAX_CLIENT_AGE = 600.0
_MAX_SHARED_RESPONSES = 8
_CONNECTION_REMEDY = (
    "Nothing was sent. Check that the connection exists, and that Airflow's database, API server and secrets backend "
    "respond."
)


class SharedClient:
    """Sends the calls of all users of a poller.

    :param connect: reads the connection and returns a new client.
    :param on_rejected_token: called when the token is rejected, before the connection is read again.
    """

    def __init__(self, connect: Connect, on_rejected_token: Callable[[], None] = lambda: None) -> None:
        self._connect = connect
        self._on_rejected_token = on_rejected_token
        self._client: AsyncTingTingClient | None = None
        self._opened_at = 0.0
        self._opening = asyncio.Lock()
        # Whether TingTing has accepted a token since the connection was last read because of a rejected one.
        self._token_was_accepted = True
        self._in_flight = 0
        self._retired: list[AsyncTingTingClient] = []
        self._responses: dict[Any, tuple[float, asyncio.Future[Any]]] = {}
        self._rate_limited_until = 0.0
        self._rate_limit: TingTingRateLimitedError | None = None

    async def open(self) -> None:
        """Open the client if there is none, so that the time for reading the connection counts for no call.

        :raises TingTingConfigError: the connection cannot be used.
        :raises TingTingNeverSentError: Airflow cannot read the connection now.
        """
        await self._open_client()

    async def send(self, call: Call[T]) -> T:
        """Carry out one call; once more with a new client when the token is rejected.

        :param call: the call.
        :raises TingTingAPIError: the leaf that fits; `TingTingNeverSentError` also when the connection cannot be read.
        :raises TingTingConfigError: the connection cannot be used.
        """
        return await self._with_client(lambda client: client.send(call))

    async def shared(self, call: Call[T], max_age: float) -> T:
        """Carry out a read, or return the response that another user got; errors as for `send`.

        :param call: a call that reads.
        :param max_age: how old another user's response may be, in seconds.
        """
        key = (call.request.path, *sorted(call.request.query.items()))
        at, response = self._responses.get(key, (0.0, None))
        if response is None or response.cancelled() or monotonic() - at > max_age or _has_failed(response):
            response = asyncio.ensure_future(self.send(call))
            self._responses[key] = monotonic(), response
            while len(self._responses) > _MAX_SHARED_RESPONSES:
                del self._responses[next(iter(self._responses))]
        # A user that is cancelled does not cancel the request for the others.
        return await asyncio.shield(response)

    async def download(self, call: Call[None], target: Any) -> Downloaded:
        """Download into a file; see `AsyncTingTingClient.download`.

        :param call: a call that downloads.
        :param target: a seekable binary file.
        """
        return await self._with_client(lambda client: client.download(call, target))

    async def _with_client(self, carry_out: Callable[[AsyncTingTingClient], Awaitable[T]]) -> T:
        self._raise_if_rate_limited()
        self._in_flight += 1
        try:
            client = await self._open_client()
            try:
                response = await carry_out(client)
            except TingTingAuthError:
                if not await self._reopen(client):
                    raise
                response = await carry_out(await self._open_client())
            self._token_was_accepted = True
            return response
        except TingTingRateLimitedError as error:
            if error.retry_after is not None:
                self._rate_limit, self._rate_limited_until = error, monotonic() + error.retry_after
            raise
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                await self._close_retired()

    def _raise_if_rate_limited(self) -> None:
        """Send nothing during a pause that TingTing asked for; a client itself waits out short pauses only."""
        left = self._rate_limited_until - monotonic()
        if self._rate_limit is not None and left > 0:
            first = self._rate_limit
            raise TingTingRateLimitedError(
                first.call,
                first.message,
                campaign_id=first.campaign_id,
                status_code=first.status_code,
                retry_after=left,
            )

    async def _open_client(self) -> AsyncTingTingClient:
        async with self._opening:
            if self._client is None:
                self._client = await self._read_connection()
                self._opened_at = monotonic()
            elif monotonic() - self._opened_at > MAX_CLIENT_AGE:
                self._opened_at = monotonic()
                try:
                    fresh = await self._read_connection()
                except TingTingError:  # The old client stays in use; if its token is wrong, TingTing rejects it.
                    return self._client
                self._retired.append(self._client)
                self._client = fresh
            return self._client

    async def _reopen(self, rejected: AsyncTingTingClient) -> bool:
        """Read the connection again; return False when that was done since TingTing last accepted a token."""
        async with self._opening:
            if self._client is not rejected:
                return True
            if not self._token_was_accepted:
                return False
            self._token_was_accepted = False
            self._on_rejected_token()
            self._retired.append(rejected)
            self._client = None
            self._client = await self._read_connection()
            self._opened_at = monotonic()
            return True

    async def _read_connection(self) -> AsyncTingTingClient:
        """Return a new client; a failure of Airflow counts as an outage.

        That includes "the connection is not defined", which Airflow also reports when its database, API server or
        secrets backend fails.
        """
        try:
            return await self._connect()
        except TingTingError:
            raise
        except Exception as error:
            # The error's text is left out, because it may quote the connection.
            raise TingTingNeverSentError(
                "connection", f"Airflow could not read it ({type(error).__name__}).", remedy=_CONNECTION_REMEDY
            ) from error

    async def _close_retired(self) -> None:
        retired, self._retired = self._retired, []
        for client in retired:
            await client.close()

    async def close(self) -> None:
        """Close all clients and drop all shared responses."""
        for _, response in self._responses.values():
            response.cancel()
        self._responses.clear()
        if self._client is not None:
            self._retired.append(self._client)
            self._client = None
        await self._close_retired()


def _has_failed(response: asyncio.Future[Any]) -> bool:
    return response.done() and response.exception() is not None
