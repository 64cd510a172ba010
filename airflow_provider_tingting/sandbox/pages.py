"""The list of calls at `/docs`, when the package `fastapi-offline` is not there to bring Swagger UI. Plain HTML.

FastAPI's own page would load scripts from the internet, which a sandbox without a network cannot.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8886; vertical-align: top; }
code, pre { font: .9em ui-monospace, monospace; }
pre { white-space: pre-wrap; margin: 0; }
"""


def calls_page(openapi: Mapping[str, Any]) -> str:
    """Write the list of calls, when there is no Swagger UI to show them."""
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
        "<p>Install <code>fastapi-offline</code> to try the calls out here. Calls below <code>/api/v1/</code> need the "
        'header <code>Authorization: Bearer TOKEN</code>. <a href="/openapi.json">OpenAPI</a></p>'
        + _table(("Method", "Path", "What it does"), rows)
        + f"<h2>Bodies</h2>{schemas}",
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
