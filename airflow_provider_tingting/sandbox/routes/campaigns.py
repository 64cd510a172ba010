"""Campaigns: list, get, create, configure, update, delete, run, stop."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from airflow_provider_tingting.sandbox.endpoints import Responder, add_call, expect_no_body, read_body, required
from airflow_provider_tingting.sandbox.nepal_time import read_schedule
from airflow_provider_tingting.sandbox.records import NOT_STARTED
from airflow_provider_tingting.sandbox.refusals import Refused, forbidden_now, invalid
from airflow_provider_tingting.sandbox.replies import campaign_json, page, select_campaigns
from airflow_provider_tingting.sandbox.request_bodies import (
    CreateCampaign,
    CreateCampaignWithoutCaller,
    SetMessage,
    UpdateCampaign,
)

_LIST_QUERY = {
    "limit": "integer",
    "offset": "integer",
    "status": "string",
    "search": "string",
    "draft": "boolean",
    "sort_by": "string",
    "from_date": "integer",
    "to_date": "integer",
}
_NOT_NULL = ("name", "services", "user_phone", "message")
_EMPTY_WHEN_NULL = ("sms_message", "description")


def campaign_routes(responder: Responder, *, page_cap: int | None) -> APIRouter:
    """Return the endpoints.

    :param responder: makes the responses.
    :param page_cap: the maximum number of rows of a page, above which `limit` has no effect; None for no maximum.
    """
    router = APIRouter(tags=["Campaigns"])
    world, dialect = responder.world, responder.dialect

    async def list_voice_models() -> Response:
        return responder.reply([voice.as_json() for voice in world.voices.values()])

    async def list_campaigns(request: Request) -> Response:
        query = dict(request.query_params)
        with world.reading():
            found = select_campaigns(world.campaigns.values(), query, dialect)
            content = page(
                found,
                len(found),
                query,
                cap=page_cap,
                address=(dialect.next_host or str(request.base_url)).rstrip("/") + request.url.path,
                write=lambda campaign: campaign_json(campaign, dialect, voices=world.voices),
            )
        return responder.reply(content)

    async def get_campaign(campaign_id: int) -> Response:
        with world.reading():
            content = campaign_json(world.campaign(campaign_id), dialect)
        return responder.reply(content)

    async def create_campaign(request: Request) -> Response:
        body = await read_body(
            request, CreateCampaign if dialect.user_phone == "required" else CreateCampaignWithoutCaller
        )
        unlimited = dialect.credit_limit == "no-limit" and not body.credit_limit
        with world.reading():
            campaign = world.create_campaign(
                name=body.name,
                services=body.services,
                user_phone=body.user_phone,
                message=body.message,
                sms_message=body.sms_message or "",
                description=body.description or "",
                schedule=_seconds(body.schedule),
                voice=_voice_id(body.voice, dialect.create_voice),
                credit_limit=None if unlimited else body.credit_limit,
            )
            content = campaign_json(campaign, dialect)
        if dialect.create_reply == "short":
            content["main_audit"] = None
            del content["campaign_action_count"]
        return responder.reply(content, 201)

    async def update_campaign(request: Request, campaign_id: int) -> Response:
        world.campaign(campaign_id)
        body = await read_body(request, UpdateCampaign)
        changes: dict[str, Any] = {}
        for name in body.model_fields_set:
            value = getattr(body, name)
            if value is None and name in _NOT_NULL:
                raise invalid(**{name: "This field may not be null."})
            changes[name] = "" if value is None and name in _EMPTY_WHEN_NULL else value
        if "failover_target" in changes:
            if dialect.failover == "refuse":
                raise invalid(failover_target="This field is not supported.")
            if dialect.failover == "ignore":
                del changes["failover_target"]
        if "schedule" in changes:
            changes["schedule"] = _seconds(changes["schedule"])
        with world.reading():
            content = campaign_json(world.update_campaign(campaign_id, **changes), dialect)
        return responder.reply(content)

    async def set_campaign_message(request: Request, campaign_id: int) -> Response:
        campaign = world.campaign(campaign_id)
        body = await read_body(request, SetMessage)
        if dialect.message_call == "strict" and not body.message:
            raise required("message")
        if dialect.message_call == "strict" and campaign.texts and not body.sms_message:
            raise required("sms_message")
        changes = {name: value for name, value in body.model_dump().items() if value is not None}
        with world.reading():
            campaign = world.update_campaign(campaign_id, **changes)
            content = campaign_json(campaign, dialect)
        shown = ("voice", "sms_message", "message", "category", "draft", "length_factor")
        return responder.reply({name: content[name] for name in shown})

    async def delete_campaign(campaign_id: int) -> Response:
        world.delete_campaign(campaign_id)
        if dialect.delete == "200":
            return responder.reply({"message": "Successfully Deleted."})
        return Response(status_code=204)

    async def run_campaign(request: Request, campaign_id: int) -> Response:
        await expect_no_body(request)
        with world.reading():
            campaign = world.campaign(campaign_id)
            if dialect.rerun == "refuse" and campaign.status != NOT_STARTED:
                raise forbidden_now(f"The campaign is {campaign.status}.")
            message = world.run_campaign(campaign_id)
        return responder.reply({"message": message})

    async def stop_campaign(request: Request, campaign_id: int) -> Response:
        await expect_no_body(request)
        if dialect.stop != "on":
            texts = {"404": "Not found.", "405": 'Method "POST" not allowed.'}
            raise Refused(int(dialect.stop), {"detail": texts[dialect.stop]})
        world.stop_campaign(campaign_id)
        return responder.reply({"message": "Campaign stopped."})

    add_call(router, "list_voice_models", list_voice_models)
    add_call(router, "list_campaigns", list_campaigns, query=_LIST_QUERY)
    add_call(router, "create_campaign", create_campaign, body=CreateCampaign)
    add_call(router, "get_campaign", get_campaign)
    add_call(router, "update_campaign", update_campaign, body=UpdateCampaign)
    add_call(router, "delete_campaign", delete_campaign)
    add_call(router, "set_campaign_message", set_campaign_message, body=SetMessage)
    add_call(router, "run_campaign", run_campaign)
    add_call(router, "stop_campaign", stop_campaign)
    return router


def _seconds(schedule: str | None) -> float | None:
    if not schedule:
        return None
    try:
        return read_schedule(schedule).timestamp()
    except (ValueError, OverflowError):
        raise invalid(
            schedule="Datetime has wrong format. Use one of these formats instead: YYYY-MM-DD[Thh:mm[:ss][+HH:MM]]."
        ) from None


def _voice_id(voice: int | dict[str, Any] | None, accepted: str) -> int | None:
    if voice is None:
        return None
    if accepted == "refused":
        raise invalid(voice="Set the voice with the message of the campaign.")
    if accepted == "object" and not isinstance(voice, dict):
        raise invalid(voice=f"Invalid data. Expected a dictionary, but got {type(voice).__name__}.")
    if accepted in ("object", "any") and isinstance(voice, dict):
        voice = voice.get("id")
    if not isinstance(voice, int) or isinstance(voice, bool):
        raise invalid(voice=f"Incorrect type. Expected pk value, received {type(voice).__name__}.")
    return voice
