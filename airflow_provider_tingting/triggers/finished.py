"""The trigger that fires when a campaign of the account has finished, for an `AssetWatcher`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from airflow_provider_tingting._compat import BaseEventTrigger, TriggerEvent
from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.statuses import CampaignStatus
from airflow_provider_tingting.campaigns.observation import EVENT_VERSION
from airflow_provider_tingting.connection import DEFAULT_CONN_ID
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.masking import mask_text, printable
from airflow_provider_tingting.polling import Poller, shared_poller
from airflow_provider_tingting.polling.finished import FINAL_STATUSES, FinishedCampaigns, Watermark
from airflow_provider_tingting.triggers.base import TingTingBaseTrigger
from airflow_provider_tingting.utils.argument_checks import text
from airflow_provider_tingting.utils.arguments import check_rendered, seconds_of, shown

#: The key of the watermark in the asset's state store (Airflow 3.3 and later).
WATERMARK_KEY = "tingting_finished"


class TingTingCampaignFinishedTrigger(TingTingBaseTrigger, BaseEventTrigger):
    """Fire one event for each campaign of the account that finishes, including those started by hand in TingTing.

    For an `AssetWatcher` (Airflow 3.0 and later). The event holds `{version, campaign_id, name, status,
    progress_percent, contacts, finished_at, summary}`: nothing personal, phone numbers in the name masked. `summary`
    holds `reached, not_reached, pending, reach_rate, credits`, or is None when the report cannot be read.

    Campaigns that have finished before the trigger starts for the first time fire no event; campaigns that finish
    while its first reads get no response do. On Airflow 3.3 and later the trigger stores in the asset's state store
    which campaigns have fired: after a restart it fires for those that finished meanwhile, and for none twice, except
    one whose event was under way when the triggerer was killed. On earlier versions a campaign that finishes while no
    triggerer runs fires no event. An outage of TingTing or of the connection is logged when it begins and ends, and
    never ends the trigger.

    Source: API page, List campaigns, Get campaign details, Campaign report.

    :param tingting_conn_id: the Airflow connection.
    :param name_pattern: only campaigns whose name matches, ignoring case, with `*` and `?` as in file names.
    :param statuses: only campaigns that finish in one of these: `Completed`, `Terminated`. Default: both.
    :param poll_interval: the least seconds between two reads. Default: 60.
    :raises TingTingConfigError: an argument has a wrong kind or value; raised when the DAG is parsed.
    """

    arguments: ClassVar[tuple[str, ...]] = ("tingting_conn_id", "name_pattern", "statuses", "poll_interval")

    def __init__(
        self,
        tingting_conn_id: str = DEFAULT_CONN_ID,
        name_pattern: str = "*",
        statuses: list[str] | None = None,
        poll_interval: float = 60.0,
        **later: Any,
    ) -> None:
        super().__init__(tingting_conn_id, **later)
        for argument, value in (("tingting_conn_id", tingting_conn_id), ("name_pattern", name_pattern)):
            text(value, argument)
            check_rendered({argument: value})
        self.name_pattern = name_pattern
        self.statuses = _read_statuses(statuses)
        self.poll_interval = seconds_of(poll_interval, "poll_interval")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until cancelled, and yield an event for each campaign that has finished."""
        async with shared_poller(self.tingting_conn_id, self.open_client) as poller:
            stored = await self._load_watermark()
            finished = FinishedCampaigns(poller, self.poll_interval, stored)
            is_out = False
            while True:
                try:
                    campaigns = await finished.poll()
                except Exception as error:  # An error that is raised here would end the trigger for good.
                    if not is_out:
                        self.log.warning("Finished campaigns cannot be read; trying again. %s", _describe(error))
                    is_out, campaigns = True, []
                else:
                    if is_out:
                        self.log.info("Finished campaigns can be read again")
                    is_out = False
                for campaign in campaigns:
                    if wanted := self._is_wanted(campaign):
                        self.log.info("Campaign %s is %s", campaign.id, campaign.status)
                        yield TriggerEvent(await self._event(poller, campaign))
                    finished.mark_reported(campaign)
                    if wanted:
                        # Stored after each event: the triggerer may be killed before the next one.
                        stored = await self._save_watermark(finished.watermark, stored)
                stored = await self._save_watermark(finished.watermark, stored)
                await asyncio.sleep(self.poll_interval * random.uniform(1.0, 1.1))

    def _is_wanted(self, campaign: Campaign) -> bool:
        named = fnmatchcase(campaign.name.casefold(), self.name_pattern.casefold())
        return named and campaign.status.value in self.statuses

    async def _event(self, poller: Poller, campaign: Campaign) -> dict[str, Any]:
        return {
            "version": EVENT_VERSION,
            "campaign_id": campaign.id,
            "name": mask_text(printable(campaign.name)),
            "status": campaign.status.value,
            "progress_percent": campaign.progress_percent,
            "contacts": campaign.campaign_action_count,
            "finished_at": campaign.changed_at.isoformat() if campaign.changed_at else None,
            "summary": await self._summary(poller, campaign),
        }

    async def _summary(self, poller: Poller, campaign: Campaign) -> dict[str, Any] | None:
        # Imported here, because it loads the readers of reports, which a DAG file with this trigger does not need.
        from airflow_provider_tingting.campaigns.fetch_report import FetchedReport, check_fetched, spooled
        from airflow_provider_tingting.campaigns.outcome import summary_figures
        from airflow_provider_tingting.reports.read_report import read_report

        try:
            with spooled() as spool:
                await poller.download(calls.download_campaign_report(campaign.id), spool)
                # In a thread: a report of many thousand rows would block the event loop.
                read = await asyncio.to_thread(read_report, spool)
                check_fetched(FetchedReport(read, "report"), campaign)
                return summary_figures(read.summary)
        except Exception as error:  # As in `run`: an error that is raised here would end the trigger for good.
            self.log.warning("The event of campaign %s has no summary. %s", campaign.id, _describe(error))
            return None

    async def _load_watermark(self) -> Watermark | None:
        store = getattr(self, "asset_state_store", None)
        if store is None:
            return None
        try:
            return Watermark.from_json(await store.aget(WATERMARK_KEY))
        except Exception as error:  # The store fails, or holds the state of several assets.
            self.log.warning("The watermark cannot be read: only later campaigns fire events. %s", _describe(error))
            return None

    async def _save_watermark(self, watermark: Watermark | None, stored: Watermark | None) -> Watermark | None:
        """Store the watermark unless it is stored; return it."""
        store = getattr(self, "asset_state_store", None)
        if store is None or watermark is None or watermark == stored:
            return watermark
        try:
            await store.aset(WATERMARK_KEY, watermark.to_json())
        except Exception as error:
            self.log.warning("The watermark cannot be stored: a restart may repeat events. %s", _describe(error))
        return watermark


def _read_statuses(statuses: object) -> list[str]:
    final = [status.value for status in FINAL_STATUSES]
    if statuses is None:
        return final
    if not isinstance(statuses, str | list | tuple | set | frozenset):
        raise TingTingConfigError(f"statuses must be a list of statuses; it is {shown(statuses)}.")
    texts = [statuses] if isinstance(statuses, str) else list(statuses)
    try:
        read = [CampaignStatus.from_text(text).value for text in texts]
    except ValueError as error:
        raise TingTingConfigError(f"statuses: {error}.") from None
    if not read or set(read) - set(final):
        raise TingTingConfigError(f"statuses must be among those in which a campaign finishes: {', '.join(final)}.")
    return read


def _describe(error: Exception) -> str:
    text = ""
    with suppress(Exception):
        text = mask_text(str(error))
    return f"{type(error).__name__}: {text}"
