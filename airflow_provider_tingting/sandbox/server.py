"""Puts the sandbox's web application together. Imports FastAPI; nothing imports this until a sandbox is started."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from airflow_provider_tingting import __version__
from airflow_provider_tingting.sandbox import bodies
from airflow_provider_tingting.sandbox.dialect import Dialect
from airflow_provider_tingting.sandbox.endpoints import Endpoints
from airflow_provider_tingting.sandbox.faults import Faults
from airflow_provider_tingting.sandbox.middleware import Middleware, ServerOptions
from airflow_provider_tingting.sandbox.pages import calls_page
from airflow_provider_tingting.sandbox.refusals import Refused
from airflow_provider_tingting.sandbox.routes.account import account_routes
from airflow_provider_tingting.sandbox.routes.campaigns import campaign_routes
from airflow_provider_tingting.sandbox.routes.contacts import contact_routes
from airflow_provider_tingting.sandbox.routes.control import CONTROL_BODIES, control_routes
from airflow_provider_tingting.sandbox.routes.downloads import audio_routes, download_routes
from airflow_provider_tingting.sandbox.routes.lists import list_routes
from airflow_provider_tingting.sandbox.routes.page import add_page
from airflow_provider_tingting.sandbox.world import World

_DESCRIPTION = (
    "A TingTing on your own machine: same calls, same answers, nobody is called. "
    "Paths below /api/v1/ are TingTing's and need the token; those below /sandbox/ are the sandbox's controls."
)
_BODIES: tuple[type[BaseModel], ...] = (
    bodies.CreateCampaign,
    bodies.UpdateCampaign,
    bodies.SetMessage,
    bodies.OneContact,
    bodies.ManyContacts,
    bodies.NewNumber,
    bodies.Attributes,
    bodies.Preview,
    *CONTROL_BODIES,
)


def create_app(
    world: World,
    faults: Faults | None = None,
    *,
    dialect: Dialect | None = None,
    manners: ServerOptions | None = None,
    page_cap: int | None = 10,
) -> FastAPI:
    """Make the application for a world.

    :param faults: the scripted faults; None means none, until a control adds one.
    :param dialect: the ways in which it differs from the usual.
    :param manners: latency and memory.
    :param page_cap: the most rows that a page holds, whatever `limit` asks; None for no cap.
    """
    faults = faults if faults is not None else Faults()
    manners = manners or ServerOptions()
    desk = Endpoints(world, dialect or Dialect())
    app = _bare_app()
    app.add_middleware(
        Middleware,
        world=world,
        faults=faults,
        dialect=desk.dialect,
        manners=manners,
    )

    async def refuse(_: Request, refused: Any) -> Response:
        return desk.refuse(refused.status, refused.body)

    async def refuse_http(request: Request, error: Any) -> Response:
        texts = {404: "Not found.", 405: f'Method "{request.method}" not allowed.'}
        detail = texts.get(error.status_code, str(error.detail))
        return desk.refuse(error.status_code, {"detail": detail}, error.headers)

    app.add_exception_handler(Refused, refuse)
    app.add_exception_handler(HTTPException, refuse_http)

    # The gate checks the token; this only tells the OpenAPI page that there is one.
    token = [Depends(HTTPBearer(auto_error=False))]
    app.include_router(campaign_routes(desk, page_cap=page_cap), dependencies=token)
    app.include_router(contact_routes(desk, page_cap=page_cap), dependencies=token)
    app.include_router(download_routes(desk), dependencies=token)
    app.include_router(account_routes(desk), dependencies=token)
    app.include_router(audio_routes(desk))
    app.include_router(control_routes(desk, faults, manners))
    app.include_router(list_routes(desk))
    add_page(app, desk, faults, manners)
    return app


def _bare_app() -> FastAPI:
    options: dict[str, Any] = {
        "title": "TingTing sandbox",
        "version": __version__,
        "description": _DESCRIPTION,
        "redirect_slashes": False,
    }
    app: FastAPI
    try:
        from fastapi_offline import FastAPIOffline
    except ImportError:
        app = FastAPI(docs_url=None, redoc_url=None, **options)

        async def calls() -> HTMLResponse:
            return HTMLResponse(calls_page(app.openapi()))

        app.add_api_route("/docs", calls, include_in_schema=False, response_model=None)
    else:
        # Swagger UI would ask a validator on the internet about a page that is not on this machine's loopback.
        app = FastAPIOffline(redoc_url=None, swagger_ui_parameters={"validatorUrl": None}, **options)
    _show_bodies(app)
    return app


def _show_bodies(app: FastAPI) -> None:
    """Add the models of the bodies, which the endpoints read themselves, to the OpenAPI page."""
    made_by_fastapi = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            content = made_by_fastapi()
            schemas = content.setdefault("components", {}).setdefault("schemas", {})
            for model in _BODIES:
                schemas[model.__name__] = model.model_json_schema(ref_template="#/components/schemas/{model}")
            # What FastAPI would answer to wrong fields; TingTing, and so the sandbox, answers 400.
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            for operations in content["paths"].values():
                for operation in operations.values():
                    operation["responses"].pop("422", None)
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]
