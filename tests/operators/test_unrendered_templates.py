"""A template that rendered to nothing is refused in every templated text, before TingTing is asked for anything."""

from __future__ import annotations

import pytest
from support.campaigns import a_campaign
from support.task_context import execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.operators.campaign import (
    TingTingCreateCampaignOperator,
    TingTingRunCampaignOperator,
    TingTingUpdateCampaignOperator,
)
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator, TingTingCheckContactsOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator, TingTingUnreachedContactsOperator
from airflow_provider_tingting.transfers.tingting_to_sql import TingTingReportToSqlOperator

pytestmark = pytest.mark.usefixtures("tingting_conn")

CREATE = {"name": "Water notice", "user_phone": [3], "message": "नमस्कार", "voice": "Rija"}
TO_SQL = {"table": "outcomes", "sql_conn_id": "warehouse"}
FIELDS = [
    *[(TingTingCreateCampaignOperator, name, CREATE) for name in ("name", "message", "sms_message", "voice")],
    (TingTingRunCampaignOperator, "partition_key", {}),
    *[(TingTingAddContactsOperator, name, {}) for name in ("contacts", "exclude", "rejects_path", "sheet")],
    (TingTingAddContactsOperator, "sql", {"sql_conn_id": "warehouse"}),
    (TingTingCheckContactsOperator, "message", {"contacts": ["9841234567"]}),
    *[(TingTingUpdateCampaignOperator, name, {}) for name in ("name", "message", "schedule")],
    (TingTingDownloadReportOperator, "path", {}),
    (TingTingUnreachedContactsOperator, "path", {"report": "campaign_79.csv"}),
    *[(TingTingReportToSqlOperator, name, TO_SQL) for name in ("table", "sql_conn_id", "schema")],
]


def refusal(sandbox, kind, arguments):
    campaign = a_campaign(sandbox)
    if kind not in (TingTingCreateCampaignOperator, TingTingUnreachedContactsOperator, TingTingCheckContactsOperator):
        arguments = {"campaign_id": campaign, **arguments}
    before = len(sandbox.ledger.requests)
    operator = kind(task_id="task", **dict.fromkeys(arguments, "{{ params.value }}"))
    for name, rendered in arguments.items():
        setattr(operator, name, rendered)
    with pytest.raises(AirflowFailException) as caught:
        execute(operator)
    assert len(sandbox.ledger.requests) == before
    return str(caught.value)


@pytest.mark.parametrize("text", ["None", " None ", "{{ params.city }}", "{% if x %}"], ids=repr)
@pytest.mark.parametrize(
    ("kind", "field", "others"), FIELDS, ids=lambda value: getattr(value, "__name__", value if value else "plain")
)
def test_a_text_that_rendered_to_nothing_is_refused(sandbox, kind, field, others, text):
    refused = refusal(sandbox, kind, {**others, field: text})

    assert refused.startswith(f"{field} ")
    assert "template" in refused


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ({"constants": {"city": "None"}}, "constants['city']"),
        ({"variables": {"tags_name": "None"}}, "variables['tags_name']"),
        ({"where": {"Ward": [7, "None"]}}, "where['Ward'][1]"),
        ({"exclude": {"contacts": "None"}}, "exclude"),
        ({"exclude": {"sql": "None", "sql_conn_id": "warehouse"}}, "exclude"),
        ({"exclude": ["None"]}, "exclude"),
    ],
    ids=["constant", "variable", "where", "exclude file", "exclude query", "exclude list"],
)
def test_a_text_inside_another_argument_is_refused_too(sandbox, argument, named):
    refused = refusal(sandbox, TingTingAddContactsOperator, {"contacts": ["9841234567"], **argument})

    assert refused.startswith(named)


def test_values_of_contacts_are_data_and_not_templates(sandbox):
    contacts = [{"number": "9841234567", "note": "{{ braces }}"}]

    result, _ = execute(TingTingCheckContactsOperator(task_id="check", contacts=contacts, message="Namaste"))

    assert result["valid"] == 1
