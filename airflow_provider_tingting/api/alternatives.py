"""Send the requests of one call: its alternative, and the redirects of a read. A flow, so both clients share it."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from airflow_provider_tingting.api.protocol import Call, RetrySafety, T
from airflow_provider_tingting.errors import TingTingAPIError, TingTingRedirectError

MAX_REDIRECTS = 3


class AlternativeRequests:
    """Sends a call's first or alternative request and remembers which one the server knows; thread-safe.

    :param base_url: the base of relative addresses; ends in `/`.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._prefer_alternative: set[str] = set()

    async def send(self, call: Call[T]) -> T:
        """Send a call's request and, if the server does not know it, the alternative one.

        The request that succeeded is sent first from then on.

        :param call: the call.
        :raises TingTingAPIError: the last request failed.
        """
        if call.alternative is None:
            return await self._follow(call)
        variants = [call, replace(call, request=call.alternative.request)]
        if call.name in self._prefer_alternative:
            variants.reverse()
        try:
            return await self._follow(variants[0])
        except TingTingAPIError as error:
            if error.status_code not in call.alternative.on:
                raise
        result = await self._follow(variants[1])
        # Set, not toggled: several threads may come to the same result.
        if variants[1] is call:
            self._prefer_alternative.discard(call.name)
        else:
            self._prefer_alternative.add(call.name)
        return result

    async def _follow(self, call: Call[T]) -> T:
        """Follow the redirects of a read. A write is never redirected, and the token is sent to its own host only."""
        for _ in range(MAX_REDIRECTS):
            try:
                return await call
            except TingTingRedirectError as error:
                target = self._address(call, error) if call.retry_safety is RetrySafety.READ else None
                if target is None:
                    raise
                call = replace(call, request=replace(call.request, path=target, query={}))
        return await call

    def _address(self, call: Call[object], error: TingTingRedirectError) -> str | None:
        """Return the address of a redirect, or None when a read must not follow it."""
        if not error.location:
            return None
        try:
            target = urljoin(urljoin(self._base_url, call.request.path), error.location)
            scheme = urlsplit(target).scheme
        except ValueError:
            return None
        return target if scheme in ("https", urlsplit(self._base_url).scheme) else None
