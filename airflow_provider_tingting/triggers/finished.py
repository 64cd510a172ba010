"""Fires when any campaign of the account has finished, whoever started it. For an `AssetWatcher`. Only ever reads."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting._compat import BaseEventTrigger, TriggerEvent
from airflow_provider_tingting.connection import DEFAULT_CONN_ID
from airflow_provider_tingting.errors import TingTingConfigError

if TYPE_CHECKING:
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.polling import Poller
    from airflow_provider_tingting.polling.finished import Watermark

EVENT_VERSION = 1
#: The key of the watermark in the asset's state store (Airflow 3.3+).
WATERMARK_KEY = "tingting_finished"


class TingTingCampaignFinishedTrigger(BaseEventTrigger):
    """Fire one event for each campaign of the account that finishes, also for those started by hand in TingTing.

    For an `AssetWatcher` (Airflow 3.0+). The event holds `{version, campaign_id, name, status, progress_percent,
    contacts, finished_at, summary}`: nothing personal, phone numbers in the name masked. `summary` holds `reached,
    not_reached, pending, reach_rate, credits`, or is None when the report cannot be read.

    Campaigns that have finished before the trigger starts for the first time are not told; those that finish while
    its first looks have no answer are. From Airflow 3.3 on it keeps in the asset's state store which ones it has
    told: after a restart it tells those that finished meanwhile, and none twice, but for one whose event was on its
    way when the triggerer was killed. On earlier versions what finishes while no triggerer runs is not told. Trouble
    with TingTing or the connection is logged when it begins and ends, and waited out for ever.

    Source: API page, List campaigns, Get campaign details, Campaign report.

    :param tingting_conn_id: the Airflow connection.
    :param name_pattern: only campaigns whose name is like this, whatever the case, with `*` and `?` as in file names.
    :param statuses: only campaigns that finish in one of these: `Completed`, `Terminated`.
    :param poll_interval: the seconds that two looks are apart at least.
    :raises TingTingConfigError: a status is none in which a campaign finishes.
    """

    def __init__(
        self,
        tingting_conn_id: str = DEFAULT_CONN_ID,
        name_pattern: str = "*",
        statuses: list[str] | None = None,
        poll_interval: float = 60.0,
        **later: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tingting_conn_id = tingting_conn_id
        self.name_pattern = name_pattern
        self.statuses = _finished(statuses)
        self.poll_interval = poll_interval
        # Arguments of a later version, for a triggerer that is updated after the rest.
        self.later = later

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the trigger is made from again, anywhere."""
        return (
            "airflow_provider_tingting.triggers.finished.TingTingCampaignFinishedTrigger",
            {
                "tingting_conn_id": self.tingting_conn_id,
                "name_pattern": self.name_pattern,
                "statuses": self.statuses,
                "poll_interval": self.poll_interval,
                **self.later,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look for ever, and yield an event for each campaign that has finished."""
        from airflow_provider_tingting.polling import shared_poller
        from airflow_provider_tingting.polling.finished import FinishedCampaigns

        async with shared_poller(self.tingting_conn_id, self._client) as hub:
            known = await self._recall()
            finishes = FinishedCampaigns(hub, self.poll_interval, known)
            is_out = False
            while True:
                try:
                    news = await finishes.poll()
                except Exception as error:  # An error that is raised here would end the watching for good.
                    if not is_out:
                        self.log.warning("Finished campaigns cannot be looked for; trying on. %s", _said(error))
                    is_out, news = True, []
                else:
                    if is_out:
                        self.log.info("Finished campaigns are looked for again")
                    is_out = False
                for campaign in news:
                    if wanted := self._is_wanted(campaign):
                        self.log.info("Campaign %s is %s", campaign.id, campaign.status)
                        yield TriggerEvent(await self._event(hub, campaign))  # type: ignore[no-untyped-call]
                    finishes.tell(campaign)
                    if wanted:
                        # At once: what comes after it may take long, and may not be lived to see.
                        known = await self._remember(finishes.watermark, known)
                known = await self._remember(finishes.watermark, known)
                await asyncio.sleep(self.poll_interval * random.uniform(1.0, 1.1))

    def _is_wanted(self, campaign: Campaign) -> bool:
        named = fnmatchcase(campaign.name.casefold(), self.name_pattern.casefold())
        return named and campaign.status.value in self.statuses

    async def _event(self, hub: Poller, campaign: Campaign) -> dict[str, Any]:
        from airflow_provider_tingting.masking import mask_text

        return {
            "version": EVENT_VERSION,
            "campaign_id": campaign.id,
            "name": mask_text(campaign.name),
            "status": campaign.status.value,
            "progress_percent": campaign.progress_percent,
            "contacts": campaign.campaign_action_count,
            "finished_at": campaign.changed_at.isoformat() if campaign.changed_at else None,
            "summary": await self._summary(hub, campaign),
        }

    async def _summary(self, hub: Poller, campaign: Campaign) -> dict[str, Any] | None:
        from airflow_provider_tingting.api import calls
        from airflow_provider_tingting.campaigns.fetch_report import FetchedReport, check_fetched, spooled
        from airflow_provider_tingting.operators.running import summary_figures
        from airflow_provider_tingting.reports.writers.reading import read_report

        try:
            with spooled() as spool:
                await hub.download(calls.download_campaign_report(campaign.id), spool)
                # A report of many thousand rows takes its time: beside the event loop.
                read = await asyncio.to_thread(read_report, spool, columns=False)
                check_fetched(FetchedReport(read, "report"), campaign)
                return summary_figures(read.summary)
        except Exception as error:  # As in `run`: it would end the watching for good.
            self.log.warning("Campaign %s is told without a summary. %s", campaign.id, _said(error))
            return None

    async def _recall(self) -> Watermark | None:
        from airflow_provider_tingting.polling.finished import Watermark

        store = getattr(self, "asset_state_store", None)
        if store is None:
            return None
        try:
            return Watermark.from_json(await store.aget(WATERMARK_KEY))
        except Exception as error:  # It may be in trouble, or hold the state of several assets.
            self.log.warning("The watermark cannot be read: only what finishes from now on is told. %s", _said(error))
            return None

    async def _remember(self, watermark: Watermark | None, known: Watermark | None) -> Watermark | None:
        """Keep the watermark unless it is known to be kept; return it."""
        store = getattr(self, "asset_state_store", None)
        if store is None or watermark is None or watermark == known:
            return watermark
        try:
            await store.aset(WATERMARK_KEY, watermark.to_json())
        except Exception as error:
            self.log.warning("The watermark cannot be kept: after a restart events may come again. %s", _said(error))
        return watermark

    async def _client(self) -> Any:
        from airflow_provider_tingting.hooks.tingting import TingTingHook

        return await TingTingHook(self.tingting_conn_id).get_async_conn()


def _finished(statuses: Any) -> list[str]:
    from airflow_provider_tingting.api.statuses import CampaignStatus

    final = [status.value for status in CampaignStatus if status.is_final]
    if statuses is None:
        return final
    given = [statuses] if isinstance(statuses, str) else list(statuses)
    try:
        read = [CampaignStatus.from_text(text).value for text in given]
    except ValueError as error:
        raise TingTingConfigError(f"statuses: {error}.") from None
    if not read or set(read) - set(final):
        raise TingTingConfigError(f"statuses must be of those in which a campaign finishes: {', '.join(final)}.")
    return read


def _said(error: Exception) -> str:
    from airflow_provider_tingting.masking import mask_text

    said = ""
    with suppress(Exception):
        said = mask_text(str(error))
    return f"{type(error).__name__}: {said}"
