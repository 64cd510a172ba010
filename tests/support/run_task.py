"""The task that runs a campaign, as most tests of it begin."""

from __future__ import annotations

from typing import Any

from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator


def run_task(campaign_id: int | str, **changes: Any) -> TingTingRunCampaignOperator:
    """The task that runs a campaign and waits for its end in the worker, reading often."""
    return TingTingRunCampaignOperator(
        **{"task_id": "run", "campaign_id": campaign_id, "poll_interval": 0.02, "deferrable": False, **changes}
    )
