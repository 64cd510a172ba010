"""Reads an answer of TingTing: the content of a good one, the reason of a bad one. Pure functions.

The API page documents no error format. Seen are a text under `detail`, `message` or `error`, lists or texts by field,
nested `non_field_errors`, an envelope with `success`, and HTML pages: all are understood here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, TypeGuard, TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationError

from airflow_provider_tingting.api.protocol import Call, MismatchedResponseError, Response, RetrySafety
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingRedirectError,
    TingTingRefusedError,
    TingTingServerError,
    TingTingUnreadableReplyError,
    TingTingValidationError,
)
from airflow_provider_tingting.masking import mask_text

T = TypeVar("T")

LONGEST_QUOTE = 300
_READ_REMEDY = "Nothing was changed: try again; if it stays, check the base URL and TingTing's own status."
_PLAIN_KEYS = ("detail", "message", "error")
_ENVELOPE_KEYS = frozenset({"status", "success", "code", "data"})
_CONTENT_KEYS = frozenset({*_PLAIN_KEYS, "errors", "data"})
# Where a server echoes a contact back: never quoted.
_PERSONAL = frozenset({"contact", "contacts", "name", "other_variables", "variables"})
_TITLE = re.compile(r"<(?:title|h1)[^>]*>(.*?)</(?:title|h1)>", re.IGNORECASE | re.DOTALL)


def read_response(call: Call[T], response: Response) -> T:
    """Turn an answer into the call's result, or raise the error that it is.

    :raises TingTingAPIError: the leaf that fits the status and the content.
    """
    if response.status_code // 100 != 2:
        raise error_of(call, response)
    content = _decode(call, response)
    if _is_envelope(content):
        content = _opened(call, response, content)
    if call.retry_safety is not RetrySafety.READ and isinstance(content, Mapping) and _is_bare_refusal(content):
        raise TingTingValidationError(
            call.name,
            _said(content, _fields(content)),
            campaign_id=call.campaign_id,
            status_code=response.status_code,
            fields=_fields(content),
        )
    try:
        return call.parse(content)
    except MismatchedResponseError as error:
        raise _unreadable(call, response, str(error)) from None
    except ValidationError as error:
        # The values are somebody's data: only the places and the kinds of the trouble are told.
        places = "; ".join(
            f"{'.'.join(map(str, trouble['loc'])) or 'the whole'}: {trouble['type']}"
            for trouble in error.errors(include_input=False, include_url=False)[:5]
        )
        raise _unreadable(
            call, response, f"the response does not look like a {call.name} response ({places})."
        ) from None


def _is_bare_refusal(content: Mapping[str, Any]) -> bool:
    """Whether a "good" answer to a write holds nothing but what went wrong."""
    return content.keys() <= {*_PLAIN_KEYS, "errors", "status", "code"} and any(
        content.get(key) for key in ("error", "errors", "detail")
    )


def check_download(call: Call[Any], response: Response) -> None:
    """Make sure that a good answer to a download is the file, and not a page or a refusal that looks like success.

    :param response: the head of the answer, with the beginning of the body.
    :raises TingTingAPIError: it is no file that this call brings.
    """
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise _unreadable(call, response, f"the response is no report but {_described(response)}.")
    if kind != "application/json":
        return
    content = _lenient(response)
    if _is_envelope(content):
        _opened(call, response, content)
    if call.request.query.get("format") != "json":
        said = _said(content, {}) if isinstance(content, Mapping) else ""
        raise _unreadable(call, response, f"the response is no report but JSON{f': {said}' if said else '.'}")


def error_of(call: Call[Any], response: Response) -> TingTingAPIError:
    """Return the error that an answer outside 2xx stands for."""
    status = response.status_code
    retry_after = seconds_to_wait(response.headers.get("retry-after"))
    if status // 100 == 3:
        there = _host_of(response.headers.get("location"))
        redirect = TingTingRedirectError(
            call.name, f"redirected to {there}.", campaign_id=call.campaign_id, status_code=status
        )
        redirect.location = response.headers.get("location")
        return redirect
    content = _lenient(response)
    fields = _fields(content) if isinstance(content, Mapping) else {}
    kind = _kind(status)
    harmless = call.retry_safety is RetrySafety.READ and issubclass(kind, TingTingOutcomeUnknownError)
    return kind(
        call.name,
        _said(content, fields) or "the response has no message.",
        remedy=_READ_REMEDY if harmless else None,
        campaign_id=call.campaign_id,
        status_code=status,
        retry_after=retry_after,
        fields=fields,
    )


def _host_of(location: str | None) -> str:
    """Return where a redirect leads, without a query or a user's name, nor a path that another host has made up."""
    if not location:
        return "an address it does not name"
    try:
        parts = urlsplit(location)
        return f"{parts.scheme}://{parts.hostname}/" if parts.hostname else parts.path
    except ValueError:
        return "an address that cannot be read"


def seconds_to_wait(header: str | None, *, now: datetime | None = None) -> float | None:
    """Read a `Retry-After` header: seconds or an HTTP date; None when absent, past or unreadable."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            due = parsedate_to_datetime(header)
        except ValueError:
            return None
        if due.tzinfo is None:
            due = due.replace(tzinfo=timezone.utc)
        seconds = (due - (now or datetime.fromtimestamp(wall_time(), timezone.utc))).total_seconds()
    return seconds if 0 < seconds < float("inf") else None


def _is_envelope(content: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether this is `{"status", "success", "message", "errors", "data"}`, and not a contact's variable `success`."""
    return (
        isinstance(content, Mapping)
        and isinstance(content.get("success"), bool)
        and not _CONTENT_KEYS.isdisjoint(content)
    )


def _opened(call: Call[Any], response: Response, envelope: Mapping[str, Any]) -> Any:
    """Return what is in an envelope, or raise the refusal that it holds, whatever the HTTP status said."""
    if envelope["success"]:
        if envelope.get("data") is None and envelope.get("message"):
            return {"message": envelope["message"]}
        return envelope.get("data")
    inner = next((code for code in map(envelope.get, ("status", "code")) if type(code) is int), 400)
    fields = _fields(envelope)
    raise (_kind(inner) if 400 <= inner < 600 else TingTingValidationError)(
        call.name,
        _said(envelope, fields) or "TingTing answered success: false.",
        campaign_id=call.campaign_id,
        status_code=inner if 400 <= inner < 600 else response.status_code,
        retry_after=seconds_to_wait(response.headers.get("retry-after")),
        fields=fields,
    )


def _kind(status: int) -> type[TingTingAPIError]:
    if status >= 500:
        return TingTingServerError
    # 408 is a time-out in other words: the server may have begun.
    if status == 408 or status < 200:
        return TingTingOutcomeUnknownError
    return {
        400: TingTingValidationError,
        401: TingTingAuthError,
        403: TingTingAuthError,
        404: TingTingNotFoundError,
        422: TingTingValidationError,
        429: TingTingRateLimitedError,
    }.get(status, TingTingRefusedError)


def _decode(call: Call[Any], response: Response) -> Any:
    if not response.content.strip():
        return None
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        raise _unreadable(call, response, f"the response is not JSON but {_described(response)}.") from None


def _unreadable(call: Call[Any], response: Response, said: str) -> TingTingUnreadableReplyError:
    return TingTingUnreadableReplyError(
        call.name,
        said,
        remedy=_READ_REMEDY if call.retry_safety is RetrySafety.READ else None,
        campaign_id=call.campaign_id,
        status_code=response.status_code,
    )


def _lenient(response: Response) -> Any:
    """Return the JSON if it is any, else a readable piece of the text."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        text = response.content[:20_000].decode("utf-8", "replace")
        return _described(response) if "<" in text else text


def _described(response: Response) -> str:
    """Say what kind of thing an answer is. Not what is in it: half of a good answer holds people and messages."""
    text = response.content[:20_000].decode("utf-8", "replace")
    if text.lstrip("\ufeff \t\r\n").startswith("<"):
        title = _TITLE.search(text)
        return "an HTML page" + (f" titled '{title.group(1).strip()}'" if title else "")
    return f"{len(response.content)} bytes of {response.headers.get('content-type') or 'an unnamed kind'}"


def _fields(content: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Collect what the server says of single fields, however deep it is wrapped."""
    inner = content.get("errors")
    source = inner if isinstance(inner, Mapping) else content
    found: dict[str, tuple[str, ...]] = {}
    for name, complaint in source.items():
        if source is content and (_is_sentence(name, complaint) or name in _ENVELOPE_KEYS or name == "errors"):
            continue
        texts = tuple(map(mask_text, _texts(complaint)))
        if texts:
            found[str(name)] = texts
    return found


def _is_sentence(name: str, complaint: Any) -> bool:
    # A campaign has a field `message` too: a list of complaints is about that.
    return name in _PLAIN_KEYS and (name != "message" or isinstance(complaint, str))


def _texts(complaint: Any) -> Iterator[str]:
    if isinstance(complaint, str):
        yield complaint
    elif isinstance(complaint, Mapping):
        for name, inner in complaint.items():
            if name in _PERSONAL:
                continue
            for text in _texts(inner):
                yield text if name == "non_field_errors" else f"{name}: {text}"
    elif isinstance(complaint, list):
        for inner in complaint:
            yield from _texts(inner)


def _said(content: Any, fields: Mapping[str, tuple[str, ...]]) -> str:
    parts: list[str] = []
    if isinstance(content, str):
        parts.append(content)
    elif isinstance(content, Mapping):
        for key in _PLAIN_KEYS:
            if _is_sentence(key, content.get(key)):
                parts.extend(_texts(content.get(key)))
        if not isinstance(content.get("errors"), Mapping):
            parts.extend(_texts(content.get("errors")))
        parts.extend(
            text if name == "non_field_errors" else f"{name}: {text}"
            for name, texts in fields.items()
            for text in texts
        )
    elif isinstance(content, list):
        parts.extend(_texts(content))
    said = " ".join("; ".join(dict.fromkeys(part.strip() for part in parts if part.strip())).split())
    if len(said) > LONGEST_QUOTE:
        said = said[:LONGEST_QUOTE] + "…"
    return said if not said or said[-1] in ".!?…" else said + "."
