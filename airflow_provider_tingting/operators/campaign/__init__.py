"""Tasks that create a campaign and run it."""

from airflow_provider_tingting.operators.campaign.create import TingTingCreateCampaignOperator
from airflow_provider_tingting.operators.campaign.run import TingTingRunCampaignOperator

__all__ = ["TingTingCreateCampaignOperator", "TingTingRunCampaignOperator"]
