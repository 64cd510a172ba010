"""The transport of the asynchronous client, on httpx."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx

from airflow_provider_tingting.api.exchange import BodyDecoder, Exchange
from airflow_provider_tingting.api.protocol import Request, Response
from airflow_provider_tingting.api.tls import tls_context
from airflow_provider_tingting.api.transport import FileBody, Origin, lower_names, prepare


class HttpxTransport:
    """Sends requests with httpx; belongs to one event loop.

    :param origin: where requests go.
    """

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def client(self) -> httpx.AsyncClient:
        """Return the HTTP client, which is created at the first call."""
        async with self._opening:
            if self._client is None:
                # Reading the certificates takes 20 to 26 ms of CPU, so a thread does it.
                verify = await asyncio.to_thread(tls_context, self._origin.verify)
                self._client = httpx.AsyncClient(
                    verify=verify,
                    limits=httpx.Limits(max_connections=10),
                    follow_redirects=False,
                    event_hooks={"response": [_set_location_aside]},
                )
            return self._client

    @asynccontextmanager
    async def open(self, exchange: Exchange, request: Request) -> AsyncIterator[tuple[Response, AsyncIterator[bytes]]]:
        """Send a request once, as `RequestsTransport.open` does.

        :param exchange: the call, its deadline and its limits.
        :param request: the request to send.
        """
        prepared = prepare(self._origin, exchange.call, request)
        client = await self.client()

        async def note_sent(event: str, info: dict[str, Any]) -> None:
            # The CONNECT that asks a proxy for a tunnel does not count as the request.
            if event.endswith(".send_request_headers.started") and info["request"].method != b"CONNECT":
                exchange.sent = True

        with exchange.translate_errors():
            seconds = exchange.remaining()
            sending = client.build_request(
                prepared.method,
                prepared.url,
                params=prepared.params or None,
                headers=prepared.headers,
                content=prepared.body.pieces() if isinstance(prepared.body, FileBody) else prepared.body,
                data=prepared.form,
                timeout=httpx.Timeout(seconds, connect=min(self._origin.connect_timeout, seconds)),
                extensions={"trace": note_sent},
            )
            with anyio.fail_after(seconds):
                response = await client.send(sending, stream=True)
        try:
            exchange.start_body()
            headers = lower_names(response.headers)
            if "location" in response.extensions:
                headers["location"] = response.extensions["location"]
            yield Response(response.status_code, headers, b""), _decoded(exchange, headers, response)
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


async def _decoded(exchange: Exchange, headers: dict[str, str], response: httpx.Response) -> AsyncIterator[bytes]:
    decoder = BodyDecoder(exchange, headers)
    received = response.aiter_raw()
    while True:
        with exchange.translate_errors(), anyio.fail_after(exchange.remaining()):
            raw = await anext(received, None)
        if raw is None:
            break
        for piece in decoder.decode(raw):
            yield piece
    decoder.finish()


async def _set_location_aside(response: httpx.Response) -> None:
    # httpx resolves a redirect even when it must not follow it, and fails on an invalid address.
    if "location" in response.headers:
        response.extensions["location"] = response.headers.pop("location")
