"""What both transports share: where requests go, what they carry, and how a body is made.

`transport_requests` and `transport_httpx` are the only modules that use an HTTP library. A transport sends one request
and returns the response. It adds the host and the token, which is sent to the configured host only, and never follows a
redirect.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from airflow_provider_tingting import __version__
from airflow_provider_tingting.api.protocol import Call, Request
from airflow_provider_tingting.connection.replacement import check_destination
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError

USER_AGENT = f"airflow-provider-tingting/{__version__}"
_FILE_CHUNK_BYTES = 256 * 1024
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class Origin:
    """Where requests go and what they carry.

    :param base_url: the base URL with scheme, host and path; ends in `/`.
    :param token: the API token; never shown.
    :param timeout: seconds for a whole request, from connecting to the last byte of the response.
    :param connect_timeout: seconds to wait for a connection.
    :param verify: whether to check the server's certificate, or the path of a file or folder of CA certificates.
    :raises TingTingConfigError: an argument is invalid.
    """

    base_url: str
    token: str = field(repr=False)
    timeout: float = field(repr=False)
    connect_timeout: float = field(repr=False)
    verify: bool | str = field(default=True, repr=False)

    def __post_init__(self) -> None:
        if not self.token:
            raise TingTingConfigError("There is no API token. Put it into the password of the TingTing connection.")
        if not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise TingTingConfigError(
                "The API token contains blanks or characters that no token has. Copy it from TingTing again."
            )
        if not all(0 < seconds < math.inf for seconds in (self.timeout, self.connect_timeout)):
            raise TingTingConfigError("timeout and connect_timeout must be more than 0 seconds; 60 and 10 are usual.")
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.endswith("/"):
            raise TingTingConfigError(
                "The base URL must be like https://app.tingting.io/api/v1/, with scheme and path."
            )
        if isinstance(self.verify, str) and not Path(self.verify).exists():
            raise TingTingConfigError(
                f"There are no CA certificates at {self.verify}. Correct `verify` in the connection's extra: true, "
                "false, or the path of a file of CA certificates that Airflow's user may read."
            )


@dataclass(frozen=True)
class PreparedRequest:
    """A request with host, token and encoded body.

    :param method: the HTTP method.
    :param url: the absolute URL, without the query.
    :param headers: the headers, with the token if the URL has the host of the connection.
    :param params: the query.
    :param body: the body, if it is not a form.
    :param form: the fields of a form.
    """

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    params: Mapping[str, str | int] = field(repr=False)
    body: bytes | FileBody | None = field(repr=False)
    form: Mapping[str, str | int] | None = field(repr=False)


def prepare(origin: Origin, call: Call[Any], request: Request) -> PreparedRequest:
    """Return a request as it is sent.

    :param origin: where it goes.
    :param call: the call that it belongs to, for error texts.
    :param request: the request.
    :raises TingTingConfigError: a value cannot be written as JSON, or the process may not send requests to this server.
    """
    url = urljoin(origin.base_url, request.path)
    check_destination(url)
    # Only encodings that `BodyDecoder` limits.
    headers = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": USER_AGENT}
    if urlsplit(url)[:2] == urlsplit(origin.base_url)[:2]:
        headers["Authorization"] = f"Bearer {origin.token}"
    body: bytes | FileBody | None = None
    if request.json is not None:
        body = _encode_json(call, request.json)
        headers["Content-Type"] = "application/json"
    elif request.upload is not None:
        body = FileBody(request.upload[0], Path(request.upload[1]))
        headers["Content-Type"] = body.content_type
        headers["Content-Length"] = str(len(body))
    params = {name: value for name, value in request.query.items() if value is not None}
    return PreparedRequest(request.method, url, headers, params, body, request.form)


def _encode_json(call: Call[Any], content: object) -> bytes:
    contacts = content.get("contacts") if isinstance(content, dict) else None
    if contacts and all(isinstance(contact, msgspec.Raw) for contact in contacts):
        # The contacts are JSON already.
        return msgspec.json.encode(content)
    try:
        # Devanagari is not escaped, which saves 23 % of the bytes.
        return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        # The text of an encoding error has the character only, that of the others the type only.
        raise TingTingConfigError(
            f"TingTing {call.name} was not sent: a value cannot be written as JSON ({error}). Give texts, numbers, "
            "true, false or null; a date or a decimal as text."
        ) from None


def lower_names(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers with their names in lower case.

    :param headers: names and values.
    """
    return {name.lower(): value for name, value in headers.items()}


def workbook_size(path: Path) -> int:
    """Return the size of a workbook in bytes.

    The file is opened, because an error while it is sent would leave the outcome unknown.

    :param path: the file.
    :raises TingTingContactsError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size
    except OSError as error:
        raise TingTingContactsError(
            f"The workbook {path} cannot be read ({error.strerror or type(error).__name__}). Nothing was sent; "
            "give the path of an .xlsx file that Airflow's user may read."
        ) from error


class FileBody:
    """A multipart body with one workbook, read while it is sent.

    requests builds a multipart body in memory (measured: 92 MiB more for a 49 MB file). This one has a known length
    and is an iterable of bytes, which requests sends as it is.

    :param field: the form field's name.
    :param path: the file. Its name is not sent, since it may contain anything.
    """

    def __init__(self, field: str, path: Path) -> None:
        boundary = secrets.token_hex(16)
        self._path = path
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="contacts.xlsx"\r\n'
            f"Content-Type: {_XLSX}\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.content_type = f"multipart/form-data; boundary={boundary}"

    def __len__(self) -> int:
        return len(self._head) + self._path.stat().st_size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        with self._path.open("rb") as file:
            while chunk := file.read(_FILE_CHUNK_BYTES):
                yield chunk
        yield self._tail

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body without blocking the event loop while the file is read."""
        # Not `__aiter__`: httpx refuses an object that can be iterated both ways.
        pieces = iter(self)
        while piece := await asyncio.to_thread(next, pieces, b""):
            yield piece
