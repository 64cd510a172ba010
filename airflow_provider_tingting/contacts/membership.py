"""Who is in a campaign, read from its listing, compared with who should be. Imports this package only."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow_provider_tingting import api
from airflow_provider_tingting.errors import TingTingCampaignError
from airflow_provider_tingting.masking import mask_number

if TYPE_CHECKING:
    from airflow_provider_tingting.api.client import TingTingClient
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.contacts.audience import ValidatedAudience
    from airflow_provider_tingting.contacts.exclusion import Exclusion

_NAMED_IN_ERRORS = 10


class ContactsMissingError(TingTingCampaignError):
    """A campaign has lost people while a workbook was uploaded. A retry would find the others there and see nothing."""


class Membership:
    """The numbers of a campaign, each with how often it is there.

    :param client: reads the campaign's contacts one by one.
    :param campaign: the campaign, as it was just before.
    :param exclude: who must not be there.
    :ivar excluded: the numbers that are there all the same.
    """

    def __init__(self, client: TingTingClient, campaign: Campaign, exclude: Exclusion | None = None) -> None:
        self._campaign = campaign
        self.times: Counter[str] = Counter()
        self.excluded: list[str] = []
        for contact in client.iterate(api.calls.list_contacts(campaign.id)):
            # The last ten digits, because a server may write the country's code before them.
            self.times[contact.number[-10:]] += 1
            if exclude and exclude.matches(contact.number):
                self.excluded.append(contact.number)

    @property
    def total(self) -> int:
        """How many contacts there are, those that are there more than once as often as they are."""
        return sum(self.times.values())

    def missing(self, audience: ValidatedAudience) -> list[str]:
        """Return the numbers of the audience that are not there."""
        return self._compared(audience)[0]

    def raise_if_repeated(self, audience: ValidatedAudience) -> None:
        """Refuse a campaign that would call somebody of the audience more than once.

        :raises TingTingCampaignError: a number is there more often than the audience has it.
        """
        if self.total == len(self.times):
            return
        repeated = self._compared(audience)[1]
        if repeated:
            raise TingTingCampaignError(
                f"of {audience.valid} contacts {len(repeated)} are in it more than once, and would be called as often: "
                f"{_named(repeated)}. "
                "This server does not skip what a campaign has when a workbook is uploaded again. Nobody has been "
                'called. Begin anew, with transport="json": clear the task that creates the campaign with '
                'on_clear="send_again", and those after it; or take them out with TingTingHook.delete_contact.',
                campaign_id=self._campaign.id,
                status=self._campaign.status.value,
            )

    def raise_if_lost(self, before: Membership) -> None:
        """Refuse a campaign out of which an upload has thrown others.

        :raises PeopleLostError: somebody who was there before is not there now.
        """
        lost = len(before.times.keys() - self.times.keys())
        if lost:
            called = "" if self._campaign.status.has_begun else "Nobody has been called. "
            raise ContactsMissingError(
                f"it has lost {lost} contacts while these were added: unless somebody has taken them out in TingTing, "
                f"this server replaces contacts instead of adding to them. {called}Add everybody in one task, or with "
                "another transport.",
                campaign_id=self._campaign.id,
                status=self._campaign.status.value,
            )

    def raise_if_excluded(self, campaign: Campaign) -> None:
        """Refuse a campaign that an earlier try, or another task, has given somebody who is excluded now.

        :param campaign: the campaign, as it is by now.
        """
        if self.excluded:
            begun = f" It is {campaign.status} and may call them." if campaign.status.has_begun else ""
            raise TingTingCampaignError(
                f"{len(self.excluded)} of its contacts are numbers that exclude= names: {_named(self.excluded)}. An "
                f"earlier try or another task has added them.{begun} Take them out with TingTingHook.delete_contact or "
                "in TingTing itself, or delete the campaign; then run the task again.",
                campaign_id=campaign.id,
                status=campaign.status.value,
            )

    def _compared(self, audience: ValidatedAudience) -> tuple[list[str], list[str]]:
        """Return whose number is not there, and whose is there more often than the audience has it."""
        left = self.times.copy()
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
    """Refuse a campaign that lacks somebody of the audience."""
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


def _named(found: list[str]) -> str:
    named = ", ".join(mask_number(number) for number in found[:_NAMED_IN_ERRORS])
    return f"{named} and {len(found) - _NAMED_IN_ERRORS} more" if len(found) > _NAMED_IN_ERRORS else named
