"""The TingTing connection: its fields, how they are read and checked, and what a failed read says about them.

`EXTRA_FIELDS` is the one table of extras; `ConnectionSettings.read`, the forms in `connection_form` and the
documentation use it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from typing import Any, Literal, Protocol
from urllib.parse import quote, urlsplit

from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingConfigError,
    TingTingForbiddenError,
    TingTingNeverSentError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRedirectError,
    TingTingServerError,
    TingTingUnreadableReplyError,
)

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
    :param label: its label in the form.
    :param kind: the kind of its value.
    :param default: its value when absent, empty or null.
    :param help: one sentence for the form and the documentation.
    :param minimum: the lower bound of a number; default: none.
    :param exclusive: whether the number must be above `minimum`; default: it may be equal.
    :param secret: whether it is never shown. Its name contains `secret` then, so that Airflow hides it too.
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
        "How long a whole request may take, to the last byte of the response; large batches and reports have more.",
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
        "download_timeout",
        "Download timeout (seconds)",
        "number",
        3600,
        "How long a whole report download, or a whole list, may take.",
        0,
        exclusive=True,
    ),
    ExtraField(
        "max_download_mib",
        "Largest download (MiB)",
        "number",
        2048,
        "A larger report is refused while it is downloaded.",
        0,
        exclusive=True,
    ),
    ExtraField(
        "max_expansion",
        "Largest expansion",
        "number",
        250,
        "How many times larger than received a compressed report may become.",
        0,
        exclusive=True,
    ),
    ExtraField(
        "max_retries",
        "Retries of a read",
        "integer",
        4,
        "How often a read is sent again after an error that may pass. A write whose outcome is unknown is not.",
        0,
    ),
    ExtraField(
        "rate_limit",
        "Rate limit (requests a second)",
        "number",
        None,
        "The most requests a second from one task or triggerer; empty for no limit.",
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
        "URL of a campaign's page with {campaign_id} in it, for the link on the task; empty for no link.",
    ),
    ExtraField(
        "secret_salt",
        "Salt of hashed numbers",
        "string",
        None,
        "A long random text that prevents guessing hashed numbers in reports; required for numbers='sha256' only.",
        secret=True,
    ),
)

# Settings that only the hook and the operators use.
_NOT_CLIENT_SETTINGS = frozenset({"campaign_url", "secret_salt"})


class AirflowConnection(Protocol):
    """The fields of Airflow's `Connection` that are read here."""

    host: str | None
    password: str | None
    schema: str | None
    port: int | None


@dataclass(frozen=True)
class ConnectionSettings:
    """The fields of a connection, read and checked.

    :param base_url: the base URL with scheme and path, ending in `/`.
    :param token: the API token; never shown.

    The other fields are described in `EXTRA_FIELDS`.
    """

    base_url: str
    token: str = field(repr=False)
    timeout: float = 60.0
    connect_timeout: float = 10.0
    download_timeout: float = 3600.0
    max_download_mib: float = 2048.0
    max_expansion: float = 250.0
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
        """Read the fields of an Airflow connection.

        :param host: the host or base URL, in any form that `normalize_base_url` accepts.
        :param password: the API token, with or without `Bearer`.
        :param schema: `http` or `https`, or the path of the base URL, as a connection URI carries it.
        :param port: the port, if `host` has none.
        :param extra: the extra's JSON object.
        :param conn_id: the connection's id for error texts; None when the user does not know it.
        :raises TingTingConfigError: the token is missing, or a field is invalid; the text names the field.
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
        return cls(base_url=normalize_base_url(host, schema=schema, port=port, conn_id=conn_id), token=token, **values)

    @classmethod
    def of(cls, connection: AirflowConnection, extra: Mapping[str, Any], conn_id: str | None) -> ConnectionSettings:
        """Read an Airflow connection, as `read` does.

        :param connection: the connection.
        :param extra: its extra, which is read in another way in a triggerer.
        :param conn_id: its id for error texts; None when the user does not know it.
        :raises TingTingConfigError: the token is missing, or a field is invalid; the text names the field.
        """
        return cls.read(
            host=connection.host,
            password=connection.password,
            schema=connection.schema,
            port=connection.port,
            extra=extra,
            conn_id=conn_id,
        )

    def client_arguments(self) -> dict[str, Any]:
        """Return the arguments for `TingTingClient` and `AsyncTingTingClient`."""
        return {spec.name: getattr(self, spec.name) for spec in fields(self) if spec.name not in _NOT_CLIENT_SETTINGS}

    def campaign_link(self, campaign_id: int) -> str:
        """Return the URL of a campaign's page, or an empty text when the connection has no `campaign_url`.

        :param campaign_id: the campaign's id.
        """
        return (self.campaign_url or "").replace("{campaign_id}", quote(str(campaign_id)))


def normalize_base_url(
    host: str | None, *, schema: str | None = None, port: int | None = None, conn_id: str | None = DEFAULT_CONN_ID
) -> str:
    """Return the base URL for a host that is written with or without scheme, port, path and trailing slash.

    The default scheme is https, and http for this machine. The default path is `/api/v1/`.

    :param host: what the user wrote; nothing means the vendor's own base URL.
    :param schema: `http` or `https`, or the path of the base URL, as a connection URI carries it.
    :param port: the port, if `host` has none; 0 means none.
    :param conn_id: the connection's id for error texts; None when the user does not know it.
    :raises TingTingConfigError: the host is not a web address.
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
        scheme = schema if schema in ("http", "https") else ("http" if is_loopback(name) else "https")
        text = f"{scheme}://{text}"
    try:
        parts = urlsplit(text)
        stated_port = parts.port
    except ValueError:
        parts, stated_port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or any(map(str.isspace, text)):
        raise TingTingConfigError(
            f"The host of {_named(conn_id)} is not a web address. Write it like {DEFAULT_HOST} or app.tingting.io."
        )
    path = parts.path.strip("/")
    if not path and schema not in ("", "http", "https"):
        # A connection URI carries the path of the base URL as its schema: tingting://:token@host/api%2Fv1
        path = schema
    if path in ("", "api"):
        path = API_PATH.strip("/")
    number = stated_port or port or None
    if number == {"http": 80, "https": 443}[parts.scheme]:
        number = None
    hostname = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{hostname}{f':{number}' if number else ''}/{path}/"


def is_loopback(name: str) -> bool:
    """Return whether a host name is a loopback address or `localhost`."""
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


def describe_failure(error: TingTingAPIError, base_url: str) -> str:
    """Return one sentence on what a failed read says about the connection, and what to correct.

    :param error: the error of the read.
    :param base_url: where the read was sent.
    """
    if isinstance(error, TingTingForbiddenError):
        return f"TingTing refuses the call (HTTP {error.status_code}): {error.message} {error.default_remedy}"
    if isinstance(error, TingTingAuthError):
        return f"TingTing refuses the token. {error.default_remedy}"
    if isinstance(error, TingTingNotFoundError):
        return f"{base_url} has no TingTing API. The base URL is usually {DEFAULT_HOST}"
    if isinstance(error, TingTingUnreadableReplyError | TingTingRedirectError):
        return f"{base_url} is not TingTing: {error.message} Usual is {DEFAULT_HOST}"
    if isinstance(error, TingTingNeverSentError):
        return f"TingTing cannot be reached: {error.message} Check the host, the network and any proxy."
    if isinstance(error, TingTingServerError):
        return (
            f"{base_url} answers with HTTP {error.status_code}: {error.message} TingTing may be down: try again later."
        )
    if isinstance(error, TingTingOutcomeUnknownError):
        return f"{base_url} was reached, but {error.message} Check the port and the scheme, and try again."
    return str(error)
