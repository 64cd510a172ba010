"""Escalating retries: a call, a second call at another hour, and an SMS to the contacts that neither call reached.

`TingTingUnreachedContactsOperator` writes the audience of the next campaign from the report of the last. When fewer
than `MINIMUM_CONTACTS` are left, it skips itself and every step after it.

The second campaign has a schedule, so the task `run_2` waits for hours: TingTing shows the campaign as `Scheduled`
until then. The log of `second_call_at` says when it starts. To run all steps at once, trigger the DAG with
`hours_between` set to 0.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow import __version__ as airflow_version

from airflow_provider_tingting.operators.campaign import (
    TingTingCreateCampaignOperator,
    TingTingRunCampaignOperator,
)
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator
from airflow_provider_tingting.operators.report import TingTingUnreachedContactsOperator

try:
    from airflow.sdk import DAG, Param, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task
    from airflow.models.param import Param

HERE = Path(__file__).parent
AUDIENCES = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "audiences"
POLL_INTERVAL = float(os.environ.get("TINGTING_POLL_INTERVAL", "30"))
MINIMUM_CONTACTS = 2
# A retry finds the campaign of the attempt before it and calls no contact again.
DEFAULT_ARGS = {
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": True if airflow_version.startswith(("2.", "3.0.", "3.1.")) else 2,
    "max_retry_delay": timedelta(minutes=30),
}

with DAG(
    dag_id="tingting_retry_ladder",
    description="Payment reminder: a call, a call some hours later, an SMS. Waits for the hour of the second call.",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kathmandu"),
    catchup=False,
    default_args=DEFAULT_ARGS,
    tags=["tingting", "example"],
    doc_md=__doc__,
    params={
        "contacts": Param(str(HERE / "data" / "patients.csv"), type="string", description="A .csv file of contacts."),
        "hours_between": Param(
            6,
            type="integer",
            minimum=0,
            description="Hours between the two calls; 0 calls at once. An hour after 19:00 in Nepal becomes 10:00.",
        ),
    },
):
    call = {
        "services": "PHONE",
        "user_phone": [3],
        "voice": "Binod",
        "message": "नमस्कार {name} जी, तपाईंको किस्ता तिर्ने समय भयो।",
    }

    @task
    def second_call_at(params: dict | None = None) -> str:
        """Return when the second campaign starts; an empty text for at once."""
        if params["hours_between"] == 0:
            return ""
        later = pendulum.now("Asia/Kathmandu").add(hours=params["hours_between"])
        start = later if 8 <= later.hour < 19 else later.add(hours=12).at(10)
        print(f"The task run_2 waits until {start:%Y-%m-%d %H:%M} in Nepal, when the second campaign starts.")
        return start.isoformat()

    def step(number: int, contacts: str, **campaign) -> TingTingCreateCampaignOperator:
        """Add the tasks of one step and return the one that creates its campaign."""
        create = TingTingCreateCampaignOperator(task_id=f"create_{number}", name=f"Reminder, step {number}", **campaign)
        add = TingTingAddContactsOperator(
            task_id=f"add_contacts_{number}", campaign_id=create.output, contacts=contacts
        )
        run = TingTingRunCampaignOperator(
            task_id=f"run_{number}",
            campaign_id=create.output,
            poll_interval=POLL_INTERVAL,
            # Unreached contacts are no failure here: the next step calls them.
            success_when=0.0,
            calling_window=os.environ.get("TINGTING_CALLING_WINDOW", "08:00-20:00"),
            max_age=timedelta(days=3),
        )
        create >> add >> run
        return create

    # [START howto_unreached_contacts]
    def unreached(number: int, campaign: TingTingCreateCampaignOperator) -> TingTingUnreachedContactsOperator:
        """Write the audience of the next step, if enough contacts are left."""
        again = TingTingUnreachedContactsOperator(
            task_id=f"unreached_{number}",
            campaign_id=campaign.output,
            path=str(AUDIENCES / f"after_step_{number}_{{{{ ti.xcom_pull(task_ids='create_{number}') }}}}.csv"),
            minimum_contacts=MINIMUM_CONTACTS,
        )
        campaign.dag.get_task(f"run_{number}") >> again
        return again

    # [END howto_unreached_contacts]

    first = step(1, "{{ params.contacts }}", **call)

    after_first = unreached(1, first)
    start = second_call_at()
    second = step(2, after_first.output["path"], schedule=start, **call)
    after_first >> start

    after_second = unreached(2, second)
    third = step(
        3,
        after_second.output["path"],
        services="SMS",
        user_phone=[3],
        message=call["message"],
        sms_message="{name} ji, kista tirne samaya bhayo.",
    )
    after_second >> third
