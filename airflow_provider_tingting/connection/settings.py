"""The settings in a TingTing connection: how they are read and checked, and what a failed request says about them.

`EXTRA_FIELDS` in `fields` is the one table of extras; `ConnectionSettings.read`, `form` and the documentation use it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from airflow_provider_tingting.connection.fields import EXTRA_FIELDS, ExtraField
from airflow_provider_tingting.connection.server_dialect import ServerDialect
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

# A host name of labels, in any script, or the part of an IPv6 address between the brackets.
_HOST_NAME = re.compile(r"\w([\w-]*\w)?(\.\w([\w-]*\w)?)*\.?|[0-9a-f]*:[0-9a-f:.]*", re.IGNORECASE)
_LONGEST_HOST = 253
_LARGEST_PORT = 65_535
# Settings that only the hook and the operators use.
_NOT_CLIENT_SETTINGS = frozenset({"campaign_url", "secret_salt", "do_not_call", "contact_log", "daily_credit_limit"})


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
    dialect: str | None = None
    campaign_url: str | None = None
    secret_salt: str | None = field(default=None, repr=False)
    do_not_call: Any = field(default=None, repr=False)
    contact_log: Mapping[str, Any] | None = field(default=None, repr=False)
    daily_credit_limit: float | None = None

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
        for name, value in {"host": host, "password": password, "schema": schema}.items():
            if value is not None and not isinstance(value, str):
                raise TingTingConfigError(f"The {name} of {_named(conn_id)} must be a text. Correct the connection.")
        if extra is not None and not isinstance(extra, Mapping):
            raise TingTingConfigError(
                f'The extra of {_named(conn_id)} must be a JSON object such as {{"timeout": 60}}. '
                "Correct the connection."
            )
        token = (password or "").strip()
        if token.lower().startswith("bearer "):
            token = token[7:].strip()
        if not token:
            raise TingTingConfigError(
                f"{_named(conn_id, 'The')} has no API token. Put the token of your TingTing account in its password."
            )
        if not token.isascii() or not token.isprintable() or " " in token:
            raise TingTingConfigError(
                f"The API token of {_named(conn_id)} holds blanks or characters that no token has. "
                "Copy it from TingTing again."
            )
        values = {spec.name: _value(spec, (extra or {}).get(spec.name), conn_id) for spec in EXTRA_FIELDS}
        ServerDialect.read(values["dialect"])
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
    :raises TingTingConfigError: the host is not a web address, or the port is none.
    """
    text = (host or "").strip()
    schema = (schema or "").strip().strip("/")
    if not text:
        return DEFAULT_HOST
    if port is not None and (isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= _LARGEST_PORT):
        raise TingTingConfigError(
            f"The port of {_named(conn_id)} must be a whole number up to {_LARGEST_PORT}, or empty."
        )
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
    hostname, path = parts.hostname or "", parts.path.strip("/")
    if not path and schema not in ("", "http", "https"):
        # A connection URI carries the path of the base URL as its schema: tingting://:token@host/api%2Fv1
        path = schema
    if (
        parts.scheme not in ("http", "https")
        or not _is_host_name(hostname)
        or not _is_path(path)
        or not text.isprintable()
        or " " in text
        or any((parts.username, parts.password, parts.query, parts.fragment))
    ):
        raise TingTingConfigError(
            f"The host of {_named(conn_id)} is not a web address. Write it like {DEFAULT_HOST} or app.tingting.io."
        )
    if path in ("", "api"):
        path = API_PATH.strip("/")
    number = stated_port or port or None
    if number == {"http": 80, "https": 443}[parts.scheme]:
        number = None
    hostname = f"[{hostname}]" if ":" in hostname else hostname
    return f"{parts.scheme}://{hostname}{f':{number}' if number else ''}/{path}/"


def is_loopback(name: str) -> bool:
    """Return whether a host name is a loopback address or `localhost`.

    :param name: the host name or address.
    """
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost"


def _is_host_name(name: str) -> bool:
    return len(name) <= _LONGEST_HOST and _HOST_NAME.fullmatch(name) is not None


def _is_path(path: str) -> bool:
    return path.isprintable() and not {"..", "."} & set(path.split("/")) and not set(path) & set(' ?#\\{}"<>')


def _named(conn_id: str | None, article: str = "") -> str:
    if conn_id is None:
        return f"{'This' if article else 'this'} connection"
    return f"{article} connection {conn_id!r}".strip()


def _value(spec: ExtraField, value: Any, conn_id: str | None) -> Any:
    if value is None or (isinstance(value, str) and not value.strip()):
        return spec.default
    wrong = TingTingConfigError(f"Extra {spec.name!r} of {_named(conn_id)} must be {_expected(spec)}. {spec.help}")
    if spec.kind == "string":
        if not isinstance(value, str) or not value.strip().isprintable():
            raise wrong
        return value.strip()
    if spec.kind == "web address":
        address = value.strip() if isinstance(value, str) else ""
        if not address.startswith(("http://", "https://")) or not address.isprintable() or " " in address:
            raise wrong
        return address
    if spec.kind in ("source", "object"):
        return _json_value(spec, value, wrong)
    if spec.kind == "boolean or path":
        if isinstance(value, bool):
            return value
        if not isinstance(value, str) or not value.strip().isprintable():
            raise wrong
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
            value.strip().lower(), value.strip()
        )
    try:
        number = math.nan if isinstance(value, bool | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        raise wrong from None
    too_small = spec.minimum is not None and (number <= spec.minimum if spec.exclusive else number < spec.minimum)
    # NaN compares as neither.
    if too_small or not number <= spec.maximum:
        raise wrong
    if spec.kind == "integer":
        if number != int(number):
            raise wrong
        return int(number)
    return number


def _json_value(spec: ExtraField, value: object, wrong: TingTingConfigError) -> Any:
    """Return an object, a list or a text; a form can hold the first two as JSON only."""
    if isinstance(value, str):
        value = value.strip()
        if value[:1] in ("{", "["):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise wrong from None
    kinds: tuple[type, ...] = (Mapping, list, str) if spec.kind == "source" else (Mapping,)
    if not isinstance(value, kinds) or not value:
        raise wrong
    return value


def _expected(spec: ExtraField) -> str:
    texts = {
        "string": "a text",
        "boolean or path": "true, false or a path",
        "source": "a path, a URI or a JSON object",
        "object": "a JSON object",
        "web address": "a web address that begins with https://",
    }
    if spec.kind in texts:
        return texts[spec.kind]
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
