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
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.contacts.batch_sender import is_too_large
from airflow_provider_tingting.contacts.checkpoint import Checkpoint, Checkpoints
from airflow_provider_tingting.contacts.membership import Membership, raise_if_missing
from airflow_provider_tingting.contacts.progress import ProgressLog
from airflow_provider_tingting.contacts.send import send_batches
from airflow_provider_tingting.contacts.workbook import MAX_ROWS, write_workbook
from airflow_provider_tingting.errors import TingTingCampaignError, TingTingError, TingTingRefusedError
from airflow_provider_tingting.masking import mask_text

if TYPE_CHECKING:
    from airflow_provider_tingting.api.client import TingTingClient
    from airflow_provider_tingting.api.models import AddContactsResult, Campaign
    from airflow_provider_tingting.contacts.audience import ValidatedAudience
    from airflow_provider_tingting.contacts.contact import Contact

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AddResult:
    """What became of an audience whose every contact is in the campaign.

    :param created: contacts that were new to the campaign.
    :param skipped: contacts that the campaign had.
    :param in_campaign: the campaign's own count at the end, others included; None when TingTing does not say it.
    """

    created: int
    skipped: int
    in_campaign: int | None


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
    audience: ValidatedAudience,
    *,
    transport: str = "json",
    batch_size: int = 500,
    concurrency: int = 4,
    resume: Checkpoint | None = None,
    keep: Callable[[Checkpoint | None], None] | None = None,
) -> AddResult:
    """Send everybody and check that the campaign holds them.

    Sending again is safe, because TingTing skips numbers that the campaign has; of workbooks nobody says so, so what is
    in the campaign is read first. A campaign that has begun is sent nothing, since a number added to it might be called
    or not: it is only checked.

    :param resume: where an earlier try came to. Contacts before it are not sent again if they are the same as then;
        should any be missing in the end, everybody is sent after all. Only batches can go on, a workbook cannot.
    :param keep: keeps a point for the next try; called every few seconds, and with None when the next try must begin
        at the beginning.
    :raises TingTingCampaignError: somebody is missing from the campaign, in it more than once, or in it who must not be
        contacted; the text names the first ones masked.
    :raises PeopleLostError: the campaign has lost others while a workbook was uploaded.
    :raises TingTingAPIError: TingTing refuses or cannot be reached.
    """
    # A fresh look: the audience may have been read for minutes, and the campaign run meanwhile.
    campaign = client.send(calls.get_campaign(campaign.id))
    if campaign.status.has_begun:
        log.info("Campaign %s is %s: nobody is added, only checked", campaign.id, campaign.status)
        return _as_begun(Membership(client, campaign, audience.exclude), campaign, audience)
    counted = campaign.campaign_action_count
    points = Checkpoints(campaign.id, before=counted or 0, save_point=keep)
    there: Membership | None = None
    wanting = audience.valid
    if transport == "xlsx":
        if counted != 0:
            # The API page does not say whether an upload skips the numbers that a campaign has, or throws them out.
            there = Membership(client, campaign, audience.exclude)
            there.raise_if_repeated(audience)
            wanting = len(there.missing(audience))
        sent = _by_workbook(client, campaign, audience) if wanting else _Sent(0, None, ())
    else:
        rest = points.resume_after(audience.contacts(), resume) if resume else None
        sent = _by_json(client, campaign, audience, rest, points, batch_size=batch_size, concurrency=concurrency)
    now = client.send(calls.get_campaign(campaign.id))
    growth = None if counted is None or now.campaign_action_count is None else now.campaign_action_count - points.before
    # Believed without a look at every contact: that the campaign has grown by what TingTing says it created of
    # everybody; or, when it does not say, by everybody who was not there.
    if sent.created is None:
        believed, created = growth == wanting, wanting if growth is None else min(wanting, max(0, growth))
    else:
        believed, created = sent.taken == audience.valid and sent.created == growth, sent.created
    found = there
    if sent.complaints or not believed or (now.campaign_action_count or 0) < audience.valid:
        found = Membership(client, now, audience.exclude)
        missing = found.missing(audience)
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
        if there is not None and wanting:
            found.raise_if_lost(there)
        raise_if_missing(missing, now, audience, sent.complaints)
        if there is None and sent.created and growth is not None and growth < 0:
            raise TingTingCampaignError(
                f"it has lost {sent.created - growth} contacts while these were added. If nobody has taken them out in "
                "TingTing, this server replaces contacts instead of adding to them: add everybody in one task. A retry "
                "goes on with those who are there.",
                campaign_id=campaign.id,
                status=now.status.value,
            )
        if not now.status.has_begun:
            found.raise_if_repeated(audience)
        log.info("Campaign %s holds everybody and %s others", campaign.id, found.total - audience.valid)
    elif found is None and audience.exclude and (now.campaign_action_count or 0) > audience.valid:
        # Where nobody is but this audience, nobody is whom it excludes.
        found = Membership(client, now, audience.exclude)
    if found is not None:
        found.raise_if_excluded(now)
    if now.status.has_begun:
        raise TingTingCampaignError(
            f"it was run while contacts were added and is {now.status}. They are in it, but whether the last ones are "
            "called, nobody knows: compare its report with the audience.",
            campaign_id=campaign.id,
            status=now.status.value,
        )
    loaded = AddResult(created, audience.valid - created, now.campaign_action_count)
    _tell_of_earlier_ones(now, audience, loaded, had=points.before if there is None else there.total)
    return loaded


def _as_begun(found: Membership, campaign: Campaign, audience: ValidatedAudience) -> AddResult:
    """Check a campaign that is sent nothing any more."""
    raise_if_missing(found.missing(audience), campaign, audience)
    others = found.total - audience.valid
    if campaign.status.is_final:
        # Nobody is called any more: a list that has grown since then is no reason to fail.
        if found.excluded:
            log.warning("Campaign %s has ended; %s of its contacts are excluded now", campaign.id, len(found.excluded))
    else:
        found.raise_if_excluded(campaign)
    if others > 0 and not campaign.status.is_final:
        log.warning(
            "Campaign %s is %s and holds %s contacts, %s more than this audience. If another task has added them, that "
            "is fine. If an earlier try has, and they are not to be called, take them out in TingTing before it "
            "calls them",
            campaign.id,
            campaign.status,
            found.total,
            others,
        )
    return AddResult(created=0, skipped=audience.valid, in_campaign=campaign.campaign_action_count)


def _by_json(
    client: TingTingClient,
    campaign: Campaign,
    audience: ValidatedAudience,
    rest: Iterator[Contact] | None,
    points: Checkpoints,
    *,
    batch_size: int,
    concurrency: int,
) -> _Sent:
    def post(batch: list[dict[str, object]]) -> AddContactsResult:
        return client.send(calls.add_contacts(campaign.id, batch))

    progress = ProgressLog(campaign.id, audience.valid, points.prefix.acknowledged)

    def on_progress(sent: int) -> None:
        progress.update(sent)
        points.save_periodically()

    try:
        result = send_batches(
            audience.contacts() if rest is None else rest,
            post,
            batch_size=batch_size,
            concurrency=concurrency,
            on_progress=on_progress,
            prefix=points.prefix,
        )
    except TingTingError:
        points.save()
        raise
    # A batch whose answer was lost counts as skipped when it is sent again, even if it had been created; so do those
    # that were on their way when an earlier try ended.
    created = None if result.resent or points.resumed else result.created
    return _Sent(result.created + result.skipped, created, tuple(map(str, result.rejected)))


def _by_workbook(client: TingTingClient, campaign: Campaign, audience: ValidatedAudience) -> _Sent:
    from airflow_provider_tingting.api.idempotent_writes import retry_idempotent

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
                    preview = run_flow(client, retry_idempotent(calls.upload_contacts(campaign.id, part.path)))
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


def _tell_of_earlier_ones(campaign: Campaign, audience: ValidatedAudience, loaded: AddResult, *, had: int) -> None:
    """Say what a task that was corrected and cleared does not undo: other people, and variables that were sent."""
    if had and loaded.skipped:
        log.warning(
            "Campaign %s had %s of the %s contacts already. TingTing skips them: their variables stay as they were "
            "first sent, even if they have been corrected since",
            campaign.id,
            loaded.skipped,
            audience.valid,
        )
    others = (loaded.in_campaign or 0) - audience.valid
    if others > 0:
        log.warning(
            "Campaign %s holds %s contacts, %s more than this audience: they are called too. If another task has added "
            "them, that is fine. If an earlier try has, and they are not to be called, begin anew: clear the task that "
            "creates the campaign with on_clear='send_again', and those after it",
            campaign.id,
            loaded.in_campaign,
            others,
        )
