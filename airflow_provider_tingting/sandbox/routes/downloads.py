"""File downloads: reports and voice previews."""

from __future__ import annotations

import hashlib
import math

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from airflow_provider_tingting.sandbox.endpoints import FORM, Responder, add_call, read_body_or_form
from airflow_provider_tingting.sandbox.fault_responses import html
from airflow_provider_tingting.sandbox.outcomes import speech_seconds
from airflow_provider_tingting.sandbox.refusals import Refused, invalid, not_found
from airflow_provider_tingting.sandbox.reports import attachment, campaign_report, survey_csv, survey_json
from airflow_provider_tingting.sandbox.request_bodies import Preview

# MPEG 1, layer III, 32 kbit/s, 44.1 kHz, mono, no checksum; all side information zero means silence.
_HEADER = bytes((0xFF, 0xFB, 0x10, 0xC4))
FRAME_BYTES = 144 * 32_000 // 44_100
FRAME_SECONDS = 1152 / 44_100


def download_routes(responder: Responder) -> APIRouter:
    """Return the endpoints below the API.

    :param responder: makes the responses.
    """
    router = APIRouter(tags=["Reports and testing"])
    world, dialect = responder.world, responder.dialect

    async def download_campaign_report(request: Request, campaign_id: int) -> Response:
        path = "seed" if request.url.path.endswith("/report/") else "old"
        if dialect.report_path not in ("both", path):
            raise not_found()

        def write() -> tuple[bytes, str]:
            with world.reading() as now:
                campaign = world.campaign(campaign_id)
                if not campaign.contacts and dialect.empty_report == "500":
                    return b"", campaign.name
                return campaign_report(campaign, now, layout=dialect.report_layout), campaign.name

        content, name = await run_in_threadpool(write)
        if not content:
            return Response(html("Server Error (500)"), 500, media_type="text/html")
        return _file(content, "text/csv", attachment(name, ".csv"))

    async def download_survey_report(request: Request, survey_id: int) -> Response:
        rows = world.surveys.get(survey_id)
        if rows is None:
            raise not_found()
        kind = request.query_params.get("format", "csv")
        if kind == "json":
            return Response(survey_json(rows), media_type="application/json")
        if kind != "csv":
            raise Refused(404, {"detail": "Not found."})
        return _file(survey_csv(rows), "text/csv", attachment(f"survey_{survey_id}", ".csv"))

    async def preview_voice(request: Request, campaign_id: int) -> Response:
        world.campaign(campaign_id)
        if dialect.preview == "form" and not request.headers.get("content-type", "").startswith(FORM):
            return Response(html("Server Error (500)"), 500, media_type="text/html")
        body = await read_body_or_form(request, Preview)
        if body.voice_input not in world.voices:
            raise invalid(voice_input=f'Invalid pk "{body.voice_input}" - object does not exist.')
        name = hashlib.md5(f"{body.voice_input}/{body.message}".encode(), usedforsecurity=False).hexdigest()
        world.add_preview(name, speech_seconds(body.message))
        address = f"{request.base_url}output/{name}.mp3"
        return responder.reply(address.replace("http://", "https://", 1) if dialect.preview_url == "https" else address)

    add_call(router, "preview_voice", preview_voice, body=Preview, media=("application/json", FORM))
    add_call(router, "download_campaign_report", download_campaign_report)
    add_call(router, "download_survey_report", download_survey_report, query={"format": "string"})
    return router


def audio_routes(responder: Responder) -> APIRouter:
    """Return the endpoint of the preview files, which needs no token, as TingTing's.

    :param responder: makes the responses.
    """
    router = APIRouter(tags=["Reports and testing"])

    async def fetch_preview(name: str) -> Response:
        seconds = responder.world.previews.get(name)
        if seconds is None:
            raise not_found()
        return Response(await run_in_threadpool(silent_mp3, min(seconds, 600)), media_type="audio/mpeg")

    router.add_api_route(
        "/output/{name}.mp3",
        fetch_preview,
        methods=["GET"],
        summary="A voice preview",
        operation_id="fetch_preview",
        response_model=None,
    )
    return router


def _file(content: bytes, media_type: str, disposition: bytes) -> Response:
    response = Response(content, media_type=media_type)
    # Not with `headers=`, which encodes in Latin-1: TingTing sends the name as UTF-8.
    response.raw_headers.append((b"content-disposition", disposition))
    return response


def silent_mp3(seconds: float) -> bytes:
    """Return an mp3 file of silence, made without an encoder.

    :param seconds: the length.
    """
    frame = _HEADER + bytes(FRAME_BYTES - len(_HEADER))
    return frame * max(1, math.ceil(seconds / FRAME_SECONDS))
