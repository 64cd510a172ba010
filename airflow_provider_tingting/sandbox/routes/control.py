"""The sandbox's control endpoints: state, clock, faults, ledger, token, credits, outcomes, reset.

They need no token: the sandbox listens on the loopback interface only.
"""

from __future__ import annotations

import asyncio
from secrets import token_urlsafe
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from airflow_provider_tingting.sandbox.calls import ENDPOINTS
from airflow_provider_tingting.sandbox.endpoints import Handler, Responder, body_schema, read_body
from airflow_provider_tingting.sandbox.faults import KINDS, Faults, kind_calls
from airflow_provider_tingting.sandbox.middleware import ServerOptions
from airflow_provider_tingting.sandbox.nepal_time import as_text
from airflow_provider_tingting.sandbox.page_data import campaign_row
from airflow_provider_tingting.sandbox.refusals import Refused, invalid, not_found
from airflow_provider_tingting.sandbox.request_bodies import Body

MAX_LEDGER_ENTRIES = 10_000
# After this many events other requests are processed.
_EVENTS_BEFORE_YIELD = 100


class ClockChange(Body):
    """A new speed, seconds to push the clock forward, or a push until every campaign has ended."""

    push: Annotated[float, Field(ge=0, examples=[3600])] | None = None
    speed: Annotated[float, Field(ge=0, le=1_000_000, examples=[60])] | None = None
    play_out: bool = False


class FaultScript(Body):
    """A fault as one text, as on the command line, or by its fields."""

    fault: Annotated[str, Field(examples=["lose-reply:run_campaign:1"])] | None = None
    kind: Annotated[str, Field(examples=["429"])] | None = None
    call: str = "*"
    times: Annotated[int, Field(ge=1)] | str = 1
    value: str | None = None
    skip: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class TokenChange(Body):
    """A new API token; without one, a random token is used."""

    token: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[!-~]+$")] | None = None


class CreditsChange(Body):
    """The account's new balance."""

    credits: Annotated[int, Field(ge=0, le=10**12)]


class OutcomeScript(Body):
    """The final status of every later call to a number."""

    number: str
    status: Annotated[str, Field(examples=["unanswered"])]


CONTROL_BODIES: tuple[type[BaseModel], ...] = (ClockChange, FaultScript, TokenChange, CreditsChange, OutcomeScript)


def control_routes(responder: Responder, faults: Faults, options: ServerOptions) -> APIRouter:
    """Return the endpoints.

    :param responder: makes the responses.
    :param faults: the pending faults.
    :param options: what the server was started with.
    """
    router = APIRouter(prefix="/sandbox", tags=["Sandbox control"])
    world = responder.world

    def add(method: str, path: str, summary: str, handler: Handler, body: type[BaseModel] | None = None) -> None:
        router.add_api_route(
            path,
            handler,
            methods=[method],
            summary=summary,
            response_model=None,
            response_class=JSONResponse,
            openapi_extra={"requestBody": body_schema(body)} if body else None,
        )

    async def get_state() -> JSONResponse:
        with world.reading() as now:
            campaigns = [campaign_row(campaign, now) for campaign in world.campaigns.values()]
            due = world.next_event
            content = {
                "now": as_text(now),
                "speed": world.clock.speed,
                "next_event": None if due is None else as_text(due),
                "credits": world.credits,
                "campaigns": campaigns,
                "faults": [fault.as_json() for fault in faults],
                "dialled": len(world.ledger.dialled),
                "requests": len(world.ledger.requests),
            }
        return JSONResponse(content)

    async def change_clock(request: Request) -> JSONResponse:
        body = await read_body(request, ClockChange)
        try:
            if body.speed is not None:
                world.clock.speed = body.speed
            if body.push is not None:
                world.clock.push(body.push)
            if body.play_out:
                await play_out()
        except ValueError as error:
            raise invalid(push=str(error)) from None
        return JSONResponse({"now": world.clock.now().isoformat(), "speed": world.clock.speed})

    async def play_out() -> None:
        steps = 0
        while not options.closing and world.push_to_next_event():
            steps += 1
            if steps % _EVENTS_BEFORE_YIELD == 0:
                await asyncio.sleep(0)

    async def list_faults() -> JSONResponse:
        return JSONResponse([fault.as_json() for fault in faults])

    async def list_kinds() -> JSONResponse:
        kinds = [
            {"kind": name, "meaning": kind.meaning, "value": kind.value, "calls": sorted(kind_calls(name))}
            for name, kind in KINDS.items()
        ]
        calls = [{"name": call.name, "alias": call.alias, "summary": call.summary} for call in ENDPOINTS.values()]
        return JSONResponse({"kinds": kinds, "calls": calls})

    async def add_fault(request: Request) -> JSONResponse:
        body = await read_body(request, FaultScript)
        try:
            if body.fault is not None:
                fault = faults.parse(body.fault)
            elif body.kind is not None:
                fault = faults.add(body.kind, call=body.call, times=body.times, value=body.value, skip=body.skip)
            else:
                raise invalid(fault="This field is required.")
        except ValueError as error:
            raise invalid(fault=str(error)) from None
        return JSONResponse(fault.as_json(), 201)

    async def remove_faults() -> JSONResponse:
        faults.clear()
        return JSONResponse([])

    async def remove_fault(fault_id: int) -> JSONResponse:
        if not faults.remove(fault_id):
            raise not_found()
        return JSONResponse([fault.as_json() for fault in faults])

    async def get_ledger() -> JSONResponse:
        ledger = world.ledger
        with world.reading():
            dialled = [entry.as_json() for entry in ledger.dialled[-MAX_LEDGER_ENTRIES:]]
        requests = [entry.as_json() for entry in tuple(ledger.requests)[-MAX_LEDGER_ENTRIES:]]
        return JSONResponse({"dialled": dialled, "requests": requests})

    async def reset() -> JSONResponse:
        faults.clear()
        world.reset()
        return JSONResponse({"now": world.clock.now().isoformat()})

    async def get_token() -> JSONResponse:
        return JSONResponse({"token": world.token})

    async def rotate_token(request: Request) -> JSONResponse:
        body = await read_body(request, TokenChange)
        world.rotate_token(body.token or token_urlsafe(24))
        return JSONResponse({"token": world.token})

    async def set_credits(request: Request) -> JSONResponse:
        world.set_credits((await read_body(request, CreditsChange)).credits)
        return JSONResponse({"credits": world.credits})

    async def script_outcome(request: Request) -> JSONResponse:
        body = await read_body(request, OutcomeScript)
        try:
            world.script_outcome(body.number, body.status)
        except ValueError as error:
            raise Refused(400, {"status": [str(error)]}) from None
        return JSONResponse(body.model_dump(), 201)

    add("GET", "/state", "Get the time, the campaigns, the credits and the pending faults", get_state)
    add(
        "POST",
        "/clock",
        "Push the clock forward, or until all campaigns have ended; change its speed",
        change_clock,
        ClockChange,
    )
    add("GET", "/faults", "List the pending faults", list_faults)
    add("GET", "/faults/kinds", "List the kinds of faults, and the calls that they can affect", list_kinds)
    add("POST", "/faults", "Add a fault", add_fault, FaultScript)
    add("DELETE", "/faults", "Remove all faults", remove_faults)
    add("DELETE", "/faults/{fault_id:int}", "Remove one fault", remove_fault)
    add("GET", "/ledger", "List calls and SMS, and requests; the newest 10,000 of each", get_ledger)
    add("POST", "/reset", "Reset the sandbox to its initial settings", reset)
    add("GET", "/token", "Get the API token", get_token)
    add("POST", "/token", "Replace the API token", rotate_token, TokenChange)
    add("POST", "/credits", "Set the account's balance", set_credits, CreditsChange)
    add("POST", "/outcomes", "Set the final status of calls to a number", script_outcome, OutcomeScript)
    return router
