"""Operators of reports: write them to files, and make the audience of the next campaign from them."""

from airflow_provider_tingting.operators.report.download import (
    TingTingDownloadReportOperator,
    TingTingDownloadSurveyReportOperator,
)
from airflow_provider_tingting.operators.report.unreached import TingTingUnreachedContactsOperator

__all__ = [
    "TingTingDownloadReportOperator",
    "TingTingDownloadSurveyReportOperator",
    "TingTingUnreachedContactsOperator",
]
