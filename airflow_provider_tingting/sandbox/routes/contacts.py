"""Contacts: add one or many, upload, list, attributes, number, delete, demo call. Imports FastAPI."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from airflow_provider_tingting.sandbox.bodies import (
    Attributes,
    ManyContacts,
    NewNumber,
    OneContact,
    checked,
    phone_number,
    printable,
)
from airflow_provider_tingting.sandbox.endpoints import Endpoints, expect_nothing, note_of, read, read_any, serve
from airflow_provider_tingting.sandbox.records import Contact
from airflow_provider_tingting.sandbox.refusals import Refused, invalid
from airflow_provider_tingting.sandbox.replies import carrier_summary, contact_json, number_json, page
from airflow_provider_tingting.sandbox.workbooks import read_workbook

_BAD_NUMBER = "Enter a valid phone number."
_TWICE = "This number already exists in the campaign."


def contact_routes(desk: Endpoints, *, page_cap: int | None) -> APIRouter:
    """Make the endpoints.

    :param page_cap: the most rows that a page holds; None for no cap.
    """
    router = APIRouter(tags=["Contacts"])
    world, dialect = desk.world, desk.dialect

    def row(contact: Contact, *, ids: bool) -> dict[str, Any]:
        number = {"number": number_json(contact.number, dialect)}
        return {"id": contact.id, **number} if ids else number

    async def add_contacts(request: Request, campaign_id: int) -> Response:
        world.campaign(campaign_id)
        content = await read_any(request)
        if isinstance(content, dict) and "contacts" in content:
            return add_many(request, campaign_id, checked(ManyContacts, content).contacts)
        body = checked(OneContact, content)
        number = phone_number(body.number, dialect.numbers)
        if number is None:
            raise invalid(number=_BAD_NUMBER)
        note_of(request).contacts = 1
        added, _ = world.add_contacts(campaign_id, [(number, body.other_variables or {})])
        if not added:
            raise invalid(number=_TWICE)
        return desk.reply(row(added[0], ids=True) if dialect.single_add == "row" else {"message": "New Contact added"})

    def add_many(request: Request, campaign_id: int, contacts: list[dict[str, Any]]) -> Response:
        if not contacts:
            raise invalid(contacts="This list may not be empty.")
        if dialect.max_batch is not None and len(contacts) > dialect.max_batch:
            raise Refused(413, {"detail": "Request body exceeded the maximum size."})
        note = note_of(request)
        note.contacts = len(contacts)
        good: list[tuple[str, dict[str, Any]]] = []
        errors: list[dict[str, Any]] = []
        for contact in contacts:
            given, variables = contact.get("number"), contact.get("other_variables") or {}
            number = phone_number(given, dialect.numbers)
            if number is None or not isinstance(variables, dict):
                shown = given if isinstance(given, str | int) else None
                errors.append(
                    {"number": printable(str(shown)), "error": _BAD_NUMBER if number is None else "Invalid data."}
                )
            else:
                good.append((number, variables))
        kept = good
        if note.partial is not None:
            kept = good[::2]
            if note.partial.kind == "partial":
                errors += [{"number": number, "error": "Could not be saved."} for number, _ in good[1::2]]
        added, skipped = world.add_contacts(campaign_id, kept)
        answer = {
            "created": len(added),
            "skipped": skipped,
            "contacts": [row(contact, ids=dialect.add_rows == "ids") for contact in added],
            "errors": errors or (None if dialect.add_errors == "null" else []),
        }
        if note.partial is not None and note.partial.kind == "partial-silent":
            answer["created"] = len(good) - skipped
        in_part = int(note.partial.value) if note.partial is not None and note.partial.value else 207
        return desk.reply(answer, in_part if errors else 200)

    async def upload_contacts(request: Request, campaign_id: int) -> Response:
        world.campaign(campaign_id)
        async with request.form() as form:
            file = form.get("bulk_file")
            if not isinstance(file, UploadFile):
                raise invalid(bulk_file="No file was submitted.")
            content, name = await file.read(), printable(file.filename or "contacts.xlsx")
        book = await run_in_threadpool(read_workbook, content, dialect.numbers)
        note = note_of(request)
        note.contacts = len(book.rows)
        kept = book.rows
        if note.partial is not None:
            kept = book.rows[::2]
            if note.partial.kind == "partial":
                book.errors += [f"{len(book.rows) - len(kept)} rows could not be saved."]
        if dialect.upload != "preview":
            world.add_contacts(
                campaign_id, kept, replace=dialect.upload == "replace", repeat=dialect.upload == "repeat"
            )
            world.note_upload(campaign_id, f"{request.base_url}media/{name.rpartition('/')[2]}")
        said_all = note.partial is None or note.partial.kind == "partial-silent"
        as_list = dialect.upload_samples == "list"
        return desk.reply(
            {
                "error_list": book.errors,
                "samples": [
                    {"column": column, "sample": [sample] if as_list else sample}
                    for column, sample in book.samples.items()
                ],
                "total_validated_rows": len(book.rows if said_all else kept),
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
        return desk.reply(content)

    async def get_contact_attributes(contact_id: int) -> Response:
        return desk.reply(world.contact(contact_id).variables)

    async def update_contact_attributes(request: Request, contact_id: int) -> Response:
        world.contact(contact_id)
        body = await read(request, Attributes)
        return desk.reply(world.update_attributes(contact_id, body.root).variables)

    async def update_contact_number(request: Request, contact_id: int) -> Response:
        world.contact(contact_id)
        body = await read(request, NewNumber)
        number = phone_number(body.number, dialect.numbers)
        if number is None:
            raise invalid(number=_BAD_NUMBER)
        return desk.reply(row(world.update_number(contact_id, number), ids=True))

    async def delete_contact(contact_id: int) -> Response:
        world.delete_contact(contact_id)
        return desk.reply({"message": "Successfully Deleted."})

    async def demo_call(request: Request, contact_id: int) -> Response:
        await expect_nothing(request)
        world.demo_call(contact_id)
        return desk.reply({"message": "Demo call placed."})

    serve(router, "add_contacts", add_contacts, body=(ManyContacts, OneContact))
    serve(router, "upload_contacts", upload_contacts, upload="bulk_file")
    serve(router, "list_contacts", list_contacts, query={"limit": "integer", "offset": "integer"})
    serve(router, "get_contact_attributes", get_contact_attributes)
    serve(router, "update_contact_attributes", update_contact_attributes, body=Attributes)
    serve(router, "update_contact_number", update_contact_number, body=NewNumber)
    serve(router, "delete_contact", delete_contact)
    serve(router, "demo_call", demo_call)
    return router
