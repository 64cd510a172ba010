"""Tasks that create, run, change, stop and delete a campaign."""

from airflow_provider_tingting.operators.campaign.create import TingTingCreateCampaignOperator
from airflow_provider_tingting.operators.campaign.delete import TingTingDeleteCampaignOperator
from airflow_provider_tingting.operators.campaign.run import TingTingRunCampaignOperator
from airflow_provider_tingting.operators.campaign.stop import TingTingStopCampaignOperator
from airflow_provider_tingting.operators.campaign.update import TingTingUpdateCampaignOperator

__all__ = [
    "TingTingCreateCampaignOperator",
    "TingTingDeleteCampaignOperator",
    "TingTingRunCampaignOperator",
    "TingTingStopCampaignOperator",
    "TingTingUpdateCampaignOperator",
]
