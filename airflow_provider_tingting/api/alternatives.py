"""How one call becomes the requests that it takes: the other way to ask it, the redirects of a read. No I/O.

A conversation, so that both clients share it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from airflow_provider_tingting.api.protocol import Call, Repeat
from airflow_provider_tingting.errors import TingTingAPIError, TingTingRedirectError

MOST_REDIRECTS = 3


class AlternativeRequests:
    """Asks in the way that the server knows, and remembers which one that is; safe to share between threads.

    :param base_url: what relative addresses are relative to; ends in `/`.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._other_way: set[str] = set()

    async def ask(self, call: Call[Any]) -> Any:
        """Ask one way and, if the server does not know it, the other; the way that worked comes first from then on."""
        if call.alternative is None:
            return await self._follow(call)
        ways = [call, replace(call, request=call.alternative.request)]
        if call.name in self._other_way:
            ways.reverse()
        try:
            return await self._follow(ways[0])
        except TingTingAPIError as error:
            if error.status_code not in call.alternative.on:
                raise
        answer = await self._follow(ways[1])
        # Said outright and not toggled: several threads may find out at once.
        if ways[1] is call:
            self._other_way.discard(call.name)
        else:
            self._other_way.add(call.name)
        return answer

    async def _follow(self, call: Call[Any]) -> Any:
        """Follow the redirects of a read; a write is never redirected, and the token stays with its host."""
        for _ in range(MOST_REDIRECTS):
            try:
                return await call
            except TingTingRedirectError as error:
                there = self._address(call, error) if call.repeat is Repeat.READ else None
                if there is None:
                    raise
                call = replace(call, request=replace(call.request, path=there, query={}))
        return await call

    def _address(self, call: Call[Any], error: TingTingRedirectError) -> str | None:
        """Return where a redirect leads, or None when it leads nowhere that a read may go."""
        if not error.location:
            return None
        try:
            there = urljoin(urljoin(self._base_url, call.request.path), error.location)
            scheme = urlsplit(there).scheme
        except ValueError:
            return None
        return there if scheme in ("https", urlsplit(self._base_url).scheme) else None
