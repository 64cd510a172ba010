"""The values of the client: a request, a response, the call that connects the two, a pause, and a flow.

`calls` builds calls, `transport` sends requests, `responses` reads responses, `driver` runs flows.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from os import PathLike
from typing import Any, Generic, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class MismatchedResponseError(ValueError):
    """A readable response that belongs to another request. Its text names both and contains no personal data."""


class RetrySafety(Enum):
    """Whether the client may send a call again after an error."""

    READ = "changes nothing: sent again after every error that may pass"
    IF_NOT_SENT = "a write: sent again only when the request certainly did not leave this machine"
    NEVER = "a write that starts phone calls: the caller reads the campaign's status before it sends it again"


@dataclass(frozen=True)
class Request:
    """One HTTP request, without the host and the token, which the transport adds.

    :param method: the HTTP method.
    :param path: the path below the base URL, ending in `/`; or an absolute URL, for the redirect of a read.
    :param query: query parameters; those that are None are omitted.
    :param json: a body that is sent as UTF-8 JSON.
    :param form: a body that is sent as a URL-encoded form.
    :param upload: the name of the form field and the path of the file that is sent in it.
    :param extra_read_timeout: seconds to wait for the response beyond the client's own timeout; default 0.
    """

    method: str
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    json: object | None = field(default=None, repr=False)
    form: Mapping[str, str | int] | None = field(default=None, repr=False)
    upload: tuple[str, PathLike[str]] | None = field(default=None, repr=False)
    extra_read_timeout: float = 0.0


@dataclass(frozen=True)
class Response:
    """One HTTP response.

    :param status_code: the HTTP status.
    :param headers: the headers, with their names in lower case.
    :param content: the decoded body.
    """

    status_code: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Alternative:
    """A second request for the same result, for servers that do not know the first.

    :param request: the request to send instead.
    :param on: the HTTP statuses of the first request that lead to the second.
    """

    request: Request
    on: frozenset[int]


@dataclass(frozen=True)
class Call(Generic[T_co]):
    """An endpoint with its arguments.

    :param name: the endpoint's name, as in the hook's methods.
    :param request: the request to send.
    :param parse: turns the response's decoded JSON (or text) into the call's result.
    :param retry_safety: whether the client may send it again; default: it is a read.
    :param campaign_id: the campaign that the call is about, for error texts.
    :param alternative: a second request, where sources disagree about the first.
    """

    name: str
    request: Request
    parse: Callable[[Any], T_co] = field(repr=False)
    retry_safety: RetrySafety = RetrySafety.READ
    campaign_id: int | None = None
    alternative: Alternative | None = field(default=None, repr=False)

    def __await__(self) -> Generator[Call[T_co], T_co, T_co]:
        """Hand the call to the driver of the flow; the awaited value is the call's result."""
        return (yield self)


@dataclass(frozen=True)
class Pause:
    """A step of a flow that waits and sends nothing.

    :param seconds: how long the driver waits.
    """

    seconds: float

    def __await__(self) -> Generator[Pause, None, None]:
        """Hand the pause to the driver of the flow."""
        yield self


#: A coroutine that awaits calls, pauses and other flows, and does no I/O itself. `run_flow` and `run_flow_async` run
#: it, so each sequence of calls is written once for both clients.
Flow = Coroutine["Call[Any] | Pause", Any, T]
