"""Helpers of the endpoints: registration with FastAPI, request bodies, responses in the sandbox's dialect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from airflow_provider_tingting.sandbox.calls import API, ENDPOINTS
from airflow_provider_tingting.sandbox.dialect import Dialect
from airflow_provider_tingting.sandbox.middleware import CONTEXT, RequestContext
from airflow_provider_tingting.sandbox.refusals import invalid, shaped
from airflow_provider_tingting.sandbox.request_bodies import parse_body, read_json
from airflow_provider_tingting.sandbox.world import World

M = TypeVar("M", bound=BaseModel)

FORM = "application/x-www-form-urlencoded"

Handler = Callable[..., Awaitable[Response]]


@dataclass(frozen=True)
class Responder:
    """The world and the dialect of a sandbox, and the responses that follow from them."""

    world: World
    dialect: Dialect

    def reply(self, content: object, status: int = 200) -> Response:
        """Return a JSON response, in an envelope if the dialect says so.

        :param content: the content, as JSON values.
        :param status: the HTTP status; default 200.
        """
        if self.dialect.replies == "envelope":
            content = {"status": status, "success": True, "message": "", "errors": None, "data": content}
        return JSONResponse(content, status)

    def refuse(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
        """Return an error response in the dialect's shape.

        :param status: the HTTP status.
        :param body: the error in the default shape, see `refusals.Refused`.
        :param headers: further headers; default none.
        """
        shaped_status, content = shaped(status, body, self.dialect.errors)
        return JSONResponse(content, shaped_status, headers=dict(headers or {}))


def add_call(
    router: APIRouter,
    name: str,
    handler: Handler,
    *,
    body: type[BaseModel] | tuple[type[BaseModel], ...] | None = None,
    media: tuple[str, ...] = ("application/json",),
    upload: str | None = None,
    steps: str | None = None,
    query: Mapping[str, str] | None = None,
) -> None:
    """Register the handler of a call at each of its paths.

    :param router: where the call is added.
    :param name: a name of `calls.ENDPOINTS`, which has the method, paths and summary.
    :param handler: handles its requests.
    :param body: the model that the OpenAPI page shows, or alternatives.
    :param media: the content types that the body may have.
    :param upload: the field of a multipart form that holds the uploaded file.
    :param steps: the field of a multipart form that holds the steps of a survey, each as JSON.
    :param query: query parameters by name, with their JSON type.
    """
    call = ENDPOINTS[name]
    extra: dict[str, Any] = {}
    if body is not None:
        extra["requestBody"] = body_schema(body, media)
    if upload is not None:
        extra["requestBody"] = _form_schema(upload, {"type": "string", "format": "binary"})
    if steps is not None:
        extra["requestBody"] = _form_schema(steps, {"type": "array", "items": {"type": "string"}})
    if query:
        extra["parameters"] = [
            {"name": key, "in": "query", "required": False, "schema": {"type": kind}} for key, kind in query.items()
        ]
    for number, path in enumerate(call.paths):
        router.add_api_route(
            API + path.replace("_id}", "_id:int}"),
            handler,
            methods=[call.method],
            operation_id=name if number == 0 else f"{name}_{number + 1}",
            summary=call.summary,
            response_class=JSONResponse,
            response_model=None,
            openapi_extra=extra,
        )


def _form_schema(field: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    form = {"type": "object", "required": [field], "properties": {field: schema}}
    return {"required": True, "content": {"multipart/form-data": {"schema": form}}}


def body_schema(
    body: type[BaseModel] | tuple[type[BaseModel], ...], media: tuple[str, ...] = ("application/json",)
) -> dict[str, Any]:
    """Return the description of a request's body for the OpenAPI page.

    :param body: the model of the body.
    :param media: the content type.
    """
    models = body if isinstance(body, tuple) else (body,)
    shapes = [{"$ref": f"#/components/schemas/{model.__name__}"} for model in models]
    schema = shapes[0] if len(shapes) == 1 else {"anyOf": shapes}
    return {"required": True, "content": {kind: {"schema": schema} for kind in media}}


async def read_body(request: Request, model: type[M]) -> M:
    """Return a request's JSON body as a model.

    :param request: the request.
    :param model: the model of the body.
    :raises Refused: 415 or 400; the body is not JSON, or does not fit the model.
    """
    return parse_body(model, await read_json_body(request))


async def read_body_or_form(request: Request, model: type[M]) -> M:
    """Return a request's JSON body or form as a model.

    :param request: the request.
    :param model: the model of the body.
    :raises Refused: 415 or 400; the body is neither, or does not fit the model.
    """
    if not request.headers.get("content-type", "").startswith(FORM):
        return await read_body(request, model)
    async with request.form() as form:
        return parse_body(model, dict(form))


async def read_json_body(request: Request) -> Any:
    """Return a request's JSON body, of any type.

    :param request: the request.
    :raises Refused: 415 or 400; the body is not JSON.
    """
    return read_json(await request.body(), request.headers.get("content-type", ""))


async def expect_no_body(request: Request) -> None:
    """Check a request without a body. TingTing refuses one whose content type is JSON and whose body is empty.

    :param request: the request.
    :raises Refused: 400, the content type is JSON and the body is not.
    """
    content_type = request.headers.get("content-type", "")
    if content_type.lower().startswith("application/json"):
        read_json(await request.body(), content_type)


def context_of(request: Request) -> RequestContext:
    """Return the data that the middleware added to a request.

    :param request: the request.
    """
    context = request.scope.get(CONTEXT)
    return context if isinstance(context, RequestContext) else RequestContext()


def required(field: str) -> Exception:
    """Return the 400 for a missing field.

    :param field: the field's name.
    """
    return invalid(**{field: "This field is required."})
