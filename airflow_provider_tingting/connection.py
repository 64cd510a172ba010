"""The TingTing connection, defined once: its fields, what they mean, how a form shows them, how they are read.

`FIELDS` is the table; the metadata for Airflow 3.2+, the form widgets for older versions, the documentation and
`ConnectionSettings.read` all come from it. Imports no Airflow, so that the provider info stays free to import.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from airflow_provider_tingting.errors import TingTingConfigError

CONN_TYPE = "tingting"
DEFAULT_CONN_ID = "tingting_default"
CONN_NAME = "TingTing"
HOOK_CLASS = "airflow_provider_tingting.hooks.tingting.TingTingHook"
DEFAULT_HOST = "https://app.tingting.io/api/v1/"
API_PATH = "/api/v1/"


@dataclass(frozen=True)
class ExtraField:
    """One field of the connection's extra.

    :param name: its key in the extra's JSON.
    :param label: what the form calls it.
    :param kind: what its value is.
    :param default: its value when absent, empty or null.
    :param help: one sentence for the form and the documentation.
    :param minimum: the least value of a number; `exclusive` when it must be more.
    :param secret: whether it must never be shown. Its name holds `secret` then, so that Airflow hides it too.
    """

    name: str
    label: str
    kind: Literal["number", "integer", "string", "boolean or path"]
    default: float | int | str | bool | None
    help: str
    minimum: float | None = None
    exclusive: bool = False
    secret: bool = False


EXTRA_FIELDS: tuple[ExtraField, ...] = (
    ExtraField(
        "timeout",
        "Timeout (seconds)",
        "number",
        60,
        "How long to wait for the next piece of an answer; large batches are given more.",
        0,
        exclusive=True,
    ),
    ExtraField(
        "connect_timeout",
        "Connect timeout (seconds)",
        "number",
        10,
        "How long to wait for a connection.",
        0,
        exclusive=True,
    ),
    ExtraField(
        "max_retries",
        "Retries of a read",
        "integer",
        4,
        "How often a read is sent again after a fault that may pass. Writes are never repeated blindly.",
        0,
    ),
    ExtraField(
        "rate_limit",
        "Rate limit (requests a second)",
        "number",
        None,
        "At most so many requests a second from one task or triggerer; empty for no limit.",
        0,
        exclusive=True,
    ),
    ExtraField(
        "verify",
        "Check the TLS certificate",
        "boolean or path",
        True,
        "true, false, or the path of a file of CA certificates.",
    ),
    ExtraField(
        "campaign_url",
        "Campaign page",
        "string",
        None,
        "Address of a campaign's page with {campaign_id} in it, for the link on the task; empty for no link.",
    ),
    ExtraField(
        "secret_salt",
        "Salt of hashed numbers",
        "string",
        None,
        "A long random text that keeps hashed numbers in reports from being guessed; needed for numbers='sha256' only.",
        secret=True,
    ),
)

# What a client needs to know nothing of.
_NOT_THE_CLIENTS = frozenset({"campaign_url", "secret_salt"})

HIDDEN_FIELDS = ("login", "schema", "port")
RELABELING = {"host": "Base URL", "password": "API token"}
PLACEHOLDERS = {"host": DEFAULT_HOST, "password": "the token from your TingTing account"}


@dataclass(frozen=True)
class ConnectionSettings:
    """A connection, read and checked.

    :param base_url: with scheme and path, ending in `/`.
    :param token: the API token; never shown.
    :param timeout: seconds, see `EXTRA_FIELDS` for this and the rest.
    """

    base_url: str
    token: str = field(repr=False)
    timeout: float = 60.0
    connect_timeout: float = 10.0
    max_retries: int = 4
    rate_limit: float | None = None
    verify: bool | str = True
    campaign_url: str | None = None
    secret_salt: str | None = field(default=None, repr=False)

    @classmethod
    def read(
        cls,
        *,
        host: str | None,
        password: str | None,
        schema: str | None = None,
        port: int | None = None,
        extra: Mapping[str, Any] | None = None,
        conn_id: str | None = DEFAULT_CONN_ID,
    ) -> ConnectionSettings:
        """Read the parts of an Airflow connection.

        :param conn_id: what errors call it; None when it has no name that anybody knows.
        :raises TingTingConfigError: there is no token, or a part cannot be used; the text says which.
        """
        token = (password or "").strip()
        if token.lower().startswith("bearer "):
            token = token[7:].strip()
        if not token:
            raise TingTingConfigError(
                f"{_named(conn_id, 'The')} has no API token. Put the token of your TingTing account in its password."
            )
        if not token.isascii() or any(character.isspace() for character in token):
            raise TingTingConfigError(
                f"The API token of {_named(conn_id)} holds blanks or characters that no token has. "
                "Copy it from TingTing again."
            )
        values = {spec.name: _value(spec, (extra or {}).get(spec.name), conn_id) for spec in EXTRA_FIELDS}
        return cls(base_url=base_url_of(host, schema=schema, port=port, conn_id=conn_id), token=token, **values)

    def client_arguments(self) -> dict[str, Any]:
        """Return what `TingTingClient` and `AsyncTingTingClient` are made with."""
        return {spec.name: getattr(self, spec.name) for spec in fields(self) if spec.name not in _NOT_THE_CLIENTS}

    def campaign_link(self, campaign_id: int) -> str:
        """Return the address of a campaign's page, or an empty text when the connection has no template for it."""
        return (self.campaign_url or "").replace("{campaign_id}", quote(str(campaign_id)))


def base_url_of(
    host: str | None, *, schema: str | None = None, port: int | None = None, conn_id: str | None = DEFAULT_CONN_ID
) -> str:
    """Return the base URL that a person means, however they write the host.

    With or without scheme, path, port and trailing slash; nothing at all for the vendor's own. Without a scheme it is
    https, for this machine http. Without a path it is `/api/v1/`.

    :raises TingTingConfigError: it is no address.
    """
    text = (host or "").strip()
    schema = (schema or "").strip().strip("/")
    if not text:
        return DEFAULT_HOST
    if text.count(":") > 1 and "://" not in text and not text.startswith("["):
        text = f"[{text}]"
    if "://" not in text:
        name = (
            text.split("/")[0].rsplit("]")[0].lstrip("[")
            if text.startswith("[")
            else text.split("/")[0].rsplit(":", 1)[0]
        )
        scheme = schema if schema in ("http", "https") else ("http" if is_this_machine(name) else "https")
        text = f"{scheme}://{text}"
    try:
        parts = urlsplit(text)
        stated_port = parts.port
    except ValueError:
        parts, stated_port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or any(map(str.isspace, text)):
        raise TingTingConfigError(
            f"The host of {_named(conn_id)} is no web address. Write it like {DEFAULT_HOST} or app.tingting.io."
        )
    path = parts.path.strip("/")
    if not path and schema not in ("", "http", "https"):
        # A connection URI carries the path of the base URL as its schema: tingting://:token@host/api%2Fv1
        path = schema
    if path in ("", "api"):
        path = API_PATH.strip("/")
    number = stated_port or port or None
    hostname = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{hostname}{f':{number}' if number else ''}/{path}/"


def is_this_machine(name: str) -> bool:
    """Whether a host name means this machine, so that nothing leaves it."""
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost"


def _named(conn_id: str | None, article: str = "") -> str:
    if conn_id is None:
        return f"{'This' if article else 'this'} connection"
    return f"{article} connection {conn_id!r}".strip()


def _value(spec: ExtraField, value: Any, conn_id: str | None) -> Any:
    if value is None or (isinstance(value, str) and not value.strip()):
        return spec.default
    wrong = TingTingConfigError(f"Extra {spec.name!r} of {_named(conn_id)} must be {_expected(spec)}. {spec.help}")
    if spec.kind == "string":
        if not isinstance(value, str):
            raise wrong
        return value.strip()
    if spec.kind == "boolean or path":
        if isinstance(value, bool):
            return value
        if not isinstance(value, str):
            raise wrong
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
            value.strip().lower(), value.strip()
        )
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise wrong from None
    too_small = spec.minimum is not None and (number <= spec.minimum if spec.exclusive else number < spec.minimum)
    if isinstance(value, bool) or not math.isfinite(number) or too_small:
        raise wrong
    if spec.kind == "integer":
        if number != int(number):
            raise wrong
        return int(number)
    return number


def _expected(spec: ExtraField) -> str:
    if spec.kind in ("string", "boolean or path"):
        return "true, false or a path" if spec.kind == "boolean or path" else "a text"
    what = "a whole number" if spec.kind == "integer" else "a number"
    if spec.minimum is None:
        return what
    return f"{what} {'above' if spec.exclusive else 'of at least'} {spec.minimum:g}"


def conn_fields() -> dict[str, dict[str, Any]]:
    """Return the form's extra fields as Airflow 3.2+ reads them from the provider info."""
    return {
        spec.name: {"label": spec.label, "description": spec.help, "schema": _schema(spec)} for spec in EXTRA_FIELDS
    }


def _schema(spec: ExtraField) -> dict[str, Any]:
    # Every field may be null, as with the community's providers: a form that is left alone must be saved.
    kind = {"boolean or path": "string"}.get(spec.kind, spec.kind)
    schema: dict[str, Any] = {"type": [kind, "null"]}
    if spec.minimum is not None:
        schema["exclusiveMinimum" if spec.exclusive else "minimum"] = spec.minimum
    if spec.secret:
        schema["format"] = "password"
    if spec.default is not None:
        schema["default"] = str(spec.default).lower() if isinstance(spec.default, bool) else spec.default
    return schema


def ui_field_behaviour() -> dict[str, Any]:
    """Return how the form shows the standard fields, as Airflow 3.2+ reads it from the provider info."""
    return {
        "hidden-fields": list(HIDDEN_FIELDS),
        "relabeling": dict(RELABELING),
        "placeholders": dict(PLACEHOLDERS),
    }


def form_behaviour() -> dict[str, Any]:
    """Return the same for Airflow before 3.2, which asks the hook."""
    return {name.replace("-", "_"): value for name, value in ui_field_behaviour().items()}


def form_widgets() -> dict[str, Any]:
    """Return the extra fields as widgets for Airflow before 3.2; needs its web server's form library."""
    from flask_appbuilder.fieldwidgets import (  # type: ignore[import-not-found]
        BS3PasswordFieldWidget,
        BS3TextFieldWidget,
    )
    from wtforms import IntegerField, PasswordField, StringField  # type: ignore[import-untyped]
    from wtforms.validators import Optional  # type: ignore[import-untyped]

    # Airflow takes text, integer, boolean and password fields only: with a `FloatField` it drops the whole connection
    # type, so other numbers are written as text.
    return {
        spec.name: (PasswordField if spec.secret else IntegerField if spec.kind == "integer" else StringField)(
            spec.label,
            description=spec.help,
            default=_shown_default(spec),
            validators=[Optional()],
            widget=BS3PasswordFieldWidget() if spec.secret else BS3TextFieldWidget(),
        )
        for spec in EXTRA_FIELDS
    }


def _shown_default(spec: ExtraField) -> str | int | None:
    if spec.default is None or (spec.kind == "integer" and isinstance(spec.default, int)):
        return spec.default
    return str(spec.default).lower() if isinstance(spec.default, bool) else f"{spec.default}"
