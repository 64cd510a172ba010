"""The data of one TingTing account: campaigns, contacts, voices, caller numbers, surveys, balance and token.

`Account` has no clock and starts no calls; `world.World` adds both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any, TypeVar

from airflow_provider_tingting.sandbox.clock import END_OF_TIME
from airflow_provider_tingting.sandbox.outcomes import carrier_of
from airflow_provider_tingting.sandbox.records import Caller, Campaign, Contact, Voice
from airflow_provider_tingting.sandbox.refusals import invalid
from airflow_provider_tingting.sandbox.samples import CALLERS, SURVEYS, VOICES, sample_records

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """The initial state of a world. The state file holds all of it.

    :param seed: decides how every call ends.
    :param credits: the account's balance.
    :param token: the API token; by default a random one.
    :param shares: weights of the outcomes, see `outcomes.DEFAULT_SHARES`; None means those defaults.
    :param calls_per_second: how many contacts of a run are dialled in one second.
    :param first_campaign_id: the id of the first campaign that is created.
    :param samples: whether the campaigns of the API page's samples exist.
    :param start: the time at which the world's clock begins, ISO 8601; None means now.
    :param voices: the voices, each with the fields of `records.Voice`; None means `samples.VOICES`.
    :param callers: the caller numbers, each with the fields of `records.Caller`; None means `samples.CALLERS`.
    """

    seed: int = 7
    credits: int = 10_000
    token: str = field(default_factory=lambda: token_urlsafe(24), repr=False)
    shares: Mapping[str, float] | None = None
    calls_per_second: float = 4.0
    first_campaign_id: int = 1
    samples: bool = False
    start: str | None = None
    voices: Sequence[Mapping[str, Any]] | None = None
    callers: Sequence[Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        for name in ("seed", "credits", "first_campaign_id"):
            if not isinstance(getattr(self, name), int):
                raise ValueError(f"{name} must be a whole number, not {getattr(self, name)!r}")
        if not self.token or not isinstance(self.token, str):
            raise ValueError("token must be a text that is not empty")
        if not self.calls_per_second > 0:
            raise ValueError("calls_per_second must be above 0")


class Account:
    """The records of one account, in memory.

    :param settings: the initial state.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.begin()

    def begin(self) -> None:
        """Return to the initial state."""
        settings = self.settings
        self.token = settings.token
        self.balance = settings.credits
        self.voices: dict[int, Voice] = {voice.id: voice for voice in _records(Voice, settings.voices, VOICES)}
        self.callers: dict[int, Caller] = {caller.id: caller for caller in _records(Caller, settings.callers, CALLERS)}
        self.surveys: dict[int, list[dict[str, Any]]] = dict(SURVEYS)
        self.campaigns: dict[int, Campaign] = {}
        #: The length in seconds of each voice preview, by the name of its file.
        self.previews: dict[str, int] = {}
        # The campaign's id by the id of a contact.
        self._campaign_ids: dict[int, int] = {}
        self._last_campaign_id = settings.first_campaign_id - 1
        self._last_contact_id = 0
        for campaign, contacts in sample_records() if settings.samples else ():
            self.keep_campaign(campaign)
            for contact in contacts:
                self.keep_contact(contact)

    @property
    def next_campaign_id(self) -> int:
        """The id of the next campaign that is created."""
        return self._last_campaign_id + 1

    def skip_campaign_ids(self, next_id: int) -> None:
        """Make the next campaign that is created have at least this id.

        :param next_id: the id of the next campaign.
        """
        self._last_campaign_id = max(self._last_campaign_id, next_id - 1)

    @property
    def next_contact_id(self) -> int:
        """The id of the next contact that is added."""
        return self._last_contact_id + 1

    def campaign_of(self, contact_id: int) -> Campaign | None:
        """Return the campaign that has a contact; None when no campaign has it."""
        return self.campaigns.get(self._campaign_ids.get(contact_id, 0))

    def keep_campaign(self, campaign: Campaign) -> None:
        """Keep a new campaign.

        :param campaign: the campaign.
        """
        self.campaigns[campaign.id] = campaign
        self._last_campaign_id = max(self._last_campaign_id, campaign.id)

    def keep_contact(self, contact: Contact) -> None:
        """Keep a new contact in its campaign.

        :param contact: the contact.
        """
        campaign = self.campaigns[contact.campaign_id]
        campaign.contacts[contact.id] = contact
        campaign.numbers[contact.number] = contact.id
        campaign.carriers[carrier_of(contact.number)] += 1
        self._campaign_ids[contact.id] = campaign.id
        self._last_contact_id = max(self._last_contact_id, contact.id)

    def drop_campaign(self, campaign: Campaign) -> None:
        """Remove a campaign with its contacts.

        :param campaign: the campaign.
        """
        for contact_id in campaign.contacts:
            del self._campaign_ids[contact_id]
        del self.campaigns[campaign.id]

    def drop_contact(self, campaign: Campaign, contact: Contact) -> None:
        """Remove a contact from its campaign.

        :param campaign: the campaign.
        :param contact: the contact.
        """
        del campaign.contacts[contact.id]
        del self._campaign_ids[contact.id]
        self._drop_number(campaign, contact.number)

    def change_number(self, contact: Contact, number: str) -> None:
        """Give a contact another number.

        :param contact: the contact.
        :param number: the new number.
        :raises Refused: 400, the campaign has that number already.
        """
        campaign = self.campaigns[contact.campaign_id]
        if campaign.numbers.get(number, contact.id) != contact.id:
            raise invalid(number="This number already exists in the campaign.")
        old, contact.number = contact.number, number
        self._drop_number(campaign, old)
        campaign.numbers[number] = contact.id
        campaign.carriers[carrier_of(number)] += 1

    def _drop_number(self, campaign: Campaign, number: str) -> None:
        """Take a number out of the index, after its contact was removed or renumbered."""
        del campaign.numbers[number]
        campaign.carriers[carrier_of(number)] -= 1
        # Some contacts share a number; the one removed may be among them.
        if len(campaign.numbers) < len(campaign.contacts):
            campaign.numbers = {contact.number: contact.id for contact in campaign.contacts.values()}

    def check_fields(
        self,
        now: float,
        services: str,
        sms_message: str,
        schedule: float | None,
        voice: int | None,
        user_phone: Sequence[int],
    ) -> None:
        """Check the fields of a campaign that is created or updated.

        :param now: the world's time, seconds since 1970.
        :param services: `PHONE`, `SMS` or `SMS & PHONE`.
        :param sms_message: the text of an SMS.
        :param schedule: seconds since 1970; None for none.
        :param voice: the id of a voice; None for none.
        :param user_phone: the ids of caller numbers.
        :raises Refused: 400; an unknown voice or caller number, a past schedule, an SMS without text.
        """
        if "SMS" in services and not sms_message:
            raise invalid(sms_message="This field is required.")
        if schedule is not None and schedule <= now:
            raise invalid(schedule="Cannot schedule past dates.")
        if schedule is not None and schedule > END_OF_TIME:
            raise invalid(schedule="Cannot schedule beyond the year 9000.")
        if voice is not None and voice not in self.voices:
            raise invalid(voice=f'Invalid pk "{voice}" - object does not exist.')
        for caller in user_phone:
            if caller not in self.callers:
                raise invalid(user_phone=f'Invalid pk "{caller}" - object does not exist.')


def _records(kind: type[T], rows: Sequence[Mapping[str, Any]] | None, default: tuple[T, ...]) -> tuple[T, ...]:
    return default if rows is None else tuple(kind(**row) for row in rows)
