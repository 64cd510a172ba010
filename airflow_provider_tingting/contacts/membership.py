"""Compares the contacts of a campaign, read from its listing, with an audience."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.stale_reads import list_existing
from airflow_provider_tingting.contacts.progress import with_progress
from airflow_provider_tingting.errors import TingTingCampaignError, TingTingContactsError
from airflow_provider_tingting.masking import mask_number

if TYPE_CHECKING:
    from airflow_provider_tingting.api.client import TingTingClient
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.contacts.exclusion import Exclusion
    from airflow_provider_tingting.contacts.validated_audience import ValidatedAudience

log = logging.getLogger(__name__)

_NAMED_IN_ERRORS = 10


class ContactsRemovedError(TingTingCampaignError, TingTingContactsError):
    """A campaign has lost contacts during an upload; not retryable, because a retry would not see the loss."""


class Membership:
    """The numbers of a campaign, each with the count of its contacts.

    :param client: the client that reads the campaign's contacts.
    :param campaign: the campaign, as it was read just before.
    :param forbidden: the lists of numbers that must not be in it.
    :param at_least: how many contacts TingTing has said that it has; the campaign's own count may be older.
    :ivar counts: contacts by the last ten digits of their number.
    :ivar excluded: the numbers that are in it although a list names them.
    """

    def __init__(
        self, client: TingTingClient, campaign: Campaign, forbidden: Sequence[Exclusion] = (), at_least: int = 0
    ) -> None:
        self._campaign = campaign
        self._at_least = max(at_least, campaign.campaign_action_count or 0)
        self._lists = " or ".join(one.name for one in forbidden)
        self.counts: Counter[str] = Counter()
        self.excluded: list[str] = []
        list_existing(lambda: self._read(client, forbidden), self._is_current)

    def _is_current(self, contacts: int) -> bool:
        """Return whether a list shows as many contacts as the campaign has had before."""
        is_current = contacts >= self._at_least
        if not is_current:
            log.info(
                "Campaign %s has %s contacts, and the list of its contacts shows %s, so the list may be an older one",
                self._campaign.id,
                self._at_least,
                contacts,
            )
        return is_current

    def _read(self, client: TingTingClient, forbidden: Sequence[Exclusion]) -> int:
        """Read the list; return how many contacts it shows."""
        self.counts.clear()
        self.excluded.clear()
        listed = client.iterate(calls.list_contacts(self._campaign.id))
        subject, total = f"Campaign {self._campaign.id}", self._campaign.campaign_action_count
        for contact in with_progress(listed, subject, "contacts read", total):
            # Some servers write the country code before the number.
            self.counts[contact.number[-10:]] += 1
            if any(one.matches(contact.number) for one in forbidden):
                self.excluded.append(contact.number)
        return self.total

    @property
    def total(self) -> int:
        """The number of contacts, repeated ones included."""
        return sum(self.counts.values())

    def missing(self, audience: ValidatedAudience) -> list[str]:
        """Return the numbers of the audience that the campaign lacks.

        :param audience: the audience, still open.
        """
        return self._compared(audience)[0]

    def raise_if_repeated(self, audience: ValidatedAudience) -> None:
        """Refuse a campaign that has a contact of the audience more than once.

        :param audience: the audience, still open.
        :raises TingTingCampaignError: the campaign has a number more often than the audience.
        """
        if self.total == len(self.counts):
            return
        repeated = self._compared(audience)[1]
        if repeated:
            raise TingTingCampaignError(
                f"it has {len(repeated)} of {audience.valid} contacts more than once, and would call them as often: "
                f"{_masked(repeated)}. This server does not skip existing contacts when a workbook is uploaded again. "
                'No contact has been called. Start over, with transport="json": clear the task that creates the '
                'campaign with on_clear="send_again", and the tasks after it; or delete the repeated contacts with '
                "TingTingHook.delete_contact.",
                campaign_id=self._campaign.id,
                status=self._campaign.status.value,
            )

    def raise_if_lost(self, before: Membership) -> None:
        """Refuse a campaign that has lost other contacts during an upload.

        :param before: its contacts before the upload.
        :raises ContactsRemovedError: a contact that was in it before is not in it now.
        """
        lost = len(before.counts.keys() - self.counts.keys())
        if lost:
            called = "" if self._campaign.status.has_begun else "No contact has been called. "
            raise ContactsRemovedError(
                f"it has lost {lost} contacts while these were added: unless a person has removed them in TingTing, "
                f"this server replaces contacts instead of adding to them. {called}Add all contacts in one task, or "
                "with another transport.",
                campaign_id=self._campaign.id,
                status=self._campaign.status.value,
            )

    def raise_if_excluded(self, campaign: Campaign) -> None:
        """Refuse a campaign that has contacts which are excluded now, added by an earlier try or another task.

        :param campaign: the campaign as it is now.
        :raises TingTingCampaignError: it has such contacts.
        """
        if self.excluded:
            begun = f" It is {campaign.status} and may call them." if campaign.status.has_begun else ""
            raise TingTingCampaignError(
                f"{len(self.excluded)} of its contacts are numbers that {self._lists} names: {_masked(self.excluded)}. "
                f"An earlier try or another task has added them.{begun} Remove them with TingTingHook.delete_contact "
                "or in TingTing itself, or delete the campaign; then run the task again.",
                campaign_id=campaign.id,
                status=campaign.status.value,
            )

    def _compared(self, audience: ValidatedAudience) -> tuple[list[str], list[str]]:
        """Return the audience's numbers that the campaign lacks, and those that it has more often."""
        left = self.counts.copy()
        missing = []
        for contact in audience.contacts():
            key = contact.number[-10:]
            if left[key]:
                left[key] -= 1
            else:
                missing.append(contact.number)
        return missing, [contact.number for contact in audience.contacts() if left[contact.number[-10:]]]


def raise_if_missing(
    missing: list[str], campaign: Campaign, audience: ValidatedAudience, complaints: tuple[str, ...] = ()
) -> None:
    """Refuse a campaign that lacks contacts of the audience.

    :param missing: the numbers that it lacks.
    :param campaign: the campaign as it is now.
    :param audience: the audience.
    :param complaints: what TingTing complained of, masked; the first three are quoted.
    :raises TingTingCampaignError: a number is missing.
    """
    if not missing:
        return
    quoted = f" TingTing says: {'; '.join(complaints[:3])}." if complaints else ""
    advice = (
        f"It is {campaign.status}, so they are not added any more: call them with a campaign of their own."
        if campaign.status.has_begun
        else "No contact has been called. Run the task again, or remove these numbers from the source."
    )
    raise TingTingCampaignError(
        f"it lacks {len(missing)} of {audience.valid} contacts: {_masked(missing)}.{quoted} {advice}",
        campaign_id=campaign.id,
        status=campaign.status.value,
    )


def _masked(numbers: list[str]) -> str:
    shown = ", ".join(mask_number(number) for number in numbers[:_NAMED_IN_ERRORS])
    return f"{shown} and {len(numbers) - _NAMED_IN_ERRORS} more" if len(numbers) > _NAMED_IN_ERRORS else shown
