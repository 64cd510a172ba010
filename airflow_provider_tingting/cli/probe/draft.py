"""The draft campaign of a probe: created, never run, and deleted on every way out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from secrets import token_hex

from airflow_provider_tingting.api import TingTingClient, calls
from airflow_provider_tingting.api.driver import run_flow
from airflow_provider_tingting.api.lookups import list_caller_numbers
from airflow_provider_tingting.api.models import Campaign, Page
from airflow_provider_tingting.api.protocol import Call, T
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns import reconcile
from airflow_provider_tingting.clock import monotonic, sleep
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
)

NAME_PREFIX = "airflow-provider-tingting probe"

_NAME = re.compile(rf"{NAME_PREFIX} ([0-9a-f]{{16}})\Z")
#: The most rows of a list that are read: a draft is among the newest campaigns.
_MAX_LISTED = 200
_MAX_SEARCHES = 5
_SECONDS_BETWEEN_SEARCHES = 1.0


@dataclass
class Draft:
    """The draft campaign of one probe, and the client that measures with it.

    :param client: the client.
    :param id: the campaign's id.
    :param name: its name, which ends in a random token.
    :param description: its description, with the marker.
    :param numbers: three phone numbers to add.
    :param seconds: the duration of each request so far.
    """

    client: TingTingClient
    id: int
    name: str
    description: str
    numbers: Sequence[str]
    seconds: list[float] = field(default_factory=list)

    def send(self, call: Call[T]) -> T:
        """Send a call and record its duration.

        :param call: the call.
        """
        began = monotonic()
        result = self.client.send(call)
        self.seconds.append(monotonic() - began)
        return result

    def read(self) -> Campaign:
        """Return the campaign as TingTing has it."""
        return self.send(calls.get_campaign(self.id))

    def find_by_name(self) -> int | None:
        """Return the id of the campaign with the draft's name; None when the lists do not show it."""
        rows = self.client.iterate(calls.list_campaigns(search=self.name))
        return next((one.id for one in islice(rows, _MAX_LISTED) if one.name == self.name), None)

    def wait_until_listed(self) -> Page[Campaign] | None:
        """Return the first page of a search for the draft that shows it; None when none of several searches does."""
        for attempt in range(_MAX_SEARCHES):
            sleep(_SECONDS_BETWEEN_SEARCHES if attempt else 0.0)
            page = self.send(calls.list_campaigns(search=self.name))
            if any(one.id == self.id for one in page.results):
                return page
        return None

    def contact_numbers(self) -> Counter[str]:
        """Return how often the campaign has each number."""
        rows = self.client.iterate(calls.list_contacts(self.id))
        return Counter(str(row.number)[-10:] for row in islice(rows, _MAX_LISTED))


def delete_drafts(client: TingTingClient, known: int | None = None, name: str | None = None) -> list[int]:
    """Delete the drafts of this and earlier probes, and return the ids of those that TingTing still has.

    A campaign is deleted only if its name is that of a probe and it has never been run, as read right before.

    :param client: a client for the account.
    :param known: the id of a draft that the lists may not show.
    :param name: only the draft with this name; None means the drafts of all probes.
    """
    found = set() if known is None else {known}
    for draft in (False, True):
        with suppress(TingTingAPIError):
            listing = client.iterate(calls.list_campaigns(search=name or NAME_PREFIX, draft=draft or None))
            found |= {one.id for one in islice(listing, _MAX_LISTED) if _is_probe(one, name)}
    return [campaign_id for campaign_id in sorted(found) if not _delete(client, campaign_id, name)]


def _is_probe(campaign: Campaign, name: str | None) -> bool:
    named = campaign.name == name if name else _NAME.match(campaign.name) is not None
    return named and campaign.status == CampaignStatus.NOT_STARTED


def _delete(client: TingTingClient, campaign_id: int, name: str | None) -> bool:
    """Return whether a draft is gone."""
    try:
        if not _is_probe(client.send(calls.get_campaign(campaign_id)), name):
            return False
        run_flow(client, reconcile.delete(campaign_id))
        client.send(calls.get_campaign(campaign_id))
    except TingTingNotFoundError:
        return True
    except TingTingError:
        return False
    return False


@contextmanager
def open_draft(client: TingTingClient, numbers: Sequence[str]) -> Iterator[tuple[Draft, list[int]]]:
    """Yield the draft, and a list that has its id after the block if it could not be deleted.

    :param client: sends the calls.
    :param numbers: the numbers of its contacts.
    """
    token = token_hex(8)
    name = f"{NAME_PREFIX} {token}"
    description = f"[tingting-probe:{token}] परीक्षण. {'This draft is never run. ' * 8}".strip()
    callers = run_flow(client, list_caller_numbers())
    create = calls.create_campaign(
        name=name,
        services="PHONE",
        user_phone=[caller.id for caller in callers][:1],
        message="This draft is never run.",
        description=description,
    )
    campaign_id: int | None = None
    left: list[int] = []
    try:
        try:
            campaign_id = client.send(create).id
        except TingTingOutcomeUnknownError:
            campaign_id = _find_unconfirmed(client, name)
        yield Draft(client, campaign_id, name, description, numbers), left
    finally:
        left += delete_drafts(client, campaign_id, name)


def _find_unconfirmed(client: TingTingClient, name: str) -> int:
    """Return the id of a draft whose creation had no usable response.

    :raises TingTingError: TingTing does not show it.
    """
    draft = Draft(client, 0, name, "", ())
    for attempt in range(_MAX_SEARCHES):
        sleep(_SECONDS_BETWEEN_SEARCHES if attempt else 0.0)
        if (found := draft.find_by_name()) is not None:
            return found
    raise TingTingError(
        f"TingTing did not confirm the creation of the draft {name!r} and does not list it. The next probe deletes it."
    )
