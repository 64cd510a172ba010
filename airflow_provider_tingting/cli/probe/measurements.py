"""The measurements of a probe, each of which changes the draft only."""

from __future__ import annotations

import io
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from statistics import median

from openpyxl import Workbook

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.cli.probe.draft import Draft
from airflow_provider_tingting.cli.probe.findings import Finding, Verdict
from airflow_provider_tingting.clock import monotonic
from airflow_provider_tingting.errors import TingTingAPIError
from airflow_provider_tingting.formatting import amount, counted
from airflow_provider_tingting.timezones import NEPAL

#: What an upload does → the words of the finding, and its verdict.
_UPLOADS = {
    "add": ("It adds new numbers and skips existing ones.", Verdict.WORKS),
    "nothing": ("It adds nothing.", Verdict.WORKS_WITH_CARE),
    "repeat": ("It adds numbers a second time.", Verdict.DOES_NOT_WORK),
    "replace": ("It replaces the contacts.", Verdict.WORKS_WITH_CARE),
}


def _marker(draft: Draft, assumption: str) -> Finding:
    kept = draft.read().description
    if kept == draft.description:
        return Finding(assumption, "It is kept completely.", "A retry finds its campaign by the marker.")
    if kept and draft.description.partition(" ")[0] in kept:
        return Finding(
            assumption, f"{len(kept)} of {len(draft.description)} characters are kept.", "Keep descriptions short."
        )
    return Finding(
        assumption,
        "The description is not kept.",
        "A retry after a lost response cannot find its campaign. Do not retry the create task.",
        Verdict.DOES_NOT_WORK,
    )


def _search(draft: Draft, assumption: str) -> Finding:
    began = monotonic()
    page = draft.wait_until_listed()
    if page is None:
        return Finding(
            assumption,
            "The search does not find a new campaign.",
            "The provider also reads the newest campaigns and the drafts.",
            Verdict.WORKS_WITH_CARE,
            {"search": "unreliable"},
        )
    others = sum(one.name != draft.name for one in page.results)
    if others:
        return Finding(
            assumption,
            f"The search is ignored: {counted(others, 'other campaign')} listed.",
            "The provider compares names itself; searches read more pages.",
            Verdict.WORKS_WITH_CARE,
            {"search": "unreliable"},
        )
    found = f"The campaign is found within {monotonic() - began:.0f} s."
    return Finding(assumption, found, "Searches read one page.", dialect={"search": "reliable"})


def _listing(draft: Draft, assumption: str) -> Finding:
    page = draft.send(calls.list_campaigns(limit=100))
    ids = [one.id for one in page.results]
    order = "newest first" if ids == sorted(ids, reverse=True) else "in another order"
    size = f"{len(ids)} of {page.count} campaigns on a page, {order}"
    verdict = Verdict.WORKS if order == "newest first" else Verdict.WORKS_WITH_CARE
    # The server's limit shows only when the account has more campaigns than a page takes.
    is_capped = ids and page.count is not None and page.count > len(ids) and len(ids) < 100
    dialect = {"page_size": len(ids)} if is_capped else {}
    return Finding(assumption, f"{size}.", "The provider reads every page that it needs.", verdict, dialect)


def _drafts(draft: Draft, assumption: str) -> Finding:
    voices = draft.send(calls.list_voice_models())
    if not voices:
        return Finding(assumption, "The account has no voice.", "It can send SMS only.", Verdict.WORKS_WITH_CARE)
    draft.send(calls.set_campaign_message(draft.id, voice=voices[0].id, message="This draft is never run.", draft=True))
    listed = any(one.id == draft.id for one in draft.send(calls.list_campaigns(search=draft.name)).results)
    shown = any(one.id == draft.id for one in draft.send(calls.list_campaigns(search=draft.name, draft=True)).results)
    found = (
        f"Drafts are {'listed' if listed else 'hidden'}; with draft=true they are {'listed' if shown else 'hidden'}."
    )
    verdict = Verdict.WORKS if shown else Verdict.WORKS_WITH_CARE
    return Finding(assumption, found, "The provider asks for drafts when it looks for a campaign.", verdict)


def _empty_report(draft: Draft, assumption: str) -> Finding:
    handling = "The provider needs no report of a campaign without contacts."
    try:
        downloaded = io.BytesIO()
        draft.client.download(calls.download_campaign_report(draft.id), downloaded)
    except TingTingAPIError as error:
        return Finding(assumption, f"HTTP {error.status_code or 'error'}: {error.message}", handling)
    return Finding(assumption, f"A report of {len(downloaded.getvalue())} bytes.", handling)


def _added_twice(draft: Draft, assumption: str) -> Finding:
    rows = [{"number": draft.numbers[0]}, {"number": draft.numbers[2]}]
    first, second = draft.send(calls.add_contacts(draft.id, rows)), draft.send(calls.add_contacts(draft.id, rows))
    have = draft.contact_numbers()
    if not have:
        return Finding(
            assumption,
            f"The numbers are refused ({counted(len(first.errors or ()), 'error')}).",
            "Give one of your own numbers with --number.",
            Verdict.WORKS_WITH_CARE,
        )
    if max(have.values()) == 1:
        return Finding(assumption, f"{second.skipped} of 2 are skipped.", "A batch that was cut off is sent again.")
    return Finding(
        assumption,
        "Numbers are added a second time.",
        "A retry can add contacts twice, so that they are called twice. Do not retry the add task.",
        Verdict.DOES_NOT_WORK,
    )


def _upload(draft: Draft, assumption: str) -> Finding:
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    for row in (("number", "name"), (draft.numbers[0], "probe"), (draft.numbers[1], "probe")):
        sheet.append(row)
    before = draft.contact_numbers()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.xlsx"
        workbook.save(path)
        draft.send(calls.upload_contacts(draft.id, path))
    kind = _kind_of_upload(before, draft.contact_numbers())
    found, verdict = _UPLOADS[kind]
    handling = 'The provider counts the contacts afterwards. transport="json" does not upload workbooks.'
    return Finding(assumption, found, handling, verdict, {"upload": kind})


def _kind_of_upload(before: Counter[str], after: Counter[str]) -> str:
    """Return what an upload has done, as `ServerDialect.upload` names it."""
    if after and max(after.values()) > 1:
        return "repeat"
    if set(before) - set(after):
        return "replace"
    return "nothing" if after == before else "add"


def _report_paths(draft: Draft, assumption: str) -> Finding:
    page = replace(calls.download_campaign_report(draft.id), alternative=None)
    other = replace(page, request=replace(page.request, path=f"download/report/{draft.id}/"))
    answered = {}
    for kind, call in (("page", page), ("other", other)):
        with suppress(TingTingAPIError):
            draft.client.download(call, io.BytesIO())
            answered[kind] = f"/{call.request.path}".replace(str(draft.id), "ID")
    if answered:
        dialect = {"report_path": next(iter(answered))}
        found = " and ".join(answered.values())
        return Finding(assumption, found, "The provider uses the path that responds.", dialect=dialect)
    return Finding(assumption, "Neither path responds.", "The contact list is used instead.", Verdict.WORKS_WITH_CARE)


def _schedules(draft: Draft, assumption: str) -> Finding:
    moment = (datetime.now(NEPAL) + timedelta(days=30)).replace(hour=10, minute=30, second=0, microsecond=0)
    texts = {
        "an offset of +05:45": moment.isoformat(),
        "UTC": moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    wrong = []
    for name, text in texts.items():
        draft.send(calls.update_campaign(draft.id, schedule=text))
        kept = draft.read().schedule
        if kept is None or datetime.fromisoformat(str(kept).replace("Z", "+00:00")) != moment:
            wrong.append(name)
    draft.send(calls.update_campaign(draft.id, schedule=None))
    if wrong:
        found = f"A schedule with {' or '.join(wrong)} is changed or ignored."
        return Finding(assumption, found, "Check the start time in TingTing.", Verdict.DOES_NOT_WORK)
    return Finding(assumption, f"Accepted with {' and '.join(texts)}; an edit takes effect.", "Offsets are sent.")


def _errors(draft: Draft, assumption: str) -> Finding:
    try:
        draft.send(calls.update_campaign(draft.id, schedule="2000-01-01T00:00:00+05:45"))
    except TingTingAPIError as error:
        return Finding(assumption, f"HTTP {error.status_code}: {error.message}", "The provider shows this text.")
    return Finding(
        assumption, "A past schedule is accepted.", "The provider refuses past schedules.", Verdict.WORKS_WITH_CARE
    )


def _dashboard(draft: Draft, assumption: str) -> Finding:
    try:
        balance = draft.send(calls.get_dashboard()).remaining_credits
    except TingTingAPIError as error:
        return Finding(
            assumption, f"HTTP {error.status_code}: {error.message}", "The balance is unknown; no check fails."
        )
    return Finding(
        assumption,
        "The response has no balance." if balance is None else f"The balance is {amount(balance)}.",
        "The contact check compares its estimate with it.",
    )


def _speed(draft: Draft, assumption: str) -> Finding:
    _, response = draft.client.send_with_response(calls.get_campaign(draft.id))
    limits = [name for name in response.headers if "rate" in name.lower() or name.lower() == "retry-after"]
    shown = f"rate limit headers: {', '.join(limits)}" if limits else "no rate limit headers"
    found = f"{len(draft.seconds)} requests, median {median(draft.seconds):.2f} s, {shown}."
    return Finding(assumption, found, "rate_limit in the connection's extra limits requests per second.")


#: What the provider relies on → how it is measured, in the order of the measurements.
MEASUREMENTS: dict[str, Callable[[Draft, str], Finding]] = {
    "The marker in the description is kept": _marker,
    "A search finds a new campaign": _search,
    "Lists are complete and newest first": _listing,
    "Drafts can be listed": _drafts,
    "Report of a campaign without contacts": _empty_report,
    "A number that is added twice is skipped": _added_twice,
    "An uploaded workbook adds its contacts": _upload,
    "Path of the campaign report": _report_paths,
    "Schedules are accepted": _schedules,
    "Shape of an error": _errors,
    "The dashboard shows the balance": _dashboard,
    "Duration of requests": _speed,
}
