"""The OpenAPI page at `/docs`: Swagger UI with the package `fastapi-offline`, otherwise a plain list of the calls.

FastAPI's own page loads scripts from the internet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from airflow_provider_tingting import __version__
from airflow_provider_tingting.sandbox import request_bodies as bodies
from airflow_provider_tingting.sandbox.routes.control import CONTROL_BODIES

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8886; vertical-align: top; }
code, pre { font: .9em ui-monospace, monospace; }
pre { white-space: pre-wrap; margin: 0; }
"""


_DESCRIPTION = (
    "A local TingTing sandbox: the calls and responses of the TingTing API, without real calls or SMS. "
    "Paths below /api/v1/ are the API's and need the token; paths below /sandbox/ control the sandbox."
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


def bare_app() -> FastAPI:
    """Return an application with its OpenAPI page, and without endpoints."""
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
            return HTMLResponse(_calls_page(app.openapi()))

        app.add_api_route("/docs", calls, include_in_schema=False, response_model=None)
    else:
        # Swagger UI would send the page's address to a validator on the internet.
        app = FastAPIOffline(redoc_url=None, swagger_ui_parameters={"validatorUrl": None}, **options)
    _show_bodies(app)
    return app


def _show_bodies(app: FastAPI) -> None:
    """Add the models of request bodies to the OpenAPI page; the endpoints read the bodies themselves."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            content = generate()
            schemas = content.setdefault("components", {}).setdefault("schemas", {})
            for model in _BODIES:
                schemas[model.__name__] = model.model_json_schema(ref_template="#/components/schemas/{model}")
            # FastAPI responds 422 to invalid fields; TingTing, and so the sandbox, responds 400.
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            for operations in content["paths"].values():
                for operation in operations.values():
                    operation["responses"].pop("422", None)
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]


def _calls_page(openapi: Mapping[str, Any]) -> str:
    """Return the plain list of calls as HTML."""
    rows = [
        f"<tr><td><code>{method.upper()}</code></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(operation.get('summary', ''))}{_shown_bodies(operation)}</td></tr>"
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
    ]
    schemas = "".join(
        f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{escape(schema.get("description", ""))}</p>'
        f"<pre>{escape(json.dumps(schema.get('properties', {}), indent=2, ensure_ascii=False))}</pre>"
        for name, schema in openapi.get("components", {}).get("schemas", {}).items()
    )
    return _page(
        "TingTing sandbox: calls",
        "<p>Install <code>fastapi-offline</code> to send requests from this page. "
        "Calls below <code>/api/v1/</code> need the header "
        '<code>Authorization: Bearer TOKEN</code>. <a href="/openapi.json">OpenAPI</a></p>'
        + _table(("Method", "Path", "Summary"), rows)
        + f"<h2>Request bodies</h2>{schemas}",
    )


def _shown_bodies(operation: Mapping[str, Any]) -> str:
    found = json.dumps(operation.get("requestBody", {}))
    names = dict.fromkeys(part.partition('"')[0] for part in found.split("#/components/schemas/")[1:])
    return "".join(f' <a href="#{escape(name)}">{escape(name)}</a>' for name in names)


def _table(heads: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f"<th>{head}</th>" for head in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _page(title: str, content: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>{content}</body></html>"
    )
