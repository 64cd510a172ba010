"""The account: caller numbers, profile, balance."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request, Response

from airflow_provider_tingting.sandbox.endpoints import Responder, add_call
from airflow_provider_tingting.sandbox.refusals import Refused
from airflow_provider_tingting.timezones import NEPAL


def account_routes(responder: Responder) -> APIRouter:
    """Return the endpoints. Source: the vendor's own client; the API page lacks them.

    :param responder: makes the responses.
    """
    router = APIRouter(tags=["Account"])
    world = responder.world

    async def list_caller_numbers(request: Request) -> Response:
        owned = request.url.path.endswith("/phone-number/active/")
        return responder.reply(
            [
                {"id": caller.id, "phone_number": caller.phone_number}
                for caller in world.callers.values()
                if caller.owned == owned
            ]
        )

    async def get_user_profile() -> Response:
        user = {
            "first_name": "Sandbox",
            "last_name": "User",
            "username": "sandbox",
            "email": "sandbox@tingting.example",
        }
        return responder.reply({"id": 1, "user": user})

    async def get_dashboard(request: Request) -> Response:
        if responder.dialect.dashboard == "403":
            raise Refused(403, {"detail": "You do not have permission to perform this action."})
        days = request.query_params.get("days", "30")
        with world.reading() as now:
            since = _beginning_of_day(now, int(days) if days.isdecimal() else 30)
            statuses = [campaign.status for campaign in world.campaigns.values()]
            content = {
                "remaining_credits": world.credits,
                "credits_used": sum(
                    contact.call.credits + contact.call.sms_credits
                    for campaign in world.campaigns.values()
                    for contact in campaign.contacts.values()
                    if contact.call is not None and contact.call.dialled_at >= since
                ),
                "total_campaigns": len(statuses),
                "running_campaigns": statuses.count("Running"),
                "completed_campaigns": statuses.count("Completed"),
            }
        return responder.reply(content)

    add_call(router, "list_caller_numbers", list_caller_numbers)
    add_call(router, "get_user_profile", get_user_profile)
    add_call(router, "get_dashboard", get_dashboard)
    return router


def _beginning_of_day(now: float, days: int) -> float:
    """Return when the first of some days began in Nepal, of which the last is today."""
    today = datetime.fromtimestamp(now, NEPAL).replace(hour=0, minute=0, second=0, microsecond=0)
    return today.timestamp() - (days - 1) * 86400
