"""Contacts and ledger page by page, as the sandbox's own page reads them. No token needed. Imports FastAPI."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from airflow_provider_tingting.sandbox.endpoints import Endpoints, Handler
from airflow_provider_tingting.sandbox.live import contacts_page, dialled_page, requests_page


def list_routes(desk: Endpoints) -> APIRouter:
    """Make the endpoints."""
    router = APIRouter(prefix="/sandbox", tags=["Sandbox control"])
    world = desk.world

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
    add("/dialled", "Calls and texts, newest first, 50 at a time", list_dialled, {"campaign": "integer", **texts})
    add("/requests", "Requests to the API, newest first, 50 at a time", list_requests, texts)
    return router
