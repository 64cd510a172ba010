"""The link from a task to its campaign's page, for connections with a `campaign_url`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_tingting._compat import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import BaseOperator, Context

XCOM_KEY = "tingting_campaign_link"


class TingTingCampaignLink(BaseOperatorLink):
    """Open the campaign's page at TingTing. Shown when the connection's extra has a `campaign_url`."""

    name = "TingTing campaign"

    def get_link(self, operator: BaseOperator, *, ti_key: object) -> str:
        """Return the URL that the task pushed as XCom, or an empty text.

        :param operator: the task's operator.
        :param ti_key: the key of the task instance.
        """
        return str(XCom.get_value(key=XCOM_KEY, ti_key=ti_key) or "")


def push_link(context: Context, url: str) -> None:
    """Push the URL of the campaign's page as XCom as soon as it is known, so that failed tasks have the link too.

    An empty URL is pushed too: Airflow 3.3 logs an error for each task whose link finds no XCom.

    :param context: the context of the task.
    :param url: the URL, or an empty text.
    """
    context["ti"].xcom_push(key=XCOM_KEY, value=url)
