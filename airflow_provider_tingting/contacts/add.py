"""Adds a checked audience to a campaign and verifies that the campaign holds all of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.api.idempotent_writes import retry_idempotent
from airflow_provider_tingting.api.stale_reads import read_existing
from airflow_provider_tingting.clock import monotonic
from airflow_provider_tingting.contacts.batch_sender import Batch, is_too_large
from airflow_provider_tingting.contacts.checkpoint import Checkpoint, Checkpoints
from airflow_provider_tingting.contacts.membership import Membership, raise_if_missing
from airflow_provider_tingting.contacts.progress import ProgressLog
from airflow_provider_tingting.contacts.send import send_batches
from airflow_provider_tingting.contacts.send_result import redacted
from airflow_provider_tingting.contacts.workbook import write_workbook
from airflow_provider_tingting.errors import TingTingCampaignError, TingTingError, TingTingRefusedError
from airflow_provider_tingting.files.private import private_file
from airflow_provider_tingting.files.workbook import MAX_ROWS

if TYPE_CHECKING:
    from airflow_provider_tingting.api.client import TingTingClient
    from airflow_provider_tingting.api.models import AddContactsResult, Campaign
    from airflow_provider_tingting.contacts.contact import EncodedContact
    from airflow_provider_tingting.contacts.validated_audience import ValidatedAudience

log = logging.getLogger(__name__)

# A campaign that was read at most so many seconds ago is not read again before contacts are sent.
_FRESH_FOR = 5.0


@dataclass(frozen=True)
class AddResult:
    """The result for an audience whose every contact is in the campaign.

    :param created: contacts that were new to the campaign.
    :param skipped: contacts that the campaign already had.
    :param in_campaign: the campaign's own count at the end, other contacts included; None when TingTing does not say.
    """

    created: int
    skipped: int
    in_campaign: int | None


@dataclass(frozen=True)
class _SendReport:
    """What TingTing reports about the contacts that it was sent.

    :param accepted: contacts that it created or skipped.
    :param created: contacts that it created; None when that is not certain.
    :param complaints: its complaints, masked.
    """

    accepted: int
    created: int | None
    complaints: tuple[str, ...]


def add_audience(
    client: TingTingClient,
    campaign: Campaign,
    audience: ValidatedAudience,
    *,
    transport: str = "json",
    batch_size: int = 500,
    concurrency: int = 4,
    read_at: float | None = None,
    checkpoint: Checkpoint | None = None,
    save_checkpoint: Callable[[Checkpoint | None], None] | None = None,
) -> AddResult:
    """Send all contacts of an audience and verify that the campaign holds them.

    TingTing skips numbers that a campaign has when a batch is sent again (API page: Add multiple contacts). The page
    does not say so for workbooks, so before an upload the campaign's contacts are read. A campaign that has begun is
    sent nothing, because it is not known whether a contact added later is called; its contacts are only compared.

    :param client: the client of the connection.
    :param campaign: the campaign; it is read again first, unless it was read a moment ago.
    :param audience: the audience after the check, still open.
    :param transport: `json` sends batches, `xlsx` uploads workbooks.
    :param batch_size: contacts in one request.
    :param concurrency: requests at the same time.
    :param read_at: when the campaign was read, by `monotonic`; None reads it again.
    :param checkpoint: the point that an earlier try reached. The contacts before it are not sent again if they are the
        same ones; if one of them is missing at the end, all contacts are sent. Uploads of workbooks ignore it.
    :param save_checkpoint: saves a point for the next try; called every few seconds, and with None when the next try
        must send all contacts.
    :raises TingTingCampaignError: the campaign lacks a contact, has one more than once, or has one that is excluded;
        the text names the first numbers masked.
    :raises ContactsRemovedError: the campaign has lost other contacts during the upload of a workbook.
    :raises TingTingAPIError: TingTing refuses the contacts or cannot be reached.
    """
    if read_at is None or monotonic() - read_at > _FRESH_FOR:
        # The check of a large audience takes minutes, in which the campaign may have been run.
        campaign = run_flow(client, read_existing(campaign.id))
    if campaign.status.has_begun:
        log.info("Campaign %s is %s: no contact is added, its contacts are compared", campaign.id, campaign.status)
        return _compare_begun_campaign(Membership(client, campaign, audience.forbidden), campaign, audience)
    count_before = campaign.campaign_action_count
    checkpoints = Checkpoints(campaign.id, before=count_before or 0, save_checkpoint=save_checkpoint)
    present_before: Membership | None = None
    expected_new = audience.valid
    if transport == "xlsx":
        if count_before != 0:
            # The API page does not say whether an upload skips, repeats or replaces the campaign's contacts.
            present_before = Membership(client, campaign, audience.forbidden)
            present_before.raise_if_repeated(audience)
            expected_new = len(present_before.missing(audience))
        sent = _upload_workbooks(client, campaign, audience) if expected_new else _SendReport(0, None, ())
    else:
        rest = checkpoints.resume_after(audience.encoded_contacts(), checkpoint) if checkpoint else None
        sent = _send_json(client, campaign, audience, rest, checkpoints, batch_size, concurrency)
    now = run_flow(client, read_existing(campaign.id))
    growth = None
    if count_before is not None and now.campaign_action_count is not None:
        growth = now.campaign_action_count - checkpoints.before
    # Counts prove the result without a reading of all contacts in two cases: the campaign has grown by as many contacts
    # as TingTing says it created; or, where that is not certain, by as many as were expected to be new.
    if sent.created is None:
        is_proven = growth == expected_new
        created = expected_new if growth is None else min(expected_new, max(0, growth))
    else:
        is_proven, created = sent.accepted == audience.valid and sent.created == growth, sent.created
    membership = present_before
    if sent.complaints or not is_proven or (now.campaign_action_count or 0) < audience.valid:
        membership = Membership(client, now, audience.forbidden, at_least=sent.accepted)
        missing = membership.missing(audience)
        if missing:
            checkpoints.clear()
        if missing and checkpoints.resumed and not now.status.has_begun:
            log.warning(
                "Campaign %s lacks %s contacts from before the checkpoint of an earlier try: all contacts are sent",
                campaign.id,
                len(missing),
            )
            return add_audience(
                client,
                now,
                audience,
                batch_size=batch_size,
                concurrency=concurrency,
                save_checkpoint=save_checkpoint,
            )
        if present_before is not None and expected_new:
            membership.raise_if_lost(present_before)
        raise_if_missing(missing, now, audience, sent.complaints)
        if present_before is None and sent.created and growth is not None and growth < 0:
            raise TingTingCampaignError(
                f"it has lost {sent.created - growth} contacts while these were added. If no person has removed them "
                "in TingTing, this server replaces contacts instead of adding to them: add all contacts in one task. A "
                "retry continues with the contacts that are in it.",
                campaign_id=campaign.id,
                status=now.status.value,
            )
        if not now.status.has_begun:
            membership.raise_if_repeated(audience)
        log.info(
            "Campaign %s holds all contacts of the audience and %s others",
            campaign.id,
            membership.total - audience.valid,
        )
    elif membership is None and audience.forbidden and (now.campaign_action_count or 0) > audience.valid:
        # A campaign with this audience only has no excluded contact; one with others may.
        membership = Membership(client, now, audience.forbidden)
    if membership is not None:
        membership.raise_if_excluded(now)
    if now.status.has_begun:
        raise TingTingCampaignError(
            f"it was run while contacts were added and is {now.status}. The contacts are in it, but it is not known "
            "whether the last ones are called: compare its report with the audience.",
            campaign_id=campaign.id,
            status=now.status.value,
        )
    result = AddResult(created, audience.valid - created, now.campaign_action_count)
    had_before = checkpoints.before if present_before is None else present_before.total
    _warn_about_earlier_contacts(now, audience, result, had_before)
    return result


def _compare_begun_campaign(membership: Membership, campaign: Campaign, audience: ValidatedAudience) -> AddResult:
    raise_if_missing(membership.missing(audience), campaign, audience)
    others = membership.total - audience.valid
    if campaign.status.is_final:
        # It makes no more calls, so an exclusion list that has grown since then fails nothing.
        if membership.excluded:
            log.warning(
                "Campaign %s has ended; %s of its contacts are excluded now", campaign.id, len(membership.excluded)
            )
    else:
        membership.raise_if_excluded(campaign)
    if others > 0 and not campaign.status.is_final:
        log.warning(
            "Campaign %s is %s and holds %s contacts, %s more than this audience. If another task has added them, this "
            "is expected. If an earlier try has, and they must not be called, remove them in TingTing before the "
            "campaign calls them",
            campaign.id,
            campaign.status,
            membership.total,
            others,
        )
    return AddResult(created=0, skipped=audience.valid, in_campaign=campaign.campaign_action_count)


def _send_json(
    client: TingTingClient,
    campaign: Campaign,
    audience: ValidatedAudience,
    rest: Iterator[EncodedContact] | None,
    checkpoints: Checkpoints,
    batch_size: int,
    concurrency: int,
) -> _SendReport:
    def post(batch: Batch) -> AddContactsResult:
        return client.send(calls.add_contacts(campaign.id, batch))

    progress = ProgressLog(f"Campaign {campaign.id}", "contacts sent", audience.valid, checkpoints.prefix.acknowledged)

    def on_progress(sent: int) -> None:
        progress.update(sent)
        checkpoints.save_periodically()

    try:
        result = send_batches(
            audience.encoded_contacts() if rest is None else rest,
            post,
            batch_size=batch_size,
            concurrency=concurrency,
            on_progress=on_progress,
            prefix=checkpoints.prefix,
        )
    except TingTingError:
        checkpoints.save()
        raise
    # TingTing counts a batch as skipped when it is sent again after a lost response, even if the first request created
    # it; the same holds for batches that were in flight when an earlier try ended.
    created = None if result.resent or checkpoints.resumed else result.created
    return _SendReport(result.created + result.skipped, created, tuple(map(str, result.rejected)))


def _upload_workbooks(client: TingTingClient, campaign: Campaign, audience: ValidatedAudience) -> _SendReport:
    complaints: list[str] = []
    uploaded, max_rows = 0, MAX_ROWS
    while uploaded < audience.valid:
        with ExitStack() as files:
            contacts = islice(audience.contacts(), uploaded, None)
            # All parts are written before the first upload: a text that no workbook can hold fails here.
            parts = write_workbook(
                contacts,
                lambda: files.enter_context(private_file())[1],
                variables=audience.variables,
                max_rows=max_rows,
            )
            for part in parts:
                try:
                    preview = run_flow(client, retry_idempotent(calls.upload_contacts(campaign.id, part.path)))
                except TingTingRefusedError as error:
                    if part.contacts == 1 or not is_too_large(error):
                        raise
                    max_rows = (part.contacts + 1) // 2 + 1
                    log.info("TingTing refuses a workbook of %d contacts as too large: halving it", part.contacts)
                    break
                sent = islice(audience.contacts(), uploaded, uploaded + part.contacts)
                complaints += redacted(preview.error_list, (contact.variables for contact in sent))
                uploaded += part.contacts
                log.info(
                    "Campaign %s: uploaded a workbook of %s rows; %s of %s contacts sent",
                    campaign.id,
                    preview.total_validated_rows,
                    f"{uploaded:,}",
                    f"{audience.valid:,}",
                )
    # The response is a preview: it does not say which contacts were created.
    return _SendReport(0, None, tuple(complaints))


def _warn_about_earlier_contacts(
    campaign: Campaign, audience: ValidatedAudience, result: AddResult, had_before: int
) -> None:
    """Warn about what a corrected and cleared task does not undo: other contacts, and variables sent earlier."""
    if had_before and result.skipped:
        log.warning(
            "Campaign %s had %s of the %s contacts already. TingTing skips them: their variables stay as they were "
            "first sent, even if they have been corrected since",
            campaign.id,
            result.skipped,
            audience.valid,
        )
    others = (result.in_campaign or 0) - audience.valid
    if others > 0:
        log.warning(
            "Campaign %s holds %s contacts, %s more than this audience: they are called too. If another task has added "
            "them, this is expected. If an earlier try has, and they must not be called, start over: clear the task "
            "that creates the campaign with on_clear='send_again', and the tasks after it",
            campaign.id,
            result.in_campaign,
            others,
        )
