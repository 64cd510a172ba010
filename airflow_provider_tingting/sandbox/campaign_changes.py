"""What can be done to the campaigns of the sandbox's world: made, changed, run, stopped, deleted.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from airflow_provider_tingting.sandbox.clock import END_OF_TIME
from airflow_provider_tingting.sandbox.nepal_time import NEPAL, bikram_sambat
from airflow_provider_tingting.sandbox.records import RUNNING, SCHEDULED, Campaign, Run
from airflow_provider_tingting.sandbox.refusals import forbidden_now, invalid
from airflow_provider_tingting.sandbox.state import State, recorded


class CampaignChanges(State):
    """The part of the world that changes campaigns."""

    @recorded
    def create_campaign(
        self,
        *,
        name: str,
        services: str,
        user_phone: Sequence[int],
        message: str,
        sms_message: str = "",
        description: str = "",
        schedule: float | None = None,
        voice: int | None = None,
        credit_limit: float | None = None,
    ) -> Campaign:
        """Create a campaign and return it.

        :raises Refused: a voice or caller number that does not exist, a past schedule, an SMS without text.
        """
        self._check_fields(services, sms_message, schedule, voice, user_phone)
        campaign = Campaign(
            id=self._last_campaign + 1,
            name=name,
            services=services,
            user_phone=list(user_phone),
            message=message,
            sms_message=sms_message,
            description=description,
            updated_at=self._now,
            schedule=schedule,
            voice=voice,
            credit_limit=credit_limit,
        )
        self.keep(campaign)
        return campaign

    @recorded
    def update_campaign(self, campaign_id: int, /, **changes: Any) -> Campaign:
        """Change some fields of a campaign; voice, category, length factor and draft among them.

        :raises Refused: as for creating.
        """
        campaign = self.campaign(campaign_id)
        after = {
            key: changes.get(key, getattr(campaign, key)) for key in ("services", "sms_message", "voice", "user_phone")
        }
        self._check_fields(schedule=changes.get("schedule"), **after)
        for key, value in changes.items():
            setattr(campaign, key, value)
        campaign.updated_at = self._now
        return campaign

    @recorded
    def delete_campaign(self, campaign_id: int) -> None:
        """Delete a campaign, its contacts and what it still had to dial."""
        campaign = self.campaign(campaign_id)
        for contact_id in campaign.contacts:
            del self._homes[contact_id]
        del self.campaigns[campaign_id]

    @recorded
    def run_campaign(self, campaign_id: int) -> str:
        """Run a campaign, every time it is asked, and return TingTing's sentence.

        Running one that runs or has ended dials everybody again: that is what TingTing does, and how a client that asks
        twice is found out.

        :raises Refused: a draft, no contacts, or no voice for a campaign that calls.
        """
        campaign = self.campaign(campaign_id)
        if campaign.draft:
            raise forbidden_now("The campaign is a draft.")
        if not campaign.contacts:
            raise forbidden_now("The campaign has no contacts.")
        if campaign.phones and campaign.voice is None:
            raise invalid(voice="Select a voice before you run the campaign.")
        later = campaign.schedule is not None and campaign.schedule > self._now
        starts_at = campaign.schedule if later and campaign.schedule is not None else self._now
        run = Run(len(campaign.runs) + 1, campaign.id, starts_at)
        campaign.runs.append(run)
        if campaign.status != RUNNING:
            campaign.status = SCHEDULED if later else RUNNING
        campaign.updated_at = self._now
        self._dialler.add(run)
        self._dialler.advance(self._now)
        if not later:
            return "Campaign Began Successfully!!"
        due = datetime.fromtimestamp(starts_at, NEPAL)
        return f"Campaign Scheduled successfully for {bikram_sambat(due.date())} at {due:%H:%M:%S}"

    @recorded
    def stop_campaign(self, campaign_id: int) -> None:
        """Terminate a campaign: calls under way are cut, contacts not yet dialled stay undialled.

        :raises Refused: it neither runs nor is scheduled.
        """
        campaign = self.campaign(campaign_id)
        if campaign.status not in (RUNNING, SCHEDULED):
            raise forbidden_now("Only a running or scheduled campaign can be stopped.")
        self._dialler.stop(campaign, self._now)

    def _check_fields(
        self,
        services: str,
        sms_message: str,
        schedule: float | None,
        voice: int | None,
        user_phone: Sequence[int],
    ) -> None:
        if "SMS" in services and not sms_message:
            raise invalid(sms_message="This field is required.")
        if schedule is not None and schedule <= self._now:
            raise invalid(schedule="Cannot schedule past dates.")
        if schedule is not None and schedule > END_OF_TIME:
            raise invalid(schedule="Cannot schedule beyond the year 9000.")
        if voice is not None and voice not in self.voices:
            raise invalid(voice=f'Invalid pk "{voice}" - object does not exist.')
        for caller in user_phone:
            if caller not in self.callers:
                raise invalid(user_phone=f'Invalid pk "{caller}" - object does not exist.')
