"""The sandbox's page at `/`: its files, its lists, and its stream of events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from secrets import token_hex
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.staticfiles import StaticFiles

from airflow_provider_tingting import __version__
from airflow_provider_tingting.sandbox.endpoints import Handler, Responder
from airflow_provider_tingting.sandbox.faults import Faults
from airflow_provider_tingting.sandbox.middleware import ServerOptions
from airflow_provider_tingting.sandbox.page_data import ChangeFeed, contacts_page, dialled_page, requests_page

_FILES = Path(__file__).parents[1] / "page"
# The browser loads nothing from another host.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # The browser revalidates each file, so that the page has the version of the sandbox.
    "Cache-Control": "no-cache",
}
_SECONDS_BETWEEN_EVENTS = 0.5
# With a large world at most a tenth of the time is spent on computing its changes.
_PAUSE_PER_WORK = 9.0
_SECONDS_BETWEEN_CLOSING_CHECKS = 0.1


def add_page(app: FastAPI, responder: Responder, faults: Faults, options: ServerOptions) -> None:
    """Add the page, its files and its events to the application.

    :param app: the application.
    :param responder: makes the responses.
    :param faults: the pending faults.
    :param options: what the server was started with.
    """
    # A new value for each start, from which an open page detects a restart.
    start = token_hex(8)

    async def index(request: Request) -> Response:
        if _wants_json(request.headers.get("accept", "")):
            return JSONResponse({name: str(request.base_url) + path for name, path in _PATHS.items()})
        return FileResponse(_FILES / "index.html", headers={**_HEADERS, "Vary": "Accept"})

    async def events(request: Request) -> Response:
        async def stream() -> AsyncIterator[str]:
            feed = ChangeFeed(responder.world, faults)
            yield "retry: 1000\n" + _event("hello", {"start": start, "version": __version__})
            while not await request.is_disconnected():
                began = time.monotonic()
                for name, content in feed.changes():
                    yield _event(name, content)
                worked = time.monotonic() - began
                resume_at = time.monotonic() + max(_SECONDS_BETWEEN_EVENTS, _PAUSE_PER_WORK * worked)
                while time.monotonic() < resume_at:
                    if options.closing:
                        return
                    await asyncio.sleep(_SECONDS_BETWEEN_CLOSING_CHECKS)

        return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    app.add_api_route("/", index, include_in_schema=False, response_model=None)
    # Not on the OpenAPI page, which cannot describe an endless stream.
    app.add_api_route("/sandbox/events", events, include_in_schema=False, response_model=None)
    app.mount("/page", _PageFiles(directory=_FILES))


def list_routes(responder: Responder) -> APIRouter:
    """Return the lists of contacts, calls and requests, a page at a time. They need no token.

    :param responder: makes the responses.
    """
    router = APIRouter(prefix="/sandbox", tags=["Sandbox control"])
    world = responder.world

    def add(path: str, summary: str, handler: Handler, filters: dict[str, str]) -> None:
        parameters = [
            {"name": name, "in": "query", "required": False, "schema": {"type": kind}}
            for name, kind in {"offset": "integer", "limit": "integer", **filters}.items()
        ]
        router.add_api_route(
            path,
            handler,
            summary=summary,
            response_model=None,
            response_class=JSONResponse,
            openapi_extra={"parameters": parameters},
        )

    async def list_contacts(campaign_id: int, request: Request) -> JSONResponse:
        with world.reading() as now:
            return JSONResponse(contacts_page(world.campaign(campaign_id), now, request.query_params))

    async def list_dialled(request: Request) -> JSONResponse:
        with world.reading() as now:
            return JSONResponse(dialled_page(world, now, request.query_params))

    async def list_requests(request: Request) -> JSONResponse:
        return JSONResponse(requests_page(world, request.query_params))

    texts = {"search": "string"}
    add(
        "/campaigns/{campaign_id:int}/contacts",
        "A campaign's contacts, 50 at a time",
        list_contacts,
        {"status": "string", **texts},
    )
    add("/dialled", "Calls and SMS, newest first, 50 at a time", list_dialled, {"campaign": "integer", **texts})
    add("/requests", "Requests to the API, newest first, 50 at a time", list_requests, texts)
    return router


_PATHS = {
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
    """Return whether a client accepts JSON and not HTML; one that accepts anything gets the page."""
    return "application/json" in accept and "text/html" not in accept
