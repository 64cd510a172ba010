"""The sandbox's ledger: who was called or texted, when, by which campaign and run; and every request that came in.

This is what the guarantees are checked against: whoever is in it twice was called twice. It never holds a token.
Standard library only.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_tingting.masking import mask_number
from airflow_provider_tingting.sandbox.nepal_time import NEPAL
from airflow_provider_tingting.sandbox.wording import fill

MOST_REQUESTS = 200_000


@dataclass(frozen=True, slots=True, repr=False)
class Dialled:
    """One call or SMS to one number.

    :param channel: `call`, `sms` or `demo`.
    :param run: which run of the campaign, from 1; 0 for a demo call.
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
        """When, in the sandbox's world."""
        return datetime.fromtimestamp(self.seconds, NEPAL)

    @property
    def text(self) -> str:
        """What the contact hears or reads; a tag that the contact lacks is heard as it is written."""
        return fill(self.template, self.variables)

    def __repr__(self) -> str:
        where = f"campaign {self.campaign_id}, run {self.run}"
        return f"<{self.channel} to {mask_number(self.number)} by {where} at {self.at:%Y-%m-%d %H:%M:%S}>"

    def as_json(self) -> dict[str, Any]:
        """Write it for the control endpoint."""
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
    """One request to the API, written down when it came in; `status` follows when it is answered.

    :param call: the call's name, such as `run_campaign`; `unknown` for a path that TingTing does not have.
    :param at: when, in real seconds since 1970; the sandbox's own time stands in `world_time`.
    :param status: the HTTP status that was sent; None until then, and when the connection was cut.
    :param fault: the scripted fault that was applied, if any.
    :param body: what was sent, only when the sandbox was asked to keep bodies.
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
        """Write it for the control endpoint, without the body."""
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
    """The two lists; `requests` keeps the newest 200,000."""

    def __init__(self) -> None:
        self.dialled: list[Dialled] = []
        self.requests: deque[RequestEntry] = deque(maxlen=MOST_REQUESTS)

    def times_dialled(self, *, channel: str = "call") -> Counter[str]:
        """Count, by number, how often it was called or texted."""
        return Counter(entry.number for entry in tuple(self.dialled) if entry.channel == channel)

    def times_called(self, call: str) -> int:
        """Count the requests of one name."""
        return sum(entry.call == call for entry in tuple(self.requests))

    def clear(self) -> None:
        """Forget everything."""
        self.dialled.clear()
        self.requests.clear()
