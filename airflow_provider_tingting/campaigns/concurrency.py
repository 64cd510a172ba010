"""Runs one campaign at a time in an account: which campaigns run now, which starts first, and the wait for a free slot.

TingTing has no lock and no queue, so this is best effort: each task reads the running campaigns before it starts one,
and of tasks that read in the same moment the one with the lowest campaign id starts first.
"""

from __future__ import annotations

import math
import random

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.pagination import Paginator
from airflow_provider_tingting.api.protocol import Pause
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns.marker import is_marked
from airflow_provider_tingting.campaigns.watch import Logger, Outage, WaitPlan
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import TingTingAPIError

# How many of the newest campaigns are read on a server that does not filter by status.
MAX_CAMPAIGNS_READ = 500
# Seconds that a campaign waits for each one with a lower id that may be about to start in the same moment: from the
# other's read to its request, and to the status that shows it.
PAUSE_PER_EARLIER_CAMPAIGN = 3.0
MAX_EARLIER_CAMPAIGNS = 5


async def other_running_campaigns(campaign_id: int, *, every_page: bool = False) -> list[Campaign]:
    """Return campaigns that run now, without this one; the list is empty when no other runs.

    :param campaign_id: the campaign that does not count.
    :param every_page: whether to read on when the first page has some.
    """
    found: list[Campaign] = []
    pager, read_so_far = Paginator(calls.list_campaigns(status=CampaignStatus.RUNNING.value)), 0
    for call in pager:
        page = pager.new_rows(await call)
        read_so_far += len(page)
        # Checked here too, in case the server ignores the filter.
        found += [each for each in page if each.status is CampaignStatus.RUNNING and each.id != campaign_id]
        if (found and not every_page) or read_so_far >= MAX_CAMPAIGNS_READ:
            break
    return found


async def waiting_before(campaign_id: int) -> int:
    """Count those of the newest campaigns that a task has created before this one and that may be about to start."""
    page = await calls.list_campaigns(status=CampaignStatus.NOT_STARTED.value)
    return sum(
        each.id < campaign_id
        and each.status is CampaignStatus.NOT_STARTED
        and not each.draft
        and each.campaign_action_count != 0
        and is_marked(each.description)
        for each in page.results
    )


async def blocking_campaigns(campaign_id: int) -> list[Campaign]:
    """Return campaigns that run now, after letting those go first that may start in the same moment."""
    # Campaigns that may start are counted before running ones are read: one that starts between the two is seen then.
    ahead = min(await waiting_before(campaign_id), MAX_EARLIER_CAMPAIGNS)
    others: list[Campaign] = await other_running_campaigns(campaign_id)
    for _ in range(ahead):
        if others:
            break
        await Pause(PAUSE_PER_EARLIER_CAMPAIGN)
        others = await other_running_campaigns(campaign_id)
    return others


async def wait_for_slot(plan: WaitPlan, logger: Logger) -> None:
    """Wait until no other campaign runs, by reading only.

    The wait also ends at the deadline, when TingTing refuses the read, and when it has not responded for
    `tolerate_outage`: the caller reads again afterwards, and gets the same error.

    :param plan: the campaign, the poll interval, the deadline, and the outage that is tolerated.
    :param logger: where log lines go.
    """
    outage = Outage(plan.tolerate_outage, logger)
    shown: list[int] | None = None
    while True:
        left = math.inf if plan.deadline is None else plan.deadline - wall_time()
        if left <= 0:
            return
        # At random, so that many waits do not read together. The caller has read right before.
        await Pause(min(left, plan.poll_interval * random.uniform(1.0, 1.2)))
        try:
            others = await other_running_campaigns(plan.campaign_id)
        except TingTingAPIError as error:
            if not outage.tolerates(error):
                return
            continue
        outage.end()
        if not others:
            return
        ids = sorted(each.id for each in others)
        if ids != shown:
            logger.info("Campaign %s waits for its turn: running now: %s", plan.campaign_id, _named(ids))
            shown = ids


def _named(ids: list[int]) -> str:
    return ", ".join(map(str, ids[:5])) + (", …" if len(ids) > 5 else "")


def not_run(campaign_id: int) -> str:
    """Return the log line for when an attempt ends while it waits to start."""
    return f"This attempt has ended before it requested campaign {campaign_id} to run. It has called no contact."


def not_known(campaign_id: int) -> str:
    """Return the log line for a task that ends while it waits to start, after a run request without an answer."""
    return (
        f"The task has ended while it waited to start campaign {campaign_id}. An earlier request to run it has stayed "
        "without an answer, so whether a contact was called is unknown. Check its status in TingTing."
    )
