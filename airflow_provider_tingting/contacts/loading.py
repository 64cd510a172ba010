"""Brings a checked audience into a campaign and makes sure that everybody is in it."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.contacts.delivery import is_too_large
from airflow_provider_tingting.contacts.progress import ProgressLog
from airflow_provider_tingting.contacts.resume import Points, ResumePoint
from airflow_provider_tingting.contacts.send import send_batches
from airflow_provider_tingting.contacts.workbook import MAX_ROWS, write_workbook
from airflow_provider_tingting.errors import TingTingCampaignError, TingTingError, TingTingRefusedError
from airflow_provider_tingting.masking import mask_number, mask_text

if TYPE_CHECKING:
    from airflow_provider_tingting.api.client import TingTingClient
    from airflow_provider_tingting.api.models import AddContactsResult, Campaign
    from airflow_provider_tingting.contacts.audience import CheckedAudience
    from airflow_provider_tingting.contacts.contact import Contact
    from airflow_provider_tingting.contacts.exclusion import Exclusion

log = logging.getLogger(__name__)

_NAMED_IN_ERRORS = 10


@dataclass(frozen=True)
class Loaded:
    """What became of an audience whose every contact is in the campaign.

    :param created: contacts that were new to the campaign.
    :param skipped: contacts that the campaign had.
    """

    created: int
    skipped: int


@dataclass(frozen=True)
class _Sent:
    """What TingTing says of what it was sent.

    :param taken: contacts that it created or skipped.
    :param created: contacts that it created; None when it does not say for certain.
    :param complaints: what it complains of, masked.
    """

    taken: int
    created: int | None
    complaints: tuple[str, ...]


def load(
    client: TingTingClient,
    campaign: Campaign,
    audience: CheckedAudience,
    *,
    transport: str = "json",
    batch_size: int = 500,
    concurrency: int = 4,
    resume: ResumePoint | None = None,
    keep: Callable[[ResumePoint | None], None] | None = None,
) -> Loaded:
    """Send everybody and check that the campaign holds them.

    Sending again is safe, because TingTing skips numbers that the campaign has. A campaign that has begun is sent
    nothing, since a number added to it might be called or not: it is only checked.

    :param resume: where an earlier try came to. Contacts before it are not sent again if they are the same as then;
        should any be missing in the end, everybody is sent after all. Only batches can go on, a workbook cannot.
    :param keep: keeps a point for the next try; called every few seconds, and with None when the next try must begin
        at the beginning.
    :raises TingTingCampaignError: somebody is missing from the campaign, or in it who must not be contacted; the text
        names the first ones masked.
    :raises TingTingAPIError: TingTing refuses or cannot be reached.
    """
    if campaign.status.has_begun:
        log.info("Campaign %s is %s: nobody is added, only checked", campaign.id, campaign.status)
        _raise_if_missing(_missing(client, campaign, audience), campaign, audience)
        return Loaded(created=0, skipped=audience.valid)
    points = Points(campaign.id, before=campaign.campaign_action_count or 0, save_point=keep)
    if transport == "xlsx":
        sent = _by_workbook(client, campaign, audience)
    else:
        rest = points.go_on(audience.contacts(), resume) if resume else None
        sent = _by_json(client, campaign, audience, rest, points, batch_size=batch_size, concurrency=concurrency)
    now = client.send(calls.get_campaign(campaign.id))
    growth = (now.campaign_action_count or 0) - points.before
    # Believed without a look at every contact: that the campaign has grown by what TingTing says it created of
    # everybody; or, when it does not say, by everybody.
    if sent.created is None:
        believed, created = growth == audience.valid, min(audience.valid, max(0, growth))
    else:
        believed, created = sent.taken == audience.valid and sent.created == growth, sent.created
    if growth < 0:
        points.forget()
        raise TingTingCampaignError(
            f"it has lost {-growth} contacts while these were added: this server replaces contacts instead of "
            "adding to them. Nobody has been called. Add everybody in one task, or with another transport.",
            campaign_id=campaign.id,
            status=now.status.value,
        )
    if sent.complaints or not believed or (now.campaign_action_count or 0) < audience.valid:
        missing = _missing(client, now, audience)
        if missing:
            points.forget()
        if missing and points.resumed and not now.status.has_begun:
            log.warning(
                "Campaign %s lacks %s contacts, though an earlier try sent all before the point where this one went "
                "on: everybody is sent again",
                campaign.id,
                len(missing),
            )
            return load(client, now, audience, batch_size=batch_size, concurrency=concurrency, keep=keep)
        _raise_if_missing(missing, now, audience, sent.complaints)
    # Where nobody is but this audience, nobody is whom it excludes.
    if audience.exclude and (now.campaign_action_count is None or now.campaign_action_count > audience.valid):
        _raise_if_excluded(client, now, audience.exclude)
    if now.status.has_begun:
        raise TingTingCampaignError(
            f"it was run while contacts were added and is {now.status}. They are in it, but whether the last ones are "
            "called, nobody knows: compare its report with the audience.",
            campaign_id=campaign.id,
            status=now.status.value,
        )
    return Loaded(created, audience.valid - created)


def _by_json(
    client: TingTingClient,
    campaign: Campaign,
    audience: CheckedAudience,
    rest: Iterator[Contact] | None,
    points: Points,
    *,
    batch_size: int,
    concurrency: int,
) -> _Sent:
    def post(batch: list[dict[str, object]]) -> AddContactsResult:
        return client.send(calls.add_contacts(campaign.id, batch))

    progress = ProgressLog(campaign.id, audience.valid, points.trail.settled)

    def on_progress(sent: int) -> None:
        progress.tell(sent)
        points.save_now_and_then()

    try:
        result = send_batches(
            audience.contacts() if rest is None else rest,
            post,
            batch_size=batch_size,
            concurrency=concurrency,
            on_progress=on_progress,
            trail=points.trail,
        )
    except TingTingError:
        points.save()
        raise
    # A batch whose answer was lost counts as skipped when it is sent again, even if it had been created; so do those
    # that were on their way when an earlier try ended.
    created = None if result.resent or points.resumed else result.created
    return _Sent(result.created + result.skipped, created, tuple(map(str, result.rejected)))


def _by_workbook(client: TingTingClient, campaign: Campaign, audience: CheckedAudience) -> _Sent:
    from airflow_provider_tingting.settling import insist

    complaints: list[str] = []
    uploaded, max_rows = 0, MAX_ROWS
    while uploaded < audience.valid:
        with tempfile.TemporaryDirectory(prefix="tingting-") as folder:
            contacts = islice(audience.contacts(), uploaded, None)
            # All are written before the first is uploaded: a text that no workbook can hold stops here.
            parts = write_workbook(
                contacts, Path(folder) / "contacts.xlsx", variables=audience.variables, max_rows=max_rows
            )
            for part in parts:
                try:
                    preview = client.converse(insist(calls.upload_contacts(campaign.id, part.path)))
                except TingTingRefusedError as error:
                    if part.contacts == 1 or not is_too_large(error):
                        raise
                    max_rows = (part.contacts + 1) // 2 + 1
                    log.info("TingTing takes no workbook of %d contacts; going on with halves.", part.contacts)
                    break
                complaints += [mask_text(str(error)) for error in preview.error_list]
                uploaded += part.contacts
                log.info(
                    "Campaign %s: a workbook of %s rows was uploaded; %s of %s contacts sent",
                    campaign.id,
                    preview.total_validated_rows,
                    f"{uploaded:,}",
                    f"{audience.valid:,}",
                )
    # The answer is a preview: it does not say who was created.
    return _Sent(0, None, tuple(complaints))


def _missing(client: TingTingClient, campaign: Campaign, audience: CheckedAudience) -> list[str]:
    """Read the campaign's contacts one by one and return whose number of the audience is not among them."""
    present = {contact.number[-10:] for contact in client.iterate(calls.list_contacts(campaign.id))}
    missing = [contact.number for contact in audience.contacts() if contact.number[-10:] not in present]
    if not missing:
        log.info("Campaign %s holds everybody and %s others", campaign.id, len(present) - audience.valid)
    return missing


def _raise_if_excluded(client: TingTingClient, campaign: Campaign, exclude: Exclusion) -> None:
    """Refuse a campaign that an earlier try, or another task, has given somebody who is excluded now."""
    found = [
        contact.number for contact in client.iterate(calls.list_contacts(campaign.id)) if exclude.names(contact.number)
    ]
    if found:
        raise TingTingCampaignError(
            f"{len(found)} of its contacts are numbers that exclude= names: {_named(found)}. An earlier try or another "
            "task has added them. Take them out with TingTingHook.delete_contact or in TingTing itself, or delete the "
            "campaign; then run the task again.",
            campaign_id=campaign.id,
            status=campaign.status.value,
        )


def _named(found: list[str]) -> str:
    named = ", ".join(mask_number(number) for number in found[:_NAMED_IN_ERRORS])
    return f"{named} and {len(found) - _NAMED_IN_ERRORS} more" if len(found) > _NAMED_IN_ERRORS else named


def _raise_if_missing(
    missing: list[str], campaign: Campaign, audience: CheckedAudience, complaints: tuple[str, ...] = ()
) -> None:
    if not missing:
        return
    said = f" TingTing says: {'; '.join(complaints[:3])}." if complaints else ""
    advice = (
        f"It is {campaign.status}, so they are not added any more: call them with a campaign of their own."
        if campaign.status.has_begun
        else "Nobody has been called. Run the task again, or take these numbers out."
    )
    raise TingTingCampaignError(
        f"of {audience.valid} contacts {len(missing)} are not in it: {_named(missing)}.{said} {advice}",
        campaign_id=campaign.id,
        status=campaign.status.value,
    )
