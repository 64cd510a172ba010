"""What can be done to the contacts of the sandbox's world: added, changed, removed, called for a demonstration.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_tingting.sandbox.outcomes import call_credits, carrier_of
from airflow_provider_tingting.sandbox.records import Campaign, Contact
from airflow_provider_tingting.sandbox.refusals import forbidden_now, invalid
from airflow_provider_tingting.sandbox.state import State, recorded
from airflow_provider_tingting.sandbox.wording import fill, speech_seconds


class ContactChanges(State):
    """The part of the world that changes contacts."""

    @recorded
    def add_contacts(
        self,
        campaign_id: int,
        rows: Sequence[tuple[str, dict[str, Any]]],
        *,
        replace: bool = False,
        repeat: bool = False,
    ) -> tuple[list[Contact], int]:
        """Add contacts, skipping numbers that the campaign has; return the new ones and the count of the skipped.

        :param rows: (number, variables) of each.
        :param replace: remove the contacts that there are first.
        :param repeat: add numbers that the campaign has once more.
        """
        campaign = self.campaign(campaign_id)
        if replace:
            for contact in list(campaign.contacts.values()):
                self._remove(campaign, contact)
        added = []
        for number, variables in rows:
            if number in campaign.numbers and not repeat:
                continue
            contact = Contact(self._last_contact + 1, campaign.id, number, dict(variables), self._now)
            self.keep_contact(contact)
            added.append(contact)
        if added:
            campaign.updated_at = self._now
        return added, len(rows) - len(added)

    @recorded
    def note_upload(self, campaign_id: int, file_name: str) -> None:
        """Remember the workbook that was uploaded last."""
        self.campaign(campaign_id).bulk_file = file_name

    @recorded
    def update_attributes(self, contact_id: int, attributes: Mapping[str, Any]) -> Contact:
        """Change some of a contact's variables."""
        contact = self.contact(contact_id)
        # A new dict: the ledger holds the one that was spoken.
        contact.variables = {**contact.variables, **attributes}
        contact.updated_at = self._now
        return contact

    @recorded
    def update_number(self, contact_id: int, number: str) -> Contact:
        """Change a contact's number.

        :raises Refused: the campaign has that number already.
        """
        contact = self.contact(contact_id)
        campaign = self.campaigns[contact.campaign_id]
        if campaign.numbers.get(number, contact_id) != contact_id:
            raise invalid(number="This number already exists in the campaign.")
        old, contact.number, contact.updated_at = contact.number, number, self._now
        self._let_go(campaign, old)
        campaign.numbers[number] = contact_id
        campaign.carriers[carrier_of(number)] += 1
        return contact

    @recorded
    def delete_contact(self, contact_id: int) -> None:
        """Remove a contact from its campaign."""
        contact = self.contact(contact_id)
        self._remove(self.campaigns[contact.campaign_id], contact)

    @recorded
    def demo_call(self, contact_id: int) -> None:
        """Call one contact once, outside any run.

        :raises Refused: no voice, or no credits.
        """
        contact = self.contact(contact_id)
        campaign = self.campaigns[contact.campaign_id]
        voice = self.voices.get(campaign.voice or 0)
        if voice is None:
            raise invalid(voice="Select a voice before you make a demo call.")
        length = speech_seconds(fill(campaign.message, contact.variables), float(campaign.length_factor))
        cost = call_credits(length, premium=voice.is_premium)
        if self._purse.credits < cost:
            raise forbidden_now("Insufficient credits.")
        self._purse.credits -= cost
        self._dialler.note(campaign, contact, 0, self._now, "demo", "completed", cost)

    def _remove(self, campaign: Campaign, contact: Contact) -> None:
        del campaign.contacts[contact.id]
        del self._homes[contact.id]
        self._let_go(campaign, contact.number)
        campaign.updated_at = self._now

    def _let_go(self, campaign: Campaign, number: str) -> None:
        """Forget a number of which a contact has just been removed."""
        del campaign.numbers[number]
        campaign.carriers[carrier_of(number)] -= 1
        # Some number is there more than once, perhaps this one.
        if len(campaign.numbers) < len(campaign.contacts):
            campaign.numbers = {contact.number: contact.id for contact in campaign.contacts.values()}
