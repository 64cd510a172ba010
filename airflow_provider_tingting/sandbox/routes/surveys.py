"""Surveys: steps, run and test, as the vendor's own client uses them; the API page lacks them."""

from __future__ import annotations

import ast
import json
from typing import Any

from fastapi import APIRouter, Request, Response

from airflow_provider_tingting.sandbox.endpoints import Responder, add_call, expect_no_body
from airflow_provider_tingting.sandbox.refusals import invalid


def survey_routes(responder: Responder) -> APIRouter:
    """Return the endpoints.

    :param responder: makes the responses.
    """
    router = APIRouter(tags=["Surveys"])
    world = responder.world

    async def get_survey_steps(campaign_id: int) -> Response:
        steps = world.campaign(campaign_id).survey_steps
        return responder.reply({"count": len(steps), "next": None, "previous": None, "results": steps})

    async def set_survey_steps(request: Request, campaign_id: int) -> Response:
        world.campaign(campaign_id)
        async with request.form() as form:
            steps = [_step(text, order) for order, text in enumerate(form.getlist("steps"))]
        world.set_survey_steps(campaign_id, steps)
        return responder.reply({"message": "Survey steps saved."}, 201)

    async def run_survey(request: Request, campaign_id: int) -> Response:
        await expect_no_body(request)
        return responder.reply({"message": world.run_campaign(campaign_id)})

    async def test_survey(request: Request, contact_id: int) -> Response:
        await expect_no_body(request)
        world.demo_call(contact_id)
        return responder.reply({"message": "Test call placed."})

    add_call(router, "get_survey_steps", get_survey_steps)
    add_call(router, "set_survey_steps", set_survey_steps, steps="steps")
    add_call(router, "run_survey", run_survey)
    add_call(router, "test_survey", test_survey)
    return router


def _step(text: Any, order: int) -> dict[str, Any]:
    """Return one step of the form: JSON, or the notation of a Python dict, which the vendor's client sends."""
    for read in (json.loads, ast.literal_eval):
        try:
            step = read(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        if isinstance(step, dict):
            return {str(name): value for name, value in step.items()} | {"order": order}
    raise invalid(steps="Invalid data. Expected a dictionary.")
