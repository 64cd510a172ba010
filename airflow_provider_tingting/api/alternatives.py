"""Send the requests of one call: its alternative, and the redirects of a read. A flow, so both clients share it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from airflow_provider_tingting.api.models import Page
from airflow_provider_tingting.api.protocol import Call, RetrySafety, T
from airflow_provider_tingting.connection.server_dialect import ServerDialect
from airflow_provider_tingting.errors import TingTingAPIError, TingTingRedirectError

R = TypeVar("R")

MAX_REDIRECTS = 3
_REPORT = "download_campaign_report"


class AlternativeRequests:
    """Sends a call's first or alternative request and remembers which one the server knows; thread-safe.

    :param dialect: what is known about the server.
    """

    def __init__(self, dialect: ServerDialect) -> None:
        self._dialect = dialect
        self._prefer_alternative = {_REPORT} if dialect.report_path == "other" else set()

    async def send(self, call: Call[T]) -> T:
        """Send a call's request and, if the server does not know it, the alternative one.

        The request that succeeded is sent first from then on.

        :param call: the call.
        :raises TingTingAPIError: the last request failed.
        """
        call = adapted(call, self._dialect)
        if call.alternative is None:
            return await call
        variants = [call, replace(call, request=call.alternative.request)]
        if call.name in self._prefer_alternative:
            variants.reverse()
        try:
            return await variants[0]
        except TingTingAPIError as error:
            if error.status_code not in call.alternative.on:
                raise
        result = await variants[1]
        # Set, not toggled: several threads may come to the same result.
        if variants[1] is call:
            self._prefer_alternative.discard(call.name)
        else:
            self._prefer_alternative.add(call.name)
        return result


def adapted(call: Call[T], dialect: ServerDialect) -> Call[T]:
    """Return a call with a query that suits the server: pages of its size, and no search that misses campaigns.

    :param call: the call.
    :param dialect: what is known about the server.
    """
    query = dict(call.request.query)
    limit = query.get("limit")
    if dialect.page_size is not None and isinstance(limit, int) and limit > dialect.page_size:
        query["limit"] = dialect.page_size
    if dialect.search == "unreliable" and query.get("search") is not None:
        del query["search"]
    if query == call.request.query:
        return call
    return replace(call, request=replace(call.request, query=query))


def name_filter(call: Call[Page[R]], dialect: ServerDialect) -> Callable[[R], bool]:
    """Return a test of the rows of a list: whether the search that `adapted` leaves out would find them.

    :param call: the call for the first page, as the caller made it.
    :param dialect: what is known about the server.
    """
    search = call.request.query.get("search")
    if dialect.search != "unreliable" or search is None:
        return lambda row: True
    wanted = str(search).casefold()
    return lambda row: wanted in str(getattr(row, "name", "")).casefold()


async def follow_redirects(call: Call[T], base_url: str) -> T:
    """Send a call and follow the redirects of a read.

    A write is never redirected, and the transport sends the token to its own host only.

    :param call: the call.
    :param base_url: the base of relative addresses; ends in `/`.
    :raises TingTingRedirectError: a write is redirected, or a read too often or to an address that it must not follow.
    """
    for _ in range(MAX_REDIRECTS):
        try:
            return await call
        except TingTingRedirectError as error:
            target = _redirect_target(call, error.location, base_url)
            if target is None:
                raise
            call = replace(call, request=replace(call.request, path=target, query={}))
    return await call


def _redirect_target(call: Call[object], location: str | None, base_url: str) -> str | None:
    """Return the address of a redirect, or None when the call must not follow it."""
    if not location or call.retry_safety is not RetrySafety.READ:
        return None
    try:
        target = urljoin(urljoin(base_url, call.request.path), location)
        parts = urlsplit(target)
        # Reading the port raises on one out of range.
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return target if usable and parts.scheme in ("https", urlsplit(base_url).scheme) else None
