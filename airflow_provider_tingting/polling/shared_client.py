"""The one client of a hub: opened once, opened anew with the connection as it is now when the token is rejected."""

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
Connect = Callable[[], Awaitable["AsyncTingTingClient"]]

#: The connection is read again after this time (seconds), so that what was changed in it takes effect in the end.
CONNECTION_AGES_AFTER = 600.0
_ANSWERS_KEPT = 8
_TO_BE_READ = (
    "Nothing was sent. Check that the connection exists, and that Airflow's database, API server and secrets backend "
    "answer."
)


class SharedClient:
    """Sends for all who share a hub.

    :param connect: reads the connection and returns a new client.
    :param rejected: called when the token is rejected and the connection is read again.
    """

    def __init__(self, connect: Connect, rejected: Callable[[], None] = lambda: None) -> None:
        self._connect = connect
        self._rejected = rejected
        self._client: AsyncTingTingClient | None = None
        self._opened_at = 0.0
        self._opening = asyncio.Lock()
        # Whether TingTing has accepted the token since the connection was read again for a rejected one.
        self._answered = True
        self._busy = 0
        self._retired: list[AsyncTingTingClient] = []
        self._answers: dict[Any, tuple[float, asyncio.Future[Any]]] = {}
        self._silent_until = 0.0
        self._silence: TingTingRateLimitedError | None = None

    async def send(self, call: Call[T]) -> T:
        """Carry out one call; with a token that was replaced meanwhile, once more with the new one.

        :raises TingTingAPIError: the leaf that fits; `TingTingNeverSentError` also when the connection cannot be read.
        :raises TingTingConfigError: the connection cannot be used.
        """
        return await self._with_client(lambda client: client.send(call))

    async def shared(self, call: Call[T], max_age: float) -> T:
        """Carry out a read, or return its answer to somebody else if that is young enough; errors as for `send`.

        :param max_age: seconds.
        """
        key = (call.request.path, *sorted(call.request.query.items()))
        at, answer = self._answers.get(key, (0.0, None))
        if answer is None or answer.cancelled() or monotonic() - at > max_age or _has_failed(answer):
            answer = asyncio.ensure_future(self.send(call))
            self._answers[key] = monotonic(), answer
            while len(self._answers) > _ANSWERS_KEPT:
                del self._answers[next(iter(self._answers))]
        # Whoever gives up does not take the answer from the others.
        return await asyncio.shield(answer)

    async def download(self, call: Call[None], target: Any) -> Downloaded:
        """Download into a file; see `AsyncTingTingClient.download`."""
        return await self._with_client(lambda client: client.download(call, target))

    async def _with_client(self, carry_out: Callable[[AsyncTingTingClient], Awaitable[T]]) -> T:
        self._heed_silence()
        self._busy += 1
        try:
            client = await self._open()
            try:
                answer = await carry_out(client)
            except TingTingAuthError:
                if not await self._opened_anew(client):
                    raise
                answer = await carry_out(await self._open())
            self._answered = True
            return answer
        except TingTingRateLimitedError as error:
            if error.retry_after is not None:
                self._silence, self._silent_until = error, monotonic() + error.retry_after
            raise
        finally:
            self._busy -= 1
            if not self._busy:
                await self._close_retired()

    def _heed_silence(self) -> None:
        """Ask nothing while TingTing wants none of us to ask; a client sits out short times only."""
        left = self._silent_until - monotonic()
        if self._silence is not None and left > 0:
            said = self._silence
            raise TingTingRateLimitedError(
                said.call, said.message, campaign_id=said.campaign_id, status_code=said.status_code, retry_after=left
            )

    async def _open(self) -> AsyncTingTingClient:
        async with self._opening:
            now = monotonic()
            if self._client is None:
                self._client, self._opened_at = await self._connected(), now
            elif now - self._opened_at > CONNECTION_AGES_AFTER:
                self._opened_at = now
                try:
                    fresh = await self._connected()
                except TingTingError:  # What is wrong with it shows when the old one is no longer accepted.
                    return self._client
                self._retired.append(self._client)
                self._client = fresh
            return self._client

    async def _opened_anew(self, refused: AsyncTingTingClient) -> bool:
        """Read the connection again, unless that was done already and TingTing has not answered since."""
        async with self._opening:
            if self._client is not refused:
                return True
            if not self._answered:
                return False
            self._answered = False
            self._rejected()
            self._retired.append(refused)
            self._client = None
            self._client, self._opened_at = await self._connected(), monotonic()
            return True

    async def _connected(self) -> AsyncTingTingClient:
        """Return a new client; trouble that Airflow has with its own connections passes like TingTing's.

        "Not defined" is no exception: so Airflow also says when its database, API server or secrets backend fails.
        """
        try:
            return await self._connect()
        except TingTingError:
            raise
        except Exception as error:
            # Its text may quote the connection.
            raise TingTingNeverSentError(
                "connection", f"Airflow could not read it ({type(error).__name__}).", remedy=_TO_BE_READ
            ) from error

    async def _close_retired(self) -> None:
        retired, self._retired = self._retired, []
        for client in retired:
            await client.close()

    async def close(self) -> None:
        """Close every connection."""
        for _, answer in self._answers.values():
            answer.cancel()
        self._answers.clear()
        if self._client is not None:
            self._retired.append(self._client)
            self._client = None
        await self._close_retired()


def _has_failed(answer: asyncio.Future[Any]) -> bool:
    return answer.done() and answer.exception() is not None
