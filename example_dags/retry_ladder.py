"""Those who were not reached are called again at another hour, and get an SMS at last; each step only if worth it.

`TingTingUnreachedContactsOperator` makes the audience of the next campaign from the report of the last. Too few are
left: it is skipped, and with it the rest of the ladder.
"""

from __future__ import annotations

import os
from pathlib import Path

import pendulum

from airflow_provider_tingting.operators.campaign import (
    TingTingCreateCampaignOperator,
    TingTingRunCampaignOperator,
)
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator
from airflow_provider_tingting.operators.unreached import TingTingUnreachedContactsOperator

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

HERE = Path(__file__).parent
AUDIENCES = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "audiences"
POLL_INTERVAL = float(os.environ.get("TINGTING_POLL_INTERVAL", "30"))
WORTH_A_CAMPAIGN = 2

with DAG(
    dag_id="tingting_retry_ladder",
    description="Payment reminder: a call, a call at another hour, an SMS.",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Kathmandu"),
    catchup=False,
    tags=["tingting", "example"],
    doc_md=__doc__,
    params={"contacts": str(HERE / "data" / "patients.csv"), "hours_between": 6},
):
    call = {
        "services": "PHONE",
        "user_phone": [3],
        "voice": "Binod",
        "message": "नमस्कार {name} जी, तपाईंको किस्ता तिर्ने समय भयो।",
    }

    @task
    def another_hour(params: dict | None = None) -> str:
        """Say when the second call is to be made: some hours later, or at ten in the morning if that is too late."""
        later = pendulum.now("Asia/Kathmandu").add(hours=params["hours_between"])
        return (later if 8 <= later.hour < 19 else later.add(hours=12).at(10)).isoformat()

    def step(number: int, contacts: str, **campaign) -> TingTingCreateCampaignOperator:
        """Make one step of the ladder; return the task that creates its campaign."""
        create = TingTingCreateCampaignOperator(task_id=f"create_{number}", name=f"Reminder, step {number}", **campaign)
        add = TingTingAddContactsOperator(
            task_id=f"add_contacts_{number}", campaign_id=create.output, contacts=contacts
        )
        # Whom it did not reach is not a failure here, but the work of the next step.
        run = TingTingRunCampaignOperator(
            task_id=f"run_{number}",
            campaign_id=create.output,
            poll_interval=POLL_INTERVAL,
            success_when=0.0,
            calling_window=os.environ.get("TINGTING_CALLING_WINDOW", "08:00-20:00"),
            max_age=pendulum.duration(days=3),
        )
        create >> add >> run
        return create

    def unreached(number: int, campaign: TingTingCreateCampaignOperator) -> TingTingUnreachedContactsOperator:
        """Make the audience of the next step, if it is worth one."""
        again = TingTingUnreachedContactsOperator(
            task_id=f"unreached_{number}",
            campaign_id=campaign.output,
            path=str(AUDIENCES / f"after_step_{number}_{{{{ ti.xcom_pull(task_ids='create_{number}') }}}}.csv"),
            minimum_contacts=WORTH_A_CAMPAIGN,
        )
        campaign.dag.get_task(f"run_{number}") >> again
        return again

    first = step(1, "{{ params.contacts }}", **call)

    after_first = unreached(1, first)
    later = another_hour()
    second = step(2, after_first.output["path"], schedule=later, **call)
    after_first >> later

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
