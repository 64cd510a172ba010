"""The sandbox's ledger: every call and SMS with its time, campaign and run, and every request to the API.

Tests check against it that each contact is called once. It never holds a token.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_tingting.contacts.message import fill
from airflow_provider_tingting.masking import mask_number
from airflow_provider_tingting.timezones import NEPAL

MAX_REQUESTS = 200_000


@dataclass(frozen=True, slots=True, repr=False)
class Dialled:
    """One call or SMS to one number.

    :param channel: `call`, `sms` or `demo`.
    :param run: the number of the campaign's run, from 1; 0 for a demo call.
    :param seconds: the time in the sandbox's world, seconds since 1970.
    """

    number: str
    campaign_id: int
    contact_id: int
    run: int
    seconds: float
    channel: str
    template: str
    variables: Mapping[str, Any]
    status: str
    credits: int

    @property
    def at(self) -> datetime:
        """The time in the sandbox's world."""
        return datetime.fromtimestamp(self.seconds, NEPAL)

    @property
    def text(self) -> str:
        """The message that the contact hears or reads, with its variables."""
        return fill(self.template, self.variables)

    def __repr__(self) -> str:
        where = f"campaign {self.campaign_id}, run {self.run}"
        return f"<{self.channel} to {mask_number(self.number)} by {where} at {self.at:%Y-%m-%d %H:%M:%S}>"

    def as_json(self) -> dict[str, Any]:
        """Return it as the control endpoint shows it."""
        return {
            "number": self.number,
            "campaign_id": self.campaign_id,
            "contact_id": self.contact_id,
            "run": self.run,
            "at": self.at.isoformat(),
            "channel": self.channel,
            "text": self.text,
            "status": self.status,
            "credits": self.credits,
        }


@dataclass(slots=True)
class RequestEntry:
    """One request to the API, added when it arrives; `status` is set with the response.

    :param call: the call's name, such as `run_campaign`; `unknown` for a path that the API does not have.
    :param at: the real time, seconds since 1970.
    :param world_time: the time in the sandbox's world, seconds since 1970.
    :param status: the HTTP status of the response; None before it, and when the connection was closed without one.
    :param fault: the scripted fault that was applied, if any.
    :param body: the request's body, with the option `keep_bodies`.
    """

    call: str
    method: str
    path: str
    query: str
    at: float
    world_time: float
    status: int | None
    fault: str | None
    user_agent: str
    content_type: str
    body: bytes | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return it as the control endpoint shows it, without the body."""
        return {
            "call": self.call,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "at": datetime.fromtimestamp(self.at, NEPAL).isoformat(),
            "world_time": datetime.fromtimestamp(self.world_time, NEPAL).isoformat(),
            "status": self.status,
            "fault": self.fault,
            "user_agent": self.user_agent,
            "content_type": self.content_type,
        }


class Ledger:
    """The calls and SMS, and the newest 200,000 requests."""

    def __init__(self) -> None:
        self.dialled: list[Dialled] = []
        self.requests: deque[RequestEntry] = deque(maxlen=MAX_REQUESTS)

    def times_dialled(self, *, channel: str = "call") -> Counter[str]:
        """Return how often each number was called or texted.

        :param channel: `call`, `sms` or `demo`.
        """
        return Counter(entry.number for entry in tuple(self.dialled) if entry.channel == channel)

    def times_called(self, call: str) -> int:
        """Return the number of requests of one call, such as `run_campaign`.

        :param call: the name of a call, such as `run_campaign`.
        """
        return sum(entry.call == call for entry in tuple(self.requests))

    def clear(self) -> None:
        """Remove every entry."""
        self.dialled.clear()
        self.requests.clear()
