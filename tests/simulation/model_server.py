"""A model of TingTing: what its API page says, in virtual time and without HTTP.

It dials each time it is asked to run. It keeps what every campaign looked like at every moment, so that a read may
show what was true some seconds ago.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, NamedTuple

import msgspec

from airflow_provider_tingting.api.protocol import Request, Response

#: How long (seconds) a campaign runs.
RUNS_FOR = 90.0
PAGE = 10
#: What a read of the running campaigns is about.
ACCOUNT = 0


@dataclass
class Row:
    """One contact of a campaign."""

    id: int
    number: str
    variables: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """What a campaign looks like from one moment on; None when it does not exist."""

    since: float
    fields: dict[str, Any] | None
    numbers: tuple[str, ...] = ()


@dataclass
class Deed:
    """One irreversible act that the server has carried out.

    :param what: `run`, `stop`, `demo`, `create` or `delete`.
    :param at: when.
    :param about: the campaign, or the contact of a demo call.
    :param by: who asked: a task's attempt such as `run.1`, or `person`.
    :param asked_at: when the request was sent.
    """

    what: str
    at: float
    about: int
    by: str
    asked_at: float


class Read(NamedTuple):
    """One read of a campaign's status, or of the running campaigns.

    :param at: when the server answered.
    :param about: the campaign, or `ACCOUNT`.
    :param by: the process that read.
    :param shows: requests to run from before this moment show in it.
    """

    at: float
    about: int
    by: str
    shows: float


@dataclass
class ModelCampaign:
    """One campaign as the server knows it."""

    id: int
    fields: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    began_at: float | None = None
    stopped_at: float | None = None
    is_deleted: bool = False


class ModelServer:
    """One account.

    :param now: the virtual clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        #: How long (seconds) after the request a campaign shows as Running.
        self.shows_after = 0.0
        self.campaigns: dict[int, ModelCampaign] = {}
        self.deeds: list[Deed] = []
        self.reads: list[Read] = []
        self._next_campaign = 101
        self._next_contact = 5001

    # -- what tests and persons do ---------------------------------------------------------------------------------

    def make(self, numbers: tuple[str, ...] = (), **fields: Any) -> int:
        """Make a campaign without a request, an hour ago; return its id."""
        campaign = self._create({"name": "Water notice", "message": "नमस्कार", **fields}, numbers)
        campaign.snapshots = [replace(snapshot, since=snapshot.since - 3600.0) for snapshot in campaign.snapshots]
        return campaign.id

    def run(self, campaign_id: int, by: str, asked_at: float | None = None, began: float | None = None) -> None:
        """Call the contacts of a campaign, as often as this is asked.

        :param began: when; now by default.
        """
        campaign = self.campaigns[campaign_id]
        now = self._now() if began is None else began
        self.deeds.append(Deed("run", now, campaign_id, by, now if asked_at is None else asked_at))
        if campaign.began_at is None:
            campaign.began_at = now
            if began is None:
                self._changed(campaign)
            else:
                campaign.snapshots = [
                    replace(snapshot, since=min(snapshot.since, began)) for snapshot in campaign.snapshots
                ]

    def rename(self, campaign_id: int) -> None:
        """Give a campaign another name, as a person does."""
        self._edit(campaign_id, name="Renamed by hand")

    def edit(self, campaign_id: int) -> None:
        """Rewrite a campaign's description without the marker, as a person does."""
        self._edit(campaign_id, description="Please check with the ward office first")

    def delete(self, campaign_id: int, by: str) -> None:
        """Delete a campaign."""
        campaign = self.campaigns[campaign_id]
        campaign.is_deleted = True
        self.deeds.append(Deed("delete", self._now(), campaign_id, by, self._now()))
        self._changed(campaign)

    def _edit(self, campaign_id: int, **fields: Any) -> None:
        campaign = self.campaigns[campaign_id]
        campaign.fields.update(fields)
        self._changed(campaign)

    # -- what is true ----------------------------------------------------------------------------------------------

    def status(self, campaign: ModelCampaign, at: float) -> str:
        """Return a campaign's status at a time."""
        began, stopped = campaign.began_at, campaign.stopped_at
        if stopped is not None and at >= stopped:
            return "Terminated"
        if began is None or at < began + self.shows_after:
            return "Not Started"
        return "Running" if at < began + self.shows_after + RUNS_FOR else "Completed"

    def has_begun(self, campaign_id: int) -> bool:
        """Whether a campaign was run and not deleted."""
        campaign = self.campaigns.get(campaign_id)
        return campaign is not None and self.status(campaign, self._now()) != "Not Started"

    def runs(self, campaign_id: int | None = None) -> list[Deed]:
        """Return the requests to run that were carried out, of one campaign or of all."""
        return [deed for deed in self.deeds if deed.what == "run" and campaign_id in (None, deed.about)]

    # -- requests --------------------------------------------------------------------------------------------------

    def handle(self, request: Request, by: str, asked_at: float, age: float = 0.0, reorder: bool = False) -> Response:
        """Carry a request out and return the response.

        :param by: who asks.
        :param asked_at: when the request was sent.
        :param age: answer a read as it was so many seconds ago.
        :param reorder: answer a list in another order.
        """
        parts = [part for part in request.path.split("/") if part]
        body: dict[str, Any] = request.json if isinstance(request.json, dict) else {}
        match (request.method, *parts):
            case ("GET", "voice-models"):
                return reply([{"id": 1, "voice_display_name": "Prasanna", "voice_internal_name": "np_prasanna"}])
            case ("GET", "active-broker-phone"):
                return reply([{"id": 3, "phone_number": "+97715970969"}])
            case ("GET", "phone-number", "active"):
                return reply([])
            case ("GET", "dashboard"):
                return reply({"remaining_credits": 100000})
            case ("GET", "campaign"):
                if request.query.get("status") == "Running":
                    self.reads.append(Read(self._now(), ACCOUNT, by, self._now() - age - self.shows_after))
                return self._list(request, age, reorder)
            case ("GET", "campaign", number):
                self.reads.append(Read(self._now(), int(number), by, self._now() - age - self.shows_after))
                return self._get(int(number), age)
            case ("POST", "campaign", "create"):
                campaign = self._create(body, ())
                self.deeds.append(Deed("create", self._now(), campaign.id, by, asked_at))
                return reply(self._shown(campaign, self._now()), 201)
            case ("PATCH", "campaign", "create", number, "message"):
                return self._patch(int(number), body, ("voice", "category", "message", "sms_message"))
            case ("PATCH", "campaign", number):
                return self._patch(int(number), body, tuple(body))
            case ("DELETE", "campaign", number):
                if self._live(int(number)) is None:
                    return not_found()
                self.delete(int(number), by)
                return Response(204, {}, b"")
            case ("POST", "campaign", number, "add-contact"):
                return self._add(int(number), body)
            case ("GET", "campaign-detail", number):
                return self._contacts(int(number), request, age, reorder)
            case ("POST", "run-campaign", number):
                return self._run(int(number), by, asked_at)
            case ("POST", "campaign", "emergency-stop", number):
                return self._stop(int(number), by, asked_at)
            case ("POST", "demo-call", number):
                self.deeds.append(Deed("demo", self._now(), int(number), by, asked_at))
                return reply({"message": "Demo call began"})
            case ("GET", "download", number, "report"):
                return self._report(int(number), age)
        return not_found()

    def _live(self, campaign_id: int) -> ModelCampaign | None:
        campaign = self.campaigns.get(campaign_id)
        return None if campaign is None or campaign.is_deleted else campaign

    def _create(self, body: dict[str, Any], numbers: tuple[str, ...]) -> ModelCampaign:
        fields = {"services": "PHONE", "user_phone": [3], "description": "", "schedule": None, "voice": None, **body}
        campaign = ModelCampaign(self._next_campaign, fields)
        self._next_campaign += 1
        campaign.rows = [self._row(number) for number in numbers]
        self.campaigns[campaign.id] = campaign
        self._changed(campaign)
        return campaign

    def _row(self, number: str, variables: dict[str, Any] | None = None) -> Row:
        self._next_contact += 1
        return Row(self._next_contact, number, variables or {})

    def _changed(self, campaign: ModelCampaign) -> None:
        fields = None if campaign.is_deleted else dict(campaign.fields)
        campaign.snapshots.append(Snapshot(self._now(), fields, tuple(row.number for row in campaign.rows)))

    def _snapshot(self, campaign: ModelCampaign, at: float) -> Snapshot | None:
        found = None
        for snapshot in campaign.snapshots:
            if snapshot.since <= at:
                found = snapshot
        return found if found is not None and found.fields is not None else None

    def _shown(self, campaign: ModelCampaign, at: float) -> dict[str, Any]:
        snapshot = self._snapshot(campaign, at)
        assert snapshot is not None and snapshot.fields is not None
        status = self.status(campaign, at)
        began = campaign.began_at
        if began is not None:
            began += self.shows_after
        percent = 0 if began is None or at < began else min(100.0, (at - began) / RUNS_FOR * 100)
        changed = snapshot.since if status != "Completed" or began is None else max(snapshot.since, began + RUNS_FOR)
        return {
            "id": campaign.id,
            "status": status,
            "progress_percent": round(percent),
            "campaign_action_count": len(snapshot.numbers),
            "updated_at": datetime.fromtimestamp(changed, timezone.utc).isoformat(),
            **snapshot.fields,
        }

    def _get(self, campaign_id: int, age: float) -> Response:
        campaign = self.campaigns.get(campaign_id)
        at = self._now() - age
        if campaign is None or self._snapshot(campaign, at) is None:
            return not_found()
        return reply(self._shown(campaign, at))

    def _list(self, request: Request, age: float, reorder: bool) -> Response:
        at = self._now() - age
        shown = [self._shown(one, at) for one in self.campaigns.values() if self._snapshot(one, at) is not None]
        shown.sort(key=lambda row: (row["updated_at"], row["id"]), reverse=not reorder)
        query = request.query
        if status := query.get("status"):
            shown = [row for row in shown if row["status"] == status]
        if search := query.get("search"):
            shown = [row for row in shown if str(search).casefold() in row["name"].casefold()]
        shown = [row for row in shown if bool(row.get("draft")) == (str(query.get("draft", "")).lower() == "true")]
        return page(shown, int(query.get("offset", 0)))

    def _patch(self, campaign_id: int, body: dict[str, Any], names: tuple[str, ...]) -> Response:
        campaign = self._live(campaign_id)
        if campaign is None:
            return not_found()
        campaign.fields.update({name: body[name] for name in names if name in body})
        self._changed(campaign)
        return reply({name: campaign.fields.get(name) for name in ("voice", "category", "message", "sms_message")})

    def _add(self, campaign_id: int, body: dict[str, Any]) -> Response:
        campaign = self._live(campaign_id)
        if campaign is None:
            return not_found()
        there = {row.number for row in campaign.rows}
        # Contacts may be given as the JSON that goes into the request.
        wanted = [
            msgspec.json.decode(one) if isinstance(one, msgspec.Raw) else one for one in body.get("contacts") or [body]
        ]
        fresh = []
        for one in wanted:
            if str(one["number"]) not in there:
                there.add(str(one["number"]))
                fresh.append(self._row(str(one["number"]), one.get("other_variables")))
        campaign.rows += fresh
        self._changed(campaign)
        return reply({"created": len(fresh), "skipped": len(wanted) - len(fresh), "contacts": [], "errors": []}, 201)

    def _contacts(self, campaign_id: int, request: Request, age: float, reorder: bool) -> Response:
        campaign = self.campaigns.get(campaign_id)
        at = self._now() - age
        snapshot = self._snapshot(campaign, at) if campaign is not None else None
        if campaign is None or snapshot is None:
            return not_found()
        outcome = self._outcome(campaign, at)
        rows = [
            {"id": row.id, "number": row.number, "status": outcome, "credit_consumed": 1, "carrier": "NTC"}
            for row in campaign.rows
            if row.number in snapshot.numbers
        ]
        rows.sort(key=lambda row: row["id"], reverse=not reorder)
        return page(rows, int(request.query.get("offset", 0)))

    def _outcome(self, campaign: ModelCampaign, at: float) -> str:
        status = self.status(campaign, at)
        return {"Completed": "completed", "Running": "dialing", "Terminated": "terminated"}.get(status, "not started")

    def _run(self, campaign_id: int, by: str, asked_at: float) -> Response:
        if self._live(campaign_id) is None:
            return not_found()
        self.run(campaign_id, by, asked_at)
        return reply({"message": "Campaign Began Successfully!!"})

    def _stop(self, campaign_id: int, by: str, asked_at: float) -> Response:
        campaign = self._live(campaign_id)
        if campaign is None:
            return not_found()
        self.deeds.append(Deed("stop", self._now(), campaign_id, by, asked_at))
        if self.status(campaign, self._now()) == "Running":
            campaign.stopped_at = self._now()
            self._changed(campaign)
        return reply({"message": "Campaign stopped"})

    def _report(self, campaign_id: int, age: float) -> Response:
        campaign = self.campaigns.get(campaign_id)
        at = self._now() - age
        snapshot = self._snapshot(campaign, at) if campaign is not None else None
        if campaign is None or snapshot is None:
            return not_found()
        outcome = self._outcome(campaign, at).capitalize()
        lines = ["Number,Status,Duration (Seconds),Playback (%),Credit Consumed,Other Info,Action Date,Carrier"]
        lines += [f"{number},{outcome},10,100,1,{{}},2026-11-24,NTC" for number in snapshot.numbers]
        return Response(200, {"content-type": "text/csv"}, ("\r\n".join(lines) + "\r\n").encode())


def reply(content: Any, status: int = 200) -> Response:
    """Return a response in JSON."""
    return Response(status, {"content-type": "application/json"}, msgspec.json.encode(content))


def not_found() -> Response:
    """Return the response about what does not exist."""
    return reply({"detail": "Not found."}, 404)


def page(rows: list[dict[str, Any]], offset: int) -> Response:
    """Return one page of a list."""
    shown = rows[offset : offset + PAGE]
    more = offset + len(shown) < len(rows)
    return reply({"count": len(rows), "next": f"?offset={offset + PAGE}" if more else None, "results": shown})
