"""Brings a checked audience into a campaign and makes sure that everybody is in it."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.contacts.send import send_batches
from airflow_provider_tingting.contacts.workbook import write_workbook
from airflow_provider_tingting.errors import TingTingCampaignError
from airflow_provider_tingting.masking import mask_number, mask_text

if TYPE_CHECKING:
    from airflow_provider_tingting.api.client import TingTingClient
    from airflow_provider_tingting.api.models import AddContactsResult, Campaign
    from airflow_provider_tingting.contacts.audience import CheckedAudience

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
) -> Loaded:
    """Send everybody and check that the campaign holds them.

    Sending again is safe, because TingTing skips numbers that the campaign has. A campaign that has begun is sent
    nothing, since a number added to it might be called or not: it is only checked.

    :raises TingTingCampaignError: somebody is missing from the campaign; the text names the first ones masked.
    :raises TingTingAPIError: TingTing refuses or cannot be reached.
    """
    if campaign.status.has_begun:
        log.info("Campaign %s is %s: nobody is added, only checked", campaign.id, campaign.status)
        _find_missing(client, campaign, audience, complaints=())
        return Loaded(created=0, skipped=audience.valid)
    sent = _WAYS[transport](client, campaign, audience, batch_size=batch_size, concurrency=concurrency)
    now = client.send(calls.get_campaign(campaign.id))
    growth = (now.campaign_action_count or 0) - (campaign.campaign_action_count or 0)
    # Believed without a look at every contact: that the campaign has grown by what TingTing says it created of
    # everybody; or, when it does not say, by everybody.
    if sent.created is None:
        believed, created = growth == audience.valid, min(audience.valid, max(0, growth))
    else:
        believed, created = sent.taken == audience.valid and sent.created == growth, sent.created
    if growth < 0:
        raise TingTingCampaignError(
            f"it has lost {-growth} contacts while these were added: this server replaces contacts instead of "
            "adding to them. Nobody has been called. Add everybody in one task, or with another transport.",
            campaign_id=campaign.id,
            status=now.status.value,
        )
    if sent.complaints or not believed or (now.campaign_action_count or 0) < audience.valid:
        _find_missing(client, now, audience, sent.complaints)
    if now.status.has_begun:
        raise TingTingCampaignError(
            f"it was run while contacts were added and is {now.status}. They are in it, but whether the last ones are "
            "called, nobody knows: compare its report with the audience.",
            campaign_id=campaign.id,
            status=now.status.value,
        )
    return Loaded(created, audience.valid - created)


def _by_json(
    client: TingTingClient, campaign: Campaign, audience: CheckedAudience, *, batch_size: int, concurrency: int
) -> _Sent:
    def post(batch: list[dict[str, object]]) -> AddContactsResult:
        return client.send(calls.add_contacts(campaign.id, batch))

    def tell(sent: int) -> None:
        log.info("Campaign %s: %s of %s contacts sent", campaign.id, sent, audience.valid)

    result = send_batches(audience.contacts(), post, batch_size=batch_size, concurrency=concurrency, on_progress=tell)
    # A batch whose answer was lost counts as skipped when it is sent again, even if it had been created.
    created = None if result.resent else result.created
    return _Sent(result.created + result.skipped, created, tuple(map(str, result.rejected)))


def _by_workbook(
    client: TingTingClient, campaign: Campaign, audience: CheckedAudience, *, batch_size: int, concurrency: int
) -> _Sent:
    from airflow_provider_tingting.settling import insist

    complaints: list[str] = []
    with tempfile.TemporaryDirectory(prefix="tingting-") as folder:
        for part in write_workbook(audience.contacts(), Path(folder) / "contacts.xlsx", variables=audience.variables):
            preview = client.converse(insist(calls.upload_contacts(campaign.id, part.path)))
            complaints += [mask_text(str(error)) for error in preview.error_list]
            log.info("Campaign %s: a workbook of %s rows was uploaded", campaign.id, preview.total_validated_rows)
    # The answer is a preview: it does not say who was created.
    return _Sent(0, None, tuple(complaints))


_WAYS = {"json": _by_json, "xlsx": _by_workbook}


def _find_missing(
    client: TingTingClient, campaign: Campaign, audience: CheckedAudience, complaints: tuple[str, ...]
) -> None:
    """Read the campaign's contacts one by one and raise if somebody of the audience is not among them."""
    present = {contact.number[-10:] for contact in client.iterate(calls.list_contacts(campaign.id))}
    missing = [contact.number for contact in audience.contacts() if contact.number[-10:] not in present]
    if not missing:
        log.info("Campaign %s holds everybody and %s others", campaign.id, len(present) - audience.valid)
        return
    named = ", ".join(mask_number(number) for number in missing[:_NAMED_IN_ERRORS])
    more = f" and {len(missing) - _NAMED_IN_ERRORS} more" if len(missing) > _NAMED_IN_ERRORS else ""
    said = f" TingTing says: {'; '.join(complaints[:3])}." if complaints else ""
    advice = (
        f"It is {campaign.status}, so they are not added any more: call them with a campaign of their own."
        if campaign.status.has_begun
        else "Nobody has been called. Run the task again, or take these numbers out."
    )
    raise TingTingCampaignError(
        f"of {audience.valid} contacts {len(missing)} are not in it: {named}{more}.{said} {advice}",
        campaign_id=campaign.id,
        status=campaign.status.value,
    )
