"""The sandbox's page at `/`: its files, and the stream of events that keeps it live. Imports FastAPI."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from secrets import token_hex
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.staticfiles import StaticFiles

from airflow_provider_tingting import __version__
from airflow_provider_tingting.sandbox.endpoints import Endpoints
from airflow_provider_tingting.sandbox.faults import Faults
from airflow_provider_tingting.sandbox.live import Watch
from airflow_provider_tingting.sandbox.middleware import ServerOptions

_FILES = Path(__file__).parents[1] / "page"
# The browser itself refuses whatever would leave this machine.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Asked for again each time, and answered with 304: the page is never older than the sandbox.
    "Cache-Control": "no-cache",
}
_SECONDS_A_LOOK = 0.5
# Of a large world only a tenth of the time goes into looking at it.
_REST_FOR_WORK = 9.0
_SECONDS_TO_NOTICE_THE_END = 0.1


def add_page(app: FastAPI, desk: Endpoints, faults: Faults, manners: ServerOptions) -> None:
    """Add the page, its files and its events to the application."""
    # Another one after each start, by which an open page notices that the sandbox was started again.
    start = token_hex(8)

    async def index(request: Request) -> Response:
        if _wants_json(request.headers.get("accept", "")):
            return JSONResponse({name: str(request.base_url) + path for name, path in _PLACES.items()})
        return FileResponse(_FILES / "index.html", headers={**_HEADERS, "Vary": "Accept"})

    async def events(request: Request) -> Response:
        async def stream() -> AsyncIterator[str]:
            watch = Watch(desk.world, faults)
            yield "retry: 1000\n" + _event("hello", {"start": start, "version": __version__})
            while not await request.is_disconnected():
                began = time.monotonic()
                for name, content in watch.news():
                    yield _event(name, content)
                worked = time.monotonic() - began
                rested = time.monotonic() + max(_SECONDS_A_LOOK, _REST_FOR_WORK * worked)
                while time.monotonic() < rested:
                    if manners.closing:
                        return
                    await asyncio.sleep(_SECONDS_TO_NOTICE_THE_END)

        return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    app.add_api_route("/", index, include_in_schema=False, response_model=None)
    # Not on the OpenAPI page, which has no words for a stream that does not end.
    app.add_api_route("/sandbox/events", events, include_in_schema=False, response_model=None)
    app.mount("/page", _PageFiles(directory=_FILES))


_PLACES = {
    "api": "api/v1/",
    "calls": "docs",
    "openapi": "openapi.json",
    "state": "sandbox/state",
    "ledger": "sandbox/ledger",
}


class _PageFiles(StaticFiles):
    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(_HEADERS)
        return response


def _event(name: str, content: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(content, ensure_ascii=False)}\n\n"


def _wants_json(accept: str) -> bool:
    """Tell whether a client asks for JSON and not for a page; one that takes anything gets the page."""
    return "application/json" in accept and "text/html" not in accept
