"""A DAG with everything that a rehearsal handles: deferred, mapped, in a group, notifier, approval, other providers."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow import __version__ as airflow_version
from airflow.models import Variable

from airflow_provider_tingting.api import TingTingClient, calls
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.notifications.tingting import TingTingNotifier
from airflow_provider_tingting.operators.campaign import TingTingCreateCampaignOperator, TingTingRunCampaignOperator
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator
from airflow_provider_tingting.task_groups.campaign import tingting_campaign
from airflow_provider_tingting.transfers.tingting_to_sql import TingTingReportToSqlOperator

try:
    from airflow.sdk import DAG, BaseOperator, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task
    from airflow.models import BaseOperator

HERE = Path(__file__).parent
HAS_APPROVAL = not airflow_version.startswith(("2.", "3.0."))


class SendLetters(BaseOperator):
    """An operator of another provider, with an effect outside."""

    def execute(self, context):
        Path(os.environ["LETTERS"]).write_text("sent")


def page_the_manager(context):
    """A callback of another provider."""
    Path(os.environ["LETTERS"]).write_text("paged")


with DAG(
    dag_id="everything",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kathmandu"),
    catchup=False,
    default_args={
        "tingting_conn_id": "tingting_other",
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "on_success_callback": page_the_manager,
    },
):
    create = TingTingCreateCampaignOperator(
        task_id="create",
        name="Clinic day",
        services="SMS & PHONE",
        user_phone=[77],
        voice="Sabina",
        message="नमस्कार {name} जी।",
        sms_message="{name} ji, clinic bholi.",
    )
    add = TingTingAddContactsOperator(
        task_id="add",
        campaign_id=create.output,
        contacts=str(HERE / "people.csv"),
        variables={"name": "name"},
        where={"ward": ["7"]},
        exclude=["9841000003"],
        on_invalid="skip",
        rejects_path="/data/rejects/{{ run_id | length }}.csv",
    )
    run = TingTingRunCampaignOperator(
        task_id="run",
        campaign_id=create.output,
        deferrable=True,
        calling_window="08:00-20:00",
        success_when=0.0,
    )
    report = TingTingDownloadReportOperator(
        task_id="report", campaign_id=create.output, path="/data/reports/clinic.csv", numbers="masked"
    )
    above = TingTingDownloadReportOperator(
        task_id="above", campaign_id=create.output, path=os.environ["REPORT_ABOVE"], numbers="masked"
    )
    table = TingTingReportToSqlOperator(
        task_id="table",
        campaign_id=create.output,
        table="outcomes",
        schema="crm",
        sql_conn_id="clinic_db",
        sql_hook_params={"fast_executemany": True},
    )
    run >> [above, table]
    letters = SendLetters(task_id="letters")
    create >> add >> run >> report
    run >> letters

    if HAS_APPROVAL:
        from airflow.providers.standard.operators.hitl import ApprovalOperator

        approve = ApprovalOperator(
            task_id="approve",
            subject="Call {{ ti.xcom_pull(task_ids='add')['total'] }} people?",
            defaults="Reject",
        )
        add >> approve >> run

    @task
    def real_account_is_out_of_reach(campaign_id: int) -> dict:
        """Try three ways to the real account; return what each meets."""
        try:
            with TingTingClient("real-token", base_url=os.environ["REAL_SERVER"]) as client:
                client.send(calls.list_voice_models())
            refused = ""
        except TingTingConfigError as error:
            refused = str(error)
        hook = TingTingHook("tingting_other")
        return {
            "refused": refused,
            "manager": 9841000008,
            "campaign": hook.get_campaign(campaign_id).name,
            "variable": Variable.get("clinic_town"),
            "connection": str(hook.get_connection("tingting_other").host),
        }

    tried = real_account_is_out_of_reach(create.output)
    report >> tried

    tingting_campaign(
        "reminder",
        campaign={"name": "Reminder", "message": "फेरि नमस्कार।", "user_phone": [3], "voice": 1},
        audience={"sql": "select number from people", "sql_conn_id": "clinic_db"},
        approval=HAS_APPROVAL,
    )

    @task
    def wards() -> list[int]:
        """Return the wards, each of which has a campaign."""
        return [4, 5]

    mapped = TingTingCreateCampaignOperator.partial(
        task_id="create_for_ward", services="SMS", user_phone=[3], message="Hello.", sms_message="Hello."
    ).expand(name=wards().map(lambda ward: f"Ward {ward}"))

    @task(
        retries=0,
        on_failure_callback=TingTingNotifier(to="9841000009", language="en", tingting_conn_id="tingting_other"),
    )
    def breaks() -> None:
        """Fail, so that the notifier calls."""
        raise RuntimeError("The clinic is closed; call 9841000008.")

    breaks()
