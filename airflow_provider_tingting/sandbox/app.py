"""The sandbox's web application: the endpoints, behind the middleware."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from airflow_provider_tingting.sandbox.dialect import Dialect
from airflow_provider_tingting.sandbox.endpoints import Responder
from airflow_provider_tingting.sandbox.faults import Faults
from airflow_provider_tingting.sandbox.middleware import Middleware, ServerOptions
from airflow_provider_tingting.sandbox.openapi_page import bare_app
from airflow_provider_tingting.sandbox.refusals import Refused
from airflow_provider_tingting.sandbox.routes.account import account_routes
from airflow_provider_tingting.sandbox.routes.campaigns import campaign_routes
from airflow_provider_tingting.sandbox.routes.contacts import contact_routes
from airflow_provider_tingting.sandbox.routes.control import control_routes
from airflow_provider_tingting.sandbox.routes.downloads import audio_routes, download_routes
from airflow_provider_tingting.sandbox.routes.page import add_page, list_routes
from airflow_provider_tingting.sandbox.routes.surveys import survey_routes
from airflow_provider_tingting.sandbox.world import World


def create_app(
    world: World,
    faults: Faults | None = None,
    *,
    dialect: Dialect | None = None,
    options: ServerOptions | None = None,
    page_cap: int | None = 10,
) -> FastAPI:
    """Return the application for a world.

    :param world: the account and its campaigns.
    :param faults: the pending faults; None starts without faults.
    :param dialect: the dialect; None means the default choices.
    :param options: response times and ledger; None means the defaults.
    :param page_cap: the maximum number of rows of a page, above which `limit` has no effect; None for no maximum.
    """
    faults = faults if faults is not None else Faults()
    options = options or ServerOptions()
    responder = Responder(world, dialect or Dialect())
    app = bare_app()
    app.add_middleware(
        Middleware,
        world=world,
        faults=faults,
        dialect=responder.dialect,
        options=options,
    )

    async def refuse(_: Request, refused: Any) -> Response:
        return responder.refuse(refused.status, refused.body)

    async def refuse_http(request: Request, error: Any) -> Response:
        texts = {404: "Not found.", 405: f'Method "{request.method}" not allowed.'}
        detail = texts.get(error.status_code, str(error.detail))
        return responder.refuse(error.status_code, {"detail": detail}, error.headers)

    app.add_exception_handler(Refused, refuse)
    app.add_exception_handler(HTTPException, refuse_http)

    # The middleware checks the token; this only adds it to the OpenAPI page.
    token = [Depends(HTTPBearer(auto_error=False))]
    app.include_router(campaign_routes(responder, page_cap=page_cap), dependencies=token)
    app.include_router(contact_routes(responder, page_cap=page_cap), dependencies=token)
    app.include_router(download_routes(responder), dependencies=token)
    app.include_router(account_routes(responder), dependencies=token)
    app.include_router(survey_routes(responder), dependencies=token)
    app.include_router(audio_routes(responder))
    app.include_router(control_routes(responder, faults, options))
    app.include_router(list_routes(responder))
    add_page(app, responder, faults, options)
    return app
