"""The link from a task to its campaign's page, for connections that say where that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_tingting._compat import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import BaseOperator, Context

XCOM_KEY = "tingting_campaign_link"


class TingTingCampaignLink(BaseOperatorLink):
    """Open the campaign at TingTing. Shown when the connection's extra has a `campaign_url`."""

    name = "TingTing campaign"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """Return the address that the task has left, or an empty text."""
        return str(XCom.get_value(key=XCOM_KEY, ti_key=ti_key) or "")


def push_link(context: Context, url: str) -> None:
    """Leave the campaign's address as XCom as soon as it is known, so that failed tasks have the link too.

    An empty one is left too: Airflow 3.3 writes an error into the log of each task whose link finds no XCom.
    """
    context["ti"].xcom_push(key=XCOM_KEY, value=url)
