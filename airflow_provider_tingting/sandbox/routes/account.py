"""The account: caller numbers, profile, balance."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from airflow_provider_tingting.sandbox.endpoints import Responder, add_call
from airflow_provider_tingting.sandbox.refusals import Refused


def account_routes(responder: Responder) -> APIRouter:
    """Return the endpoints. Source: the vendor's own client; the API page lacks them."""
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

    async def get_dashboard() -> Response:
        if responder.dialect.dashboard == "403":
            raise Refused(403, {"detail": "You do not have permission to perform this action."})
        with world.reading():
            statuses = [campaign.status for campaign in world.campaigns.values()]
            content = {
                "remaining_credits": world.credits,
                "total_campaigns": len(statuses),
                "running_campaigns": statuses.count("Running"),
                "completed_campaigns": statuses.count("Completed"),
            }
        return responder.reply(content)

    add_call(router, "list_caller_numbers", list_caller_numbers)
    add_call(router, "get_user_profile", get_user_profile)
    add_call(router, "get_dashboard", get_dashboard)
    return router
