"""The values that the client works with: a request, a response, the call that joins the two, a pause, and a flow.

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
    """An answer that can be read and is that to another question; its text says which, and holds nothing personal."""


class Repeat(Enum):
    """Whether a call may be sent again when nobody knows whether it arrived."""

    READ = "changes nothing: repeat at will"
    LOOK_FIRST = "a write that rings phones: never sent again without a fresh look, not even when it never left"
    ONCE = "a write: sent again only when it certainly never left"


@dataclass(frozen=True)
class Request:
    """One HTTP request, without the host and the token, which only the transport knows.

    :param method: the HTTP method.
    :param path: below the base URL, ending in `/`; or an absolute URL, to follow a redirect of a read.
    :param query: query parameters; those that are None are left out.
    :param json: the body, sent as UTF-8 JSON.
    :param form: the body, sent as a form.
    :param upload: the name of the form field and the path of the file sent in it.
    :param patience: seconds to wait for the answer beyond the client's own read timeout.
    """

    method: str
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    json: object | None = field(default=None, repr=False)
    form: Mapping[str, str | int] | None = field(default=None, repr=False)
    upload: tuple[str, PathLike[str]] | None = field(default=None, repr=False)
    patience: float = 0.0


@dataclass(frozen=True)
class Response:
    """One HTTP answer; header names in lower case."""

    status_code: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Alternative:
    """Another way to ask the same, for servers that do not know the first.

    :param request: what to send instead.
    :param on: the HTTP statuses that mean "not known here".
    """

    request: Request
    on: frozenset[int]


@dataclass(frozen=True)
class Call(Generic[T_co]):
    """An endpoint with its arguments filled in.

    :param name: the endpoint's name, as in the hook's methods.
    :param request: what to send.
    :param parse: the answer's decoded JSON (or text) to the call's result.
    :param repeat: whether it may be sent again.
    :param campaign_id: the campaign it is about, for error texts.
    :param alternative: another way to ask, if sources disagree about the first.
    """

    name: str
    request: Request
    parse: Callable[[Any], T_co] = field(repr=False)
    repeat: Repeat = Repeat.READ
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
