"""Contacts: add one or many, upload, list, attributes, number, delete, demo call."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from airflow_provider_tingting.sandbox.endpoints import (
    FORM,
    Responder,
    add_call,
    context_of,
    expect_no_body,
    read_body,
    read_body_or_form,
    read_json_body,
)
from airflow_provider_tingting.sandbox.records import Contact
from airflow_provider_tingting.sandbox.refusals import Refused, invalid
from airflow_provider_tingting.sandbox.replies import carrier_summary, contact_json, number_json, page
from airflow_provider_tingting.sandbox.request_bodies import (
    Attributes,
    ManyContacts,
    NewNumber,
    OneContact,
    parse_body,
    phone_number,
    printable,
)
from airflow_provider_tingting.sandbox.uploads import read_csv, read_workbook

_BAD_NUMBER = "Enter a valid phone number."
_DUPLICATE = "This number already exists in the campaign."


def contact_routes(responder: Responder, *, page_cap: int | None) -> APIRouter:
    """Return the endpoints.

    :param responder: makes the responses.
    :param page_cap: the maximum number of rows of a page; None for no maximum.
    """
    router = APIRouter(tags=["Contacts"])
    world, dialect = responder.world, responder.dialect

    def row(contact: Contact, *, ids: bool) -> dict[str, Any]:
        number = {"number": number_json(contact.number, dialect)}
        return {"id": contact.id, **number} if ids else number

    async def add_contacts(request: Request, campaign_id: int) -> Response:
        world.campaign(campaign_id)
        content = await read_json_body(request)
        if isinstance(content, dict) and "contacts" in content:
            return add_many(request, campaign_id, parse_body(ManyContacts, content).contacts)
        body = parse_body(OneContact, content)
        number = phone_number(body.number, dialect.numbers)
        if number is None:
            raise invalid(number=_BAD_NUMBER)
        context_of(request).contacts = 1
        added, _ = world.add_contacts(campaign_id, [(number, body.other_variables or {})])
        if not added:
            raise invalid(number=_DUPLICATE)
        if dialect.single_add == "full":
            with world.reading() as now:
                return responder.reply(contact_json(added[0], dialect, now))
        return responder.reply(
            row(added[0], ids=True) if dialect.single_add == "row" else {"message": "New Contact added"}
        )

    def add_many(request: Request, campaign_id: int, contacts: list[dict[str, Any]]) -> Response:
        if not contacts:
            raise invalid(contacts="This list may not be empty.")
        if dialect.max_batch is not None and len(contacts) > dialect.max_batch:
            raise Refused(413, {"detail": "Request body exceeded the maximum size."})
        context = context_of(request)
        context.contacts = len(contacts)
        good: list[tuple[str, dict[str, Any]]] = []
        errors: list[dict[str, Any]] = []
        for contact in contacts:
            value, variables = contact.get("number"), contact.get("other_variables") or {}
            number = phone_number(value, dialect.numbers)
            if number is None or not isinstance(variables, dict):
                shown = value if isinstance(value, str | int) else None
                errors.append(
                    {"number": printable(str(shown)), "error": _BAD_NUMBER if number is None else "Invalid data."}
                )
            else:
                good.append((number, variables))
        kept = good
        if context.partial is not None:
            kept = good[::2]
            if context.partial.kind == "partial":
                errors += [{"number": number, "error": "Could not be saved."} for number, _ in good[1::2]]
        added, skipped = world.add_contacts(campaign_id, kept)
        content = {
            "created": len(added),
            "skipped": skipped,
            "contacts": [row(contact, ids=dialect.add_rows == "ids") for contact in added],
            "errors": errors or (None if dialect.add_errors == "null" else []),
        }
        if context.partial is not None and context.partial.kind == "partial-silent":
            content["created"] = len(good) - skipped
        partial_status = int(context.partial.value) if context.partial is not None and context.partial.value else 207
        return responder.reply(content, partial_status if errors else 200)

    async def upload_contacts(request: Request, campaign_id: int) -> Response:
        world.campaign(campaign_id)
        async with request.form() as form:
            file = form.get("bulk_file")
            if not isinstance(file, UploadFile):
                raise invalid(bulk_file="No file was submitted.")
            file_bytes, name = await file.read(), printable(file.filename or "contacts.xlsx")
        is_csv = dialect.upload_csv == "accepted" and name.lower().endswith(".csv")
        upload = await run_in_threadpool(read_csv if is_csv else read_workbook, file_bytes, dialect.numbers)
        context = context_of(request)
        context.contacts = len(upload.rows)
        kept = upload.rows
        if context.partial is not None:
            kept = upload.rows[::2]
            if context.partial.kind == "partial":
                upload.errors += [f"{len(upload.rows) - len(kept)} rows could not be saved."]
        if dialect.upload != "preview":
            world.add_contacts(
                campaign_id, kept, replace=dialect.upload == "replace", repeat=dialect.upload == "repeat"
            )
            world.set_bulk_file(campaign_id, f"{request.base_url}media/{name.rpartition('/')[2]}")
        reports_all = context.partial is None or context.partial.kind == "partial-silent"
        as_list = dialect.upload_samples == "list"
        return responder.reply(
            {
                "error_list": upload.errors,
                "samples": [
                    {"column": column, "sample": [sample] if as_list else sample}
                    for column, sample in upload.samples.items()
                ],
                "total_validated_rows": len(upload.rows if reports_all else kept),
            }
        )

    async def list_contacts(request: Request, campaign_id: int) -> Response:
        with world.reading() as now:
            campaign = world.campaign(campaign_id)
            content = page(
                reversed(campaign.contacts.values()),
                len(campaign.contacts),
                dict(request.query_params),
                cap=page_cap,
                address=(dialect.next_host or str(request.base_url)).rstrip("/") + request.url.path,
                write=lambda contact: contact_json(contact, dialect, now),
            )
            content["total_credits_consumed"] = campaign.spent
            content["carrier_summary"] = carrier_summary(campaign)
        return responder.reply(content)

    async def get_contact_attributes(contact_id: int) -> Response:
        return responder.reply(world.contact(contact_id).variables)

    async def update_contact_attributes(request: Request, contact_id: int) -> Response:
        world.contact(contact_id)
        body = await read_body(request, Attributes)
        return responder.reply(world.update_attributes(contact_id, body.root).variables)

    async def update_contact_number(request: Request, contact_id: int) -> Response:
        world.contact(contact_id)
        body = await read_body_or_form(request, NewNumber)
        number = phone_number(body.number, dialect.numbers)
        if number is None:
            raise invalid(number=_BAD_NUMBER)
        return responder.reply(row(world.update_number(contact_id, number), ids=True))

    async def delete_contact(contact_id: int) -> Response:
        world.delete_contact(contact_id)
        return responder.reply({"message": "Successfully Deleted."})

    async def demo_call(request: Request, contact_id: int) -> Response:
        await expect_no_body(request)
        world.demo_call(contact_id)
        return responder.reply({"message": "Demo call placed."})

    add_call(router, "add_contacts", add_contacts, body=(ManyContacts, OneContact))
    add_call(router, "upload_contacts", upload_contacts, upload="bulk_file")
    add_call(router, "list_contacts", list_contacts, query={"limit": "integer", "offset": "integer"})
    add_call(router, "get_contact_attributes", get_contact_attributes)
    add_call(router, "update_contact_attributes", update_contact_attributes, body=Attributes)
    add_call(router, "update_contact_number", update_contact_number, body=NewNumber, media=("application/json", FORM))
    add_call(router, "delete_contact", delete_contact)
    add_call(router, "demo_call", demo_call)
    return router
