"""Read a response of TingTing: the content of a successful one, the reason of a refusal. Pure functions.

The API page documents no error format. Known are a text under `detail`, `message` or `error`, lists or texts by field,
nested `non_field_errors`, an envelope with `success`, and HTML pages.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Generic, NoReturn, TypeGuard, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from airflow_provider_tingting.api.protocol import Call, MismatchedResponseError, Response, RetrySafety
from airflow_provider_tingting.api.redaction import Redactor
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingForbiddenError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingRedirectError,
    TingTingRefusedError,
    TingTingServerError,
    TingTingUnreadableReplyError,
    TingTingValidationError,
)

T = TypeVar("T")

#: Characters of the server's text that an error quotes.
LONGEST_QUOTE = 200
#: The longest `Retry-After` in seconds; a longer one is a mistake of the server.
MAX_RETRY_AFTER = 86_400.0
_READ_REMEDY = "Nothing was changed: try again; if the error persists, check the base URL and TingTing's own status."
_INACTIVE_REMEDY = "Ask TingTing to activate the account; do not make a new token, which revokes this one."
_PLAIN_KEYS = ("detail", "message", "error")
_ENVELOPE_KEYS = frozenset({"status", "success", "code", "data"})
_CONTENT_KEYS = frozenset({*_PLAIN_KEYS, "errors", "data"})
# Keys under which a server repeats a contact.
_PERSONAL = frozenset({"contact", "contacts", "name", "other_variables", "variables"})
_TITLE = re.compile(r"<(?:title|h1)[^>]{0,200}>(.*?)</(?:title|h1)>", re.IGNORECASE | re.DOTALL)
_CONTENT_TYPE = re.compile(r"[\w.+-]{1,40}/[\w.+-]{1,40}")
# How many levels and texts of an error's JSON are read.
_MAX_DEPTH = 6
_MAX_TEXTS = 50


def read_response(call: Call[T], response: Response, *, token: str = "") -> T:
    """Return the result of a call.

    :param call: the call.
    :param response: the response to it.
    :param token: the token that was sent, which no error quotes.
    :raises TingTingAPIError: the subclass that describes the status or the content.
    """
    return _Reader(call, response, token).result()


def error_of(call: Call[Any], response: Response, *, token: str = "") -> TingTingAPIError:
    """Return the error of a response outside 2xx.

    :param call: the call.
    :param response: the response to it.
    :param token: the token that was sent, which the error does not quote.
    """
    return _Reader(call, response, token).error()


def check_download(call: Call[Any], response: Response, *, token: str = "") -> None:
    """Check that a successful response to a download is a file, and not a page or a refusal.

    :param call: the download.
    :param response: the response with the beginning of its body.
    :param token: the token that was sent, which no error quotes.
    :raises TingTingAPIError: the response is not the file.
    """
    _Reader(call, response, token).check_download()


def parse_retry_after(header: str | None) -> float | None:
    """Return the seconds of a `Retry-After` header, at most `MAX_RETRY_AFTER`.

    :param header: a number of seconds or an HTTP date.
    :returns: None when the header is absent, invalid or in the past.
    """
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            due = parsedate_to_datetime(header)
            if due.tzinfo is None:
                due = due.replace(tzinfo=timezone.utc)
            seconds = (due - datetime.fromtimestamp(wall_time(), timezone.utc)).total_seconds()
        except (ValueError, OverflowError):
            return None
    return min(seconds, MAX_RETRY_AFTER) if 0 < seconds < float("inf") else None


class _Reader(Generic[T]):
    """Reads one response.

    :param call: the call.
    :param response: the response to it.
    :param token: the token that was sent.
    """

    def __init__(self, call: Call[T], response: Response, token: str) -> None:
        self._call = call
        self._response = response
        self._token = token
        self._redactor: Redactor | None = None

    def result(self) -> T:
        if self._response.status_code // 100 != 2:
            raise self.error()
        content = self._decoded()
        if _is_envelope(content):
            content = self._unwrapped(content)
        if (
            self._call.retry_safety is not RetrySafety.READ
            and isinstance(content, Mapping)
            and _is_bare_refusal(content)
        ):
            raise self._refusal(TingTingValidationError, content, self._response.status_code)
        try:
            return self._call.parse(content)
        except MismatchedResponseError as error:
            raise self._unreadable(str(error)) from None
        except ValidationError as error:
            # The values are personal, so the text has only the places and kinds of the problems.
            places = "; ".join(
                f"{'.'.join(map(self._place, problem['loc'])) or 'the whole'}: {problem['type']}"
                for problem in error.errors(include_input=False, include_url=False)[:5]
            )
            raise self._unreadable(
                f"the response does not look like a {self._call.name} response ({places})."
            ) from None
        except (RecursionError, OverflowError, ValueError, TypeError) as error:
            raise self._unreadable(f"the response has values out of range ({type(error).__name__}).") from None

    def error(self) -> TingTingAPIError:
        status = self._response.status_code
        if status // 100 == 3:
            location = self._response.headers.get("location")
            redirect = TingTingRedirectError(
                self._call.name,
                f"redirected to {self._shown_location(location)}.",
                campaign_id=self._call.campaign_id,
                status_code=status,
            )
            redirect.location = location
            return redirect
        return self._refusal(_error_class(status), self._lenient(), status, default="the response has no message.")

    def check_download(self) -> None:
        kind = self._response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml"):
            raise self._unreadable(f"the response is not a report but {self._described()}.")
        if kind != "application/json":
            return
        content = self._lenient()
        if _is_envelope(content):
            self._unwrapped(content)
        if self._call.request.query.get("format") != "json":
            message = self._message(content, {}) if isinstance(content, Mapping) else ""
            raise self._unreadable(f"the response is not a report but JSON{f': {message}' if message else '.'}")

    def _refusal(
        self, kind: type[TingTingAPIError], content: object, status: int, *, default: str = ""
    ) -> TingTingAPIError:
        fields = self._field_errors(content) if isinstance(content, Mapping) else {}
        message = self._message(content, fields) or default
        remedy = None
        if self._call.retry_safety is RetrySafety.READ and issubclass(kind, TingTingOutcomeUnknownError):
            remedy = _READ_REMEDY
        elif issubclass(kind, TingTingAuthError) and "not activated" in message.casefold():
            remedy = _INACTIVE_REMEDY
        return kind(
            self._call.name,
            message,
            remedy=remedy,
            campaign_id=self._call.campaign_id,
            status_code=status,
            retry_after=parse_retry_after(self._response.headers.get("retry-after")),
            fields=fields,
        )

    def _unwrapped(self, envelope: Mapping[str, Any]) -> Any:
        """Return the content of an envelope, or raise the refusal in it, whatever the HTTP status is."""
        if not envelope["success"]:
            self._raise_refusal(envelope)
        if envelope.get("data") is None and envelope.get("message"):
            return {"message": envelope["message"]}
        return envelope.get("data")

    def _raise_refusal(self, envelope: Mapping[str, Any]) -> NoReturn:
        inner = next((code for code in map(envelope.get, ("status", "code")) if type(code) is int), 400)
        is_error = 400 <= inner < 600
        raise self._refusal(
            _error_class(inner) if is_error else TingTingValidationError,
            envelope,
            inner if is_error else self._response.status_code,
            default="TingTing answered success: false.",
        )

    def _decoded(self) -> Any:
        if not self._response.content.strip():
            return None
        try:
            return json.loads(self._response.content)
        except (ValueError, RecursionError):
            raise self._unreadable(f"the response is not JSON but {self._described()}.") from None

    def _lenient(self) -> Any:
        """Return the JSON if the body is JSON, else a readable part of the text."""
        try:
            return json.loads(self._response.content)
        except (ValueError, RecursionError):
            text = self._text()
            return self._described() if "<" in text else text

    def _text(self) -> str:
        return self._response.content[:20_000].decode("utf-8", "replace")

    def _described(self) -> str:
        """Return the kind of the response, without its content: half of a list contains personal data."""
        text = self._text()
        if text.lstrip("\ufeff \t\r\n").startswith("<"):
            title = _TITLE.search(text)
            return "an HTML page" + (f" titled '{self._quoted(html.unescape(title.group(1)))}'" if title else "")
        kind = _CONTENT_TYPE.match(self._response.headers.get("content-type", ""))
        return f"{len(self._response.content)} bytes of {kind.group() if kind else 'an unnamed kind'}"

    def _unreadable(self, message: str) -> TingTingUnreadableReplyError:
        return TingTingUnreadableReplyError(
            self._call.name,
            message,
            remedy=_READ_REMEDY if self._call.retry_safety is RetrySafety.READ else None,
            campaign_id=self._call.campaign_id,
            status_code=self._response.status_code,
        )

    def _shown_location(self, location: str | None) -> str:
        """Return the address of a redirect without query and user name, and without the path of another host."""
        if not location:
            return "an address that the response does not name"
        try:
            parts = urlsplit(location)
            address = f"{parts.scheme}://{parts.hostname}/" if parts.hostname else parts.path
        except ValueError:
            return "an address that cannot be read"
        return self._quoted(address)[:LONGEST_QUOTE]

    def _field_errors(self, content: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """Return the server's errors for each field, however deep they are wrapped."""
        inner = content.get("errors")
        source = inner if isinstance(inner, Mapping) else content
        found: dict[str, tuple[str, ...]] = {}
        for name, value in list(source.items())[:_MAX_TEXTS]:
            if source is content and (_is_message(name, value) or name in _ENVELOPE_KEYS or name == "errors"):
                continue
            texts = tuple(text[:LONGEST_QUOTE] for text in self._texts(value))[:_MAX_TEXTS]
            if texts:
                field = self._redact.name(name)
                found[field] = (*found.get(field, ()), *texts)
        return found

    def _texts(self, value: object, depth: int = 0) -> Iterator[str]:
        if depth > _MAX_DEPTH:
            return
        if isinstance(value, str):
            yield self._quoted(value)
        elif isinstance(value, Mapping):
            for name, inner in list(value.items())[:_MAX_TEXTS]:
                if name in _PERSONAL:
                    continue
                for text in self._texts(inner, depth + 1):
                    yield text if name == "non_field_errors" else f"{self._redact.name(name)}: {text}"
        elif isinstance(value, list):
            for inner in value[:_MAX_TEXTS]:
                yield from self._texts(inner, depth + 1)

    def _message(self, content: object, fields: Mapping[str, tuple[str, ...]]) -> str:
        """Return what the server says, in one short sentence."""
        parts: list[str] = []
        if isinstance(content, Mapping):
            for key in _PLAIN_KEYS:
                if _is_message(key, content.get(key)):
                    parts.extend(self._texts(content.get(key)))
            if not isinstance(content.get("errors"), Mapping):
                parts.extend(self._texts(content.get("errors")))
            parts.extend(
                text if name == "non_field_errors" else f"{name}: {text}"
                for name, texts in fields.items()
                for text in texts
            )
        else:
            parts.extend(self._texts(content))
        # The whole sentence is redacted again, since a value may span several texts.
        message = self._redact("; ".join(dict.fromkeys(part for part in parts if part)))
        if len(message) > LONGEST_QUOTE:
            message = message[:LONGEST_QUOTE] + "…"
        return message if not message or message[-1] in ".!?…" else message + "."

    def _place(self, part: int | str) -> str:
        return str(part) if isinstance(part, int) else self._redact.name(part)

    def _quoted(self, text: str) -> str:
        # A percent-encoded value is one that was sent, too.
        return self._redact(unquote(text[:20_000]) if "%" in text else text)

    @property
    def _redact(self) -> Redactor:
        if self._redactor is None:
            self._redactor = Redactor(self._call.request, self._token)
        return self._redactor


def _is_bare_refusal(content: Mapping[str, Any]) -> bool:
    """Return whether a 2xx response to a write has nothing but an error."""
    return content.keys() <= {*_PLAIN_KEYS, "errors", "status", "code"} and any(
        content.get(key) for key in ("error", "errors", "detail")
    )


def _is_envelope(content: object) -> TypeGuard[Mapping[str, Any]]:
    """Return whether this is an envelope, `{"status", "success", "message", "errors", "data"}`, and not a variable."""
    return (
        isinstance(content, Mapping)
        and isinstance(content.get("success"), bool)
        and not _CONTENT_KEYS.isdisjoint(content)
    )


def _is_message(name: str, value: object) -> bool:
    # A campaign has a field `message` too; a list under it has the errors of that field.
    return name in _PLAIN_KEYS and (name != "message" or isinstance(value, str))


def _error_class(status: int) -> type[TingTingAPIError]:
    if status >= 500:
        return TingTingServerError
    # After a 408 (time-out) the server may have begun to process the request.
    if status == 408 or status < 200:
        return TingTingOutcomeUnknownError
    return {
        400: TingTingValidationError,
        401: TingTingAuthError,
        403: TingTingForbiddenError,
        404: TingTingNotFoundError,
        422: TingTingValidationError,
        429: TingTingRateLimitedError,
    }.get(status, TingTingRefusedError)
