"""The data of the sandbox's page: rows a page at a time, and the changes since the previous event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from airflow_provider_tingting.sandbox.faults import Faults
from airflow_provider_tingting.sandbox.ledger import Dialled
from airflow_provider_tingting.sandbox.nepal_time import as_text
from airflow_provider_tingting.sandbox.records import Campaign, Contact
from airflow_provider_tingting.sandbox.refusals import invalid
from airflow_provider_tingting.sandbox.world import World

DEFAULT_LIMIT, MAX_LIMIT = 50, 500


class ChangeFeed:
    """The changes of a sandbox for one client: `changes()` returns what is new since its previous call.

    :param world: the world that is observed.
    :param faults: the pending faults, which are observed too.
    """

    def __init__(self, world: World, faults: Faults) -> None:
        self.world = world
        self.faults = faults
        self._campaigns: dict[int, dict[str, Any]] | None = None
        self._faults: list[dict[str, Any]] | None = None
        self._token: str | None = None

    def changes(self) -> Iterator[tuple[str, Any]]:
        """Yield events as (name, content): `tick` always; `campaigns`, `faults` and `token` when they have changed."""
        with self.world.reading() as now:
            due = self.world.next_event
            tick = {
                "now": now,
                "speed": self.world.clock.speed,
                "next_event": due,
                "credits": self.world.credits,
                "dialled": len(self.world.ledger.dialled),
                "requests": len(self.world.ledger.requests),
            }
            token = self.world.token
            campaigns = {campaign.id: campaign_row(campaign, now) for campaign in self.world.campaigns.values()}
        faults = [fault.as_json() for fault in self.faults]
        yield "tick", tick
        before = self._campaigns or {}
        changed = [row for number, row in campaigns.items() if before.get(number) != row]
        removed = [number for number in before if number not in campaigns]
        if changed or removed or self._campaigns is None:
            yield "campaigns", {"changed": changed, "removed": removed}
        if faults != self._faults:
            yield "faults", faults
        if token != self._token:
            yield "token", token
        self._campaigns, self._faults, self._token = campaigns, faults, token


def campaign_row(campaign: Campaign, now: float) -> dict[str, Any]:
    """Return a campaign with the number of its contacts by status.

    :param campaign: the campaign.
    :param now: the world's time, seconds since 1970.
    """
    return {
        "id": campaign.id,
        "name": campaign.name,
        "services": campaign.services,
        "status": campaign.status,
        "progress_percent": campaign.progress_percent,
        "runs": len(campaign.runs),
        "credits_spent": campaign.spent,
        "contacts": dict(campaign.statuses_at(now)),
    }


def contacts_page(campaign: Campaign, now: float, query: Mapping[str, str]) -> dict[str, Any]:
    """Return a page of a campaign's contacts, filtered by `status` and by `search` in numbers and variables.

    :param campaign: the campaign.
    :param now: the world's time, in seconds since 1970.
    :param query: the parameters of the request.
    :raises Refused: 400, `offset` or `limit` is not a whole number.
    """
    status, search = query.get("status", ""), query.get("search", "").casefold()
    found = [
        contact
        for contact in campaign.contacts.values()
        if (not status or contact.status_at(now) == status)
        and (
            not search
            or search in contact.number
            or any(search in str(value).casefold() for value in contact.variables.values())
        )
    ]
    offset, limit = _window(query)
    return {
        "campaign": {
            "id": campaign.id,
            "name": campaign.name,
            "services": campaign.services,
            "message": campaign.message if campaign.phones else "",
            "sms_message": campaign.sms_message if campaign.texts else "",
            "schedule": None if campaign.schedule is None else as_text(campaign.schedule),
            "credit_limit": campaign.credit_limit,
        },
        "count": len(found),
        "offset": offset,
        "results": [_contact_row(contact, now) for contact in found[offset : offset + limit]],
    }


def dialled_page(world: World, now: float, query: Mapping[str, str]) -> dict[str, Any]:
    """Return a page of the calls and SMS, newest first, filtered by `campaign` and `search`.

    `repeated` is true for a row if the same campaign called (or texted) the same number before. Demo calls never are.

    :param world: the account and its campaigns.
    :param now: the world's time, in seconds since 1970.
    :param query: the parameters of the request.
    :raises Refused: 400, a number in the query is invalid.
    """
    campaign, search = _whole(query, "campaign", 0), query.get("search", "").casefold()
    seen: set[tuple[int, str, str]] = set()
    found: list[tuple[Dialled, bool]] = []
    repeated = 0
    for entry in world.ledger.dialled:
        key = (entry.campaign_id, entry.number, entry.channel)
        repeat = entry.channel != "demo" and key in seen
        seen.add(key)
        repeated += repeat
        if campaign and entry.campaign_id != campaign:
            continue
        if not search or search in entry.number or search in entry.text.casefold():
            found.append((entry, repeat))
    offset, limit = _window(query)
    rows = islice(reversed(found), offset, offset + limit)
    return {
        "count": len(found),
        "repeated": repeated,
        "offset": offset,
        "results": [
            {**entry.as_json(), "status": _status(world, entry, now), "repeated": repeat} for entry, repeat in rows
        ],
    }


def requests_page(world: World, query: Mapping[str, str]) -> dict[str, Any]:
    """Return a page of the requests, newest first, filtered by `search` in call, path and fault.

    :param world: the account and its campaigns.
    :param query: the parameters of the request.
    :raises Refused: 400, `offset` or `limit` is not a whole number.
    """
    search = query.get("search", "").casefold()
    found = [
        entry
        for entry in tuple(world.ledger.requests)
        if not search or search in f"{entry.call} {entry.path} {entry.fault or ''}".casefold()
    ]
    offset, limit = _window(query)
    rows = islice(reversed(found), offset, offset + limit)
    return {"count": len(found), "offset": offset, "results": [entry.as_json() for entry in rows]}


def _contact_row(contact: Contact, now: float) -> dict[str, Any]:
    call = contact.call
    over = call is not None and call.ended_at <= now
    return {
        "id": contact.id,
        "number": contact.number,
        "variables": contact.variables,
        "status": contact.status_at(now),
        "updated_at": as_text(contact.changed_at(now)),
        "run": call.run if call else None,
        "call_duration": call.duration if call and over else None,
        "playback": call.playback if call and over else None,
        "credits": call.credits + call.sms_credits if call and over else 0,
    }


def _status(world: World, entry: Dialled, now: float) -> str:
    """Return a call's current status; the ledger has the final one from the start."""
    campaign = world.campaigns.get(entry.campaign_id)
    contact = campaign.contacts.get(entry.contact_id) if campaign else None
    call = contact.call if contact else None
    return call.status_at(now) if call and entry.channel != "demo" and call.run == entry.run else entry.status


def _window(query: Mapping[str, str]) -> tuple[int, int]:
    limit = min(MAX_LIMIT, _whole(query, "limit", DEFAULT_LIMIT)) or DEFAULT_LIMIT
    return _whole(query, "offset", 0), limit


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise invalid(**{name: "A valid integer is required."})
    return int(text)
