"""The campaigns of the cluster. The `conf` of each run names the TingTing, the contacts and the report."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_tingting.operators.campaign import TingTingCreateCampaignOperator, TingTingRunCampaignOperator
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator, TingTingCheckContactsOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

DEFAULTS = {
    "retries": 8,
    "retry_delay": timedelta(seconds=2),
    "tingting_conn_id": "{{ dag_run.conf['connection'] }}",
}
MESSAGE = "नमस्कार, भोलि बिहान छ बजेदेखि पानी आउँदैन।"


def create_task(**more: object) -> TingTingCreateCampaignOperator:
    """Return the task that creates the campaign."""
    arguments = {"task_id": "create", "user_phone": [3], "voice": "Prashanna", "message": MESSAGE}
    return TingTingCreateCampaignOperator(**{"name": "{{ dag_run.conf['name'] }}", **arguments, **more})


for dag_id, run_arguments in {
    "whole_life": {"deferrable": True},
    "life_in_a_worker": {"deferrable": False},
    "life_with_stop_on_kill": {"deferrable": True, "stop_on_kill": True},
}.items():
    with DAG(dag_id=dag_id, schedule=None, default_args=DEFAULTS):
        create = create_task()
        add = TingTingAddContactsOperator(
            task_id="add", campaign_id=create.output, contacts="{{ dag_run.conf['contacts'] }}", batch_size=10
        )
        run = TingTingRunCampaignOperator(task_id="run", campaign_id=create.output, poll_interval=2, **run_arguments)
        report = TingTingDownloadReportOperator(
            task_id="report", campaign_id=create.output, path="{{ dag_run.conf['report'] }}"
        )
        add >> run >> report

with DAG(dag_id="mapped_campaigns", schedule=None, default_args=DEFAULTS):

    @task
    def districts(dag_run=None) -> list[dict[str, object]]:
        """The campaigns: a name and contacts."""
        return dag_run.conf["districts"]

    found = districts()
    create = TingTingCreateCampaignOperator.partial(
        task_id="create", user_phone=[3], voice="Prashanna", message=MESSAGE
    ).expand(name=found.map(lambda district: district["name"]))
    add = TingTingAddContactsOperator.partial(task_id="add").expand_kwargs(
        create.output.zip(found).map(lambda pair: {"campaign_id": pair[0], "contacts": pair[1]["contacts"]})
    )
    run = TingTingRunCampaignOperator.partial(task_id="run", deferrable=True, poll_interval=2).expand(
        campaign_id=create.output
    )
    add >> run

with DAG(dag_id="many_waits", schedule=None, default_args=DEFAULTS):

    @task
    def campaigns(dag_run=None) -> list[int]:
        """The campaigns to run."""
        return dag_run.conf["campaigns"]

    TingTingRunCampaignOperator.partial(task_id="run", deferrable=True, poll_interval=20).expand(
        campaign_id=campaigns()
    )

with DAG(dag_id="shared_storage", schedule=None, default_args=DEFAULTS):

    @task.tingting_audience(queue="worker-1")
    def audience(dag_run=None):
        """The contacts, in the default folder of audiences."""
        yield from dag_run.conf["contacts"]

    create = create_task(queue="worker-2")
    people = audience()
    check = TingTingCheckContactsOperator(
        task_id="check",
        contacts=people,
        on_invalid="skip",
        rejects_path="{{ dag_run.conf['rejects'] }}",
        queue="worker-2",
    )
    add = TingTingAddContactsOperator(
        task_id="add", campaign_id=create.output, contacts=people, on_invalid="skip", queue="worker-2"
    )
    run = TingTingRunCampaignOperator(
        task_id="run", campaign_id=create.output, deferrable=True, poll_interval=2, queue="worker-1"
    )
    report = TingTingDownloadReportOperator(
        task_id="report", campaign_id=create.output, path="{{ dag_run.conf['report'] }}", queue="worker-2"
    )
    check >> add >> run >> report
