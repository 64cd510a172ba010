"""An account at TingTing for the flow of a notification, in virtual time and without a server."""

from __future__ import annotations

from typing import Any

from support.scripted_server import BEGINS, ScriptedServer, pages_of

from airflow_provider_tingting.api.models import (
    CallerNumber,
    Campaign,
    Contact,
    Dashboard,
    MessageResponse,
    Page,
    Voice,
)
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.errors import TingTingNotFoundError, TingTingRefusedError
from airflow_provider_tingting.notifications.notification import Notification, NotificationMarker

FIRST, SECOND, THIRD = "9841234501", "9801234502", "9861234503"


class NoticeAccount(ScriptedServer):
    """Keeps campaigns of one contact each, and calls a contact in the moment in which its campaign is run.

    :param outcomes: number → the status in which its contact is then; `completed` if left out.
    :param script: answers in place of its own, as for `ScriptedServer`; a function may call `answer`.
    """

    def __init__(self, outcomes: dict[str, str] | None = None, **script: Any) -> None:
        self.campaigns: dict[int, Campaign] = {}
        self.contacts: dict[int, Contact] = {}
        #: Campaign id → what it was created with, and what was set as its message.
        self.created: dict[int, Any] = {}
        self.messages: dict[int, Any] = {}
        #: Number and services of each campaign that was run, in their order.
        self.called: list[tuple[str, str]] = []
        self._outcomes = outcomes or {}
        own = {name.removeprefix("_on_"): self.answer for name in dir(self) if name.startswith("_on_")}
        super().__init__(**(own | script))

    def answer(self, call: Any) -> Any:
        """Answer a call as TingTing does; return the error of a call that it refuses."""
        if call.campaign_id is not None and call.campaign_id not in self.campaigns:
            return TingTingNotFoundError(call.name, "not found.", status_code=404, campaign_id=call.campaign_id)
        return getattr(self, f"_on_{call.name}")(call)

    def make(self, description: str, *, status: str = "Running", contact: str = "completed", **fields: Any) -> int:
        """Make the campaign of another notifier, and return its id."""
        number = len(self.created) + 1
        self.created[number] = {}
        self.campaigns[number] = Campaign(id=number, status=status, description=description, **fields)
        self.contacts[number] = Contact(number="9800000000", status=contact)
        return number

    def set_status(self, campaign_id: int, status: str) -> None:
        self.campaigns[campaign_id] = self.campaigns[campaign_id].model_copy(update={"status": CampaignStatus(status)})

    def _on_get_dashboard(self, call: Any) -> Any:
        return Dashboard(remaining_credits=100)

    def _on_list_broker_numbers(self, call: Any) -> Any:
        return [CallerNumber(id=3), CallerNumber(id=4)]

    def _on_list_own_numbers(self, call: Any) -> Any:
        return []

    def _on_list_voice_models(self, call: Any) -> Any:
        return (Voice(id=5, voice_display_name="Rija"), Voice(id=6, voice_display_name="Binod"))

    def _on_list_campaigns(self, call: Any) -> Any:
        return pages_of([self.campaigns[one] for one in sorted(self.campaigns, reverse=True)])(call)

    def _on_create_campaign(self, call: Any) -> Any:
        number = len(self.created) + 1
        asked = self.created[number] = call.request.json
        self.campaigns[number] = Campaign(
            id=number,
            name=asked["name"],
            status="Not Started",
            services=asked["services"],
            description=asked["description"],
            schedule=asked.get("schedule"),
        )
        return self.campaigns[number]

    def _on_get_campaign(self, call: Any) -> Any:
        return self.campaigns[call.campaign_id]

    def _on_set_campaign_message(self, call: Any) -> Any:
        self.messages[call.campaign_id] = call.request.json

    def _on_add_contacts(self, call: Any) -> Any:
        (row,) = call.request.json["contacts"]
        self.contacts[call.campaign_id] = Contact(number=row["number"])

    def _on_run_campaign(self, call: Any) -> Any:
        campaign, contact = self.campaigns[call.campaign_id], self.contacts.get(call.campaign_id)
        if campaign.status.has_begun or contact is None:
            return TingTingRefusedError(call.name, "It cannot be run.", status_code=400)
        self.called.append((contact.number, campaign.services))
        outcome = self._outcomes.get(contact.number, "completed")
        self.contacts[campaign.id] = Contact(number=contact.number, status=outcome)
        self.set_status(campaign.id, "Scheduled" if campaign.schedule else "Running")
        return MessageResponse(message="Campaign started.")

    def _on_list_contacts(self, call: Any) -> Any:
        return Page[Contact](count=1, results=[self.contacts[call.campaign_id]])

    def _on_delete_campaign(self, call: Any) -> Any:
        del self.campaigns[call.campaign_id]


def notice(*to: str, **changes: Any) -> Notification:
    """Make a notification to these numbers."""
    return Notification(
        **{"key": "0123456789abcdef", "about": "a dag", "to": to or (FIRST,), "text": "Look.", **changes}
    )


def claim(account: NoticeAccount, *to: str, step: int = 0, ago: float = 10.0, **campaign: Any) -> int:
    """Let another notifier have claimed the notification some seconds ago, and return its campaign's id."""
    return account.make(f"{NotificationMarker.of(notice(*to), step, BEGINS - ago)} A notice.", **campaign)


def refused(call: str) -> TingTingRefusedError:
    """Make the error of a call that TingTing refuses."""
    return TingTingRefusedError(call, "no.", status_code=400)


def numbers(account: NoticeAccount) -> list[str]:
    """Return who was called or texted, in their order."""
    return [number for number, _ in account.called]
