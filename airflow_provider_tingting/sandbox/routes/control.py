"""The sandbox's own controls: look, push the clock, script faults, rotate the token, begin again. Imports FastAPI.

They need no token: the sandbox listens on the loopback interface only.
"""

from __future__ import annotations

import asyncio
from secrets import token_urlsafe
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from airflow_provider_tingting.sandbox.bodies import Body
from airflow_provider_tingting.sandbox.calls import ENDPOINTS
from airflow_provider_tingting.sandbox.endpoints import Endpoints, Handler, read, shown_body
from airflow_provider_tingting.sandbox.faults import KINDS, Faults, kind_calls
from airflow_provider_tingting.sandbox.live import campaign_row
from airflow_provider_tingting.sandbox.middleware import ServerOptions
from airflow_provider_tingting.sandbox.nepal_time import as_text
from airflow_provider_tingting.sandbox.refusals import Refused, invalid, not_found

MOST_ENTRIES = 10_000
# So many events of the world, then other requests have their turn.
_STEPS_IN_ONE_GO = 100


class ClockChange(Body):
    """Seconds to push the clock forward, or a new speed; or to push it until every campaign has ended."""

    push: Annotated[float, Field(ge=0, examples=[3600])] | None = None
    speed: Annotated[float, Field(ge=0, le=1_000_000, examples=[60])] | None = None
    play_out: bool = False


class FaultScript(Body):
    """A fault in one text, as on the command line, or in its parts."""

    fault: Annotated[str, Field(examples=["lose-reply:run_campaign:1"])] | None = None
    kind: Annotated[str, Field(examples=["429"])] | None = None
    call: str = "*"
    times: Annotated[int, Field(ge=1)] | str = 1
    value: str | None = None
    skip: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class TokenChange(Body):
    """A new API token; left out, one is made."""

    token: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[!-~]+$")] | None = None


class CreditsChange(Body):
    """The account's new balance."""

    credits: Annotated[int, Field(ge=0, le=10**12)]


class OutcomeScript(Body):
    """How every later call to a number ends."""

    number: str
    status: Annotated[str, Field(examples=["unanswered"])]


CONTROL_BODIES: tuple[type[BaseModel], ...] = (ClockChange, FaultScript, TokenChange, CreditsChange, OutcomeScript)


def control_routes(desk: Endpoints, faults: Faults, manners: ServerOptions) -> APIRouter:
    """Make the endpoints."""
    router = APIRouter(prefix="/sandbox", tags=["Sandbox control"])
    world = desk.world

    def add(method: str, path: str, summary: str, handler: Handler, body: type[BaseModel] | None = None) -> None:
        router.add_api_route(
            path,
            handler,
            methods=[method],
            summary=summary,
            response_model=None,
            response_class=JSONResponse,
            openapi_extra={"requestBody": shown_body(body)} if body else None,
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
        body = await read(request, ClockChange)
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
        while not manners.closing and world.push_to_next_event():
            steps += 1
            if steps % _STEPS_IN_ONE_GO == 0:
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
        body = await read(request, FaultScript)
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
            dialled = [entry.as_json() for entry in ledger.dialled[-MOST_ENTRIES:]]
        requests = [entry.as_json() for entry in tuple(ledger.requests)[-MOST_ENTRIES:]]
        return JSONResponse({"dialled": dialled, "requests": requests})

    async def reset() -> JSONResponse:
        faults.clear()
        world.reset()
        return JSONResponse({"now": world.clock.now().isoformat()})

    async def get_token() -> JSONResponse:
        return JSONResponse({"token": world.token})

    async def rotate_token(request: Request) -> JSONResponse:
        body = await read(request, TokenChange)
        world.rotate_token(body.token or token_urlsafe(24))
        return JSONResponse({"token": world.token})

    async def set_credits(request: Request) -> JSONResponse:
        world.set_credits((await read(request, CreditsChange)).credits)
        return JSONResponse({"credits": world.credits})

    async def script_outcome(request: Request) -> JSONResponse:
        body = await read(request, OutcomeScript)
        try:
            world.script_outcome(body.number, body.status)
        except ValueError as error:
            raise Refused(400, {"status": [str(error)]}) from None
        return JSONResponse(body.model_dump(), 201)

    add("GET", "/state", "The time, the campaigns, the credits and the faults to come", get_state)
    add(
        "POST",
        "/clock",
        "Push the clock forward, also until all campaigns have ended; change its speed",
        change_clock,
        ClockChange,
    )
    add("GET", "/faults", "The faults that are still to strike", list_faults)
    add("GET", "/faults/kinds", "The kinds of faults, and the calls that they can strike", list_kinds)
    add("POST", "/faults", "Script a fault", add_fault, FaultScript)
    add("DELETE", "/faults", "Forget every fault", remove_faults)
    add("DELETE", "/faults/{fault_id:int}", "Forget one fault", remove_fault)
    add("GET", "/ledger", "Who was called or texted, and every request; the newest 10,000 of each", get_ledger)
    add("POST", "/reset", "Begin again with an empty account", reset)
    add("GET", "/token", "The API token", get_token)
    add("POST", "/token", "Replace the API token", rotate_token, TokenChange)
    add("POST", "/credits", "Set the account's balance", set_credits, CreditsChange)
    add("POST", "/outcomes", "Decide how calls to a number end", script_outcome, OutcomeScript)
    return router
