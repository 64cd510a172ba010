"""What every endpoint has at hand: the world, the dialect, and one way to register, to read and to answer.

Imports FastAPI; only `server.py` and the routes import this.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from airflow_provider_tingting.sandbox.bodies import checked, read_json
from airflow_provider_tingting.sandbox.calls import API, ENDPOINTS
from airflow_provider_tingting.sandbox.dialect import Dialect
from airflow_provider_tingting.sandbox.middleware import NOTE, Note
from airflow_provider_tingting.sandbox.refusals import invalid, shaped
from airflow_provider_tingting.sandbox.world import World

M = TypeVar("M", bound=BaseModel)

Handler = Callable[..., Awaitable[Response]]


@dataclass(frozen=True)
class Endpoints:
    """The world and the ways of this sandbox."""

    world: World
    dialect: Dialect

    def reply(self, content: Any, status: int = 200) -> Response:
        """Answer with JSON, as it is or in an envelope."""
        if self.dialect.replies == "envelope":
            content = {"status": status, "success": True, "message": "", "errors": None, "data": content}
        return JSONResponse(content, status)

    def refuse(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
        """Answer with a refusal, in the shape that the dialect has."""
        said, content = shaped(status, body, self.dialect.errors)
        return JSONResponse(content, said, headers=dict(headers or {}))


def serve(
    router: APIRouter,
    name: str,
    handler: Handler,
    *,
    body: type[BaseModel] | tuple[type[BaseModel], ...] | None = None,
    media: tuple[str, ...] = ("application/json",),
    upload: str | None = None,
    query: Mapping[str, str] | None = None,
) -> None:
    """Register the handler of a call at all of its paths.

    :param name: a name of `calls.ENDPOINTS`, which says method, paths and summary.
    :param body: the model that the OpenAPI page shows, or several of which one fits.
    :param media: the content types that the body may have.
    :param upload: the field of a multipart form that holds a file, for a call that takes one.
    :param query: query parameters by name, with their JSON type.
    """
    call = ENDPOINTS[name]
    extra: dict[str, Any] = {}
    if body is not None:
        extra["requestBody"] = shown_body(body, media)
    if upload is not None:
        file = {"type": "string", "format": "binary"}
        form = {"type": "object", "required": [upload], "properties": {upload: file}}
        extra["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
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


def shown_body(
    body: type[BaseModel] | tuple[type[BaseModel], ...], media: tuple[str, ...] = ("application/json",)
) -> dict[str, Any]:
    """Describe a request's body for the OpenAPI page."""
    models = body if isinstance(body, tuple) else (body,)
    shapes = [{"$ref": f"#/components/schemas/{model.__name__}"} for model in models]
    schema = shapes[0] if len(shapes) == 1 else {"anyOf": shapes}
    return {"required": True, "content": {kind: {"schema": schema} for kind in media}}


async def read(request: Request, model: type[M]) -> M:
    """Read a request's JSON body.

    :raises Refused: it is not JSON, or not what the model says.
    """
    return checked(model, await read_any(request))


async def read_any(request: Request) -> Any:
    """Read a request's JSON body, whatever it holds.

    :raises Refused: it is not JSON.
    """
    return read_json(await request.body(), request.headers.get("content-type", ""))


async def expect_nothing(request: Request) -> None:
    """Take a request that has no body; one that announces JSON and sends none is refused, as TingTing does.

    :raises Refused: 400, the body is not JSON though it says so.
    """
    content_type = request.headers.get("content-type", "")
    if content_type.lower().startswith("application/json"):
        read_json(await request.body(), content_type)


def note_of(request: Request) -> Note:
    """Return what the gate says about a request."""
    note = request.scope.get(NOTE)
    return note if isinstance(note, Note) else Note()


def required(field: str) -> Exception:
    """Return the refusal of a field that is missing."""
    return invalid(**{field: "This field is required."})
