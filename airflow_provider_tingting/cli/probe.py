"""`doctor --probe`: measures with a draft campaign what the provider relies on. It calls no contact and costs nothing.

The draft is created, changed and deleted; it is never run, and no other campaign is touched.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from enum import Enum
from itertools import islice
from pathlib import Path
from secrets import token_hex
from statistics import median

from openpyxl import Workbook

from airflow_provider_tingting.api import TingTingClient, calls
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.api.lookups import list_caller_numbers
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.protocol import Call, T
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns import reconcile
from airflow_provider_tingting.clock import monotonic, sleep
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
)
from airflow_provider_tingting.formatting import amount, counted
from airflow_provider_tingting.masking import mask_text

NAME_PREFIX = "airflow-provider-tingting probe"
#: Numbers in a range of Nepal's numbering plan that no carrier has.
UNASSIGNED_NUMBERS = ("9870000001", "9870000002", "9870000003")

_NAME = re.compile(rf"{NAME_PREFIX} ([0-9a-f]{{16}})\Z")
_MAX_LISTED = 500
_MAX_SEARCHES = 5
_SECONDS_BETWEEN_SEARCHES = 1.0


class Verdict(Enum):
    """How well the provider works with what was found."""

    WORKS = "works"
    WORKS_WITH_CARE = "works with care"
    DOES_NOT_WORK = "does not work"


@dataclass(frozen=True)
class Finding:
    """One measurement.

    :param assumption: what the provider relies on.
    :param found: what the account does.
    :param handling: what the provider does about it, or what to do.
    :param verdict: how well the provider works with it.
    """

    assumption: str
    found: str
    handling: str
    verdict: Verdict = Verdict.WORKS

    def to_json(self) -> dict[str, str]:
        """Return it as a JSON object, masked."""
        return {
            "assumption": self.assumption,
            "found": mask_text(self.found),
            "handling": self.handling,
            "verdict": self.verdict.value,
        }


@dataclass
class Draft:
    """The draft campaign of one probe, and the client that measures with it.

    :param client: the client.
    :param id: the campaign's id.
    :param name: its name, which ends in a random token.
    :param description: its description, with the marker.
    :param numbers: three phone numbers to add.
    :param seconds: the duration of each request so far.
    """

    client: TingTingClient
    id: int
    name: str
    description: str
    numbers: Sequence[str]
    seconds: list[float] = field(default_factory=list)

    def send(self, call: Call[T]) -> T:
        """Send a call and record its duration."""
        began = monotonic()
        result = self.client.send(call)
        self.seconds.append(monotonic() - began)
        return result

    def read(self) -> Campaign:
        """Return the campaign as TingTing has it."""
        return self.send(calls.get_campaign(self.id))

    def contact_numbers(self) -> Counter[str]:
        """Return how often the campaign has each number."""
        rows = self.client.iterate(calls.list_contacts(self.id))
        return Counter(str(row.number)[-10:] for row in islice(rows, _MAX_LISTED))


def probe(client: TingTingClient, numbers: Sequence[str] = ()) -> Generator[Finding, None, None]:
    """Yield what the account does. The draft is deleted before the last finding, and after any exception.

    :param client: a client for the account.
    :param numbers: the user's own numbers for the draft's contacts; unassigned numbers fill up to three.
    :raises TingTingAPIError: the draft cannot be created, or the account refuses to list campaigns.
    """
    earlier = delete_drafts(client)
    if earlier:
        yield _not_deleted(earlier)
    used = [*numbers, *(number for number in UNASSIGNED_NUMBERS if number not in numbers)][:3]
    with _draft(client, used) as (draft, left):
        for assumption, measure in _MEASUREMENTS.items():
            try:
                yield measure(draft, assumption)
            except TingTingError as error:
                handling = "Run the probe again; if it stays, ask TingTing."
                yield Finding(assumption, f"Not measured: {error}", handling, Verdict.WORKS_WITH_CARE)
    if left:
        yield _not_deleted(left)
    else:
        yield Finding("The draft is deleted", "TingTing no longer has it.", "Nothing is left behind.")


def delete_drafts(client: TingTingClient, known: int | None = None, name: str | None = None) -> list[int]:
    """Delete the drafts of this and earlier probes, and return the ids of those that TingTing still has.

    A campaign is deleted only if its name is that of a probe and it has never been run, as read right before.

    :param client: a client for the account.
    :param known: the id of a draft that the lists may not show.
    :param name: only the draft with this name; None means the drafts of all probes.
    """
    found = set() if known is None else {known}
    for draft in (False, True):
        with suppress(TingTingAPIError):
            listing = client.iterate(calls.list_campaigns(search=name or NAME_PREFIX, draft=draft or None))
            found |= {one.id for one in islice(listing, _MAX_LISTED) if _is_probe(one, name)}
    return [campaign_id for campaign_id in sorted(found) if not _delete(client, campaign_id, name)]


def _is_probe(campaign: Campaign, name: str | None) -> bool:
    named = campaign.name == name if name else _NAME.match(campaign.name) is not None
    return named and campaign.status == CampaignStatus.NOT_STARTED


def _delete(client: TingTingClient, campaign_id: int, name: str | None) -> bool:
    """Return whether a draft is gone."""
    try:
        if not _is_probe(client.send(calls.get_campaign(campaign_id)), name):
            return False
        run_flow(client, reconcile.delete(campaign_id))
        client.send(calls.get_campaign(campaign_id))
    except TingTingNotFoundError:
        return True
    except TingTingError:
        return False
    return False


def _not_deleted(campaign_ids: Sequence[int]) -> Finding:
    listed = ", ".join(str(campaign_id) for campaign_id in campaign_ids)
    return Finding(
        "The draft is deleted",
        f"TingTing still has {counted(len(campaign_ids), 'draft')} of a probe: {listed}.",
        "It was never run. Delete it in TingTing, or run the probe again.",
        Verdict.WORKS_WITH_CARE,
    )


@contextmanager
def _draft(client: TingTingClient, numbers: Sequence[str]) -> Iterator[tuple[Draft, list[int]]]:
    """Yield the draft, and a list that has its id after the block if it could not be deleted."""
    token = token_hex(8)
    name = f"{NAME_PREFIX} {token}"
    description = f"[tingting-probe:{token}] परीक्षण. {'This draft is never run. ' * 8}".strip()
    callers = run_flow(client, list_caller_numbers())
    create = calls.create_campaign(
        name=name,
        services="PHONE",
        user_phone=[caller.id for caller in callers][:1],
        message="This draft is never run.",
        description=description,
    )
    campaign_id: int | None = None
    left: list[int] = []
    try:
        try:
            campaign_id = client.send(create).id
        except TingTingOutcomeUnknownError:
            campaign_id = _find(client, name)
        yield Draft(client, campaign_id, name, description, numbers), left
    finally:
        left += delete_drafts(client, campaign_id, name)


def _find(client: TingTingClient, name: str) -> int:
    """Return the id of a draft whose creation had no usable response.

    :raises TingTingError: TingTing does not show it.
    """
    for _ in range(_MAX_SEARCHES):
        for campaign in islice(client.iterate(calls.list_campaigns(search=name)), _MAX_LISTED):
            if campaign.name == name:
                return campaign.id
        sleep(_SECONDS_BETWEEN_SEARCHES)
    raise TingTingError(
        f"TingTing did not confirm the creation of the draft {name!r} and does not list it. The next probe deletes it."
    )


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
    for _ in range(_MAX_SEARCHES):
        page = draft.send(calls.list_campaigns(search=draft.name))
        if any(one.id == draft.id for one in page.results):
            others = sum(one.name != draft.name for one in page.results)
            seconds = f"{monotonic() - began:.0f} s"
            if others:
                return Finding(
                    assumption,
                    f"The search is ignored: {counted(others, 'other campaign')} listed.",
                    "The provider compares names itself; searches read more pages.",
                    Verdict.WORKS_WITH_CARE,
                )
            return Finding(assumption, f"The campaign is found within {seconds}.", "Searches read one page.")
        sleep(_SECONDS_BETWEEN_SEARCHES)
    return Finding(
        assumption,
        "The search does not find a new campaign.",
        "The provider also looks through the newest campaigns and the drafts.",
        Verdict.WORKS_WITH_CARE,
    )


def _listing(draft: Draft, assumption: str) -> Finding:
    page = draft.send(calls.list_campaigns(limit=100))
    ids = [one.id for one in page.results]
    order = "newest first" if ids == sorted(ids, reverse=True) else "in another order"
    size = f"{len(ids)} of {page.count} campaigns on a page, {order}"
    verdict = Verdict.WORKS if order == "newest first" else Verdict.WORKS_WITH_CARE
    return Finding(assumption, f"{size}.", "The provider reads every page that it needs.", verdict)


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
    after = draft.contact_numbers()
    if after and max(after.values()) > 1:
        found, verdict = "It adds numbers a second time.", Verdict.DOES_NOT_WORK
    elif before and set(before) - set(after):
        found, verdict = "It replaces the contacts.", Verdict.WORKS_WITH_CARE
    elif after == before:
        found, verdict = "It adds nothing.", Verdict.WORKS_WITH_CARE
    else:
        found, verdict = "It adds new numbers and skips existing ones.", Verdict.WORKS
    handling = 'The provider counts the contacts afterwards. transport="json" does not upload workbooks.'
    return Finding(assumption, found, handling, verdict)


def _report_paths(draft: Draft, assumption: str) -> Finding:
    page = replace(calls.download_campaign_report(draft.id), alternative=None)
    other = replace(page, request=replace(page.request, path=f"download/report/{draft.id}/"))
    answered = []
    for call in (page, other):
        with suppress(TingTingAPIError):
            draft.client.download(call, io.BytesIO())
            answered.append(f"/{call.request.path}".replace(str(draft.id), "ID"))
    if answered:
        return Finding(assumption, " and ".join(answered), "The provider uses the path that responds.")
    return Finding(assumption, "Neither path responds.", "The contact list is used instead.", Verdict.WORKS_WITH_CARE)


def _schedules(draft: Draft, assumption: str) -> Finding:
    nepal = timezone(timedelta(hours=5, minutes=45))
    moment = (datetime.now(nepal) + timedelta(days=30)).replace(hour=10, minute=30, second=0, microsecond=0)
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
_MEASUREMENTS: dict[str, Callable[[Draft, str], Finding]] = {
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
