"""A DAG that a finished campaign starts by itself, by whatever way it was run. Needs Airflow 3."""

from __future__ import annotations

try:
    from airflow.sdk import DAG, Asset, AssetWatcher, task
except ImportError:  # Airflow 2 has no watchers.
    Asset = None

if Asset is not None:
    from airflow_provider_tingting.triggers.finished import TingTingCampaignFinishedTrigger

    finished = Asset(
        "tingting_finished",
        watchers=[
            AssetWatcher(
                name="finished",
                # The connection comes into being when the test begins, long after the watching.
                trigger=TingTingCampaignFinishedTrigger("watched", name_pattern="watched *", poll_interval=2),
            )
        ],
    )

    with DAG("after_finished", schedule=[finished]):

        @task
        def events_of_the_run(triggering_asset_events=None) -> list[dict]:
            """What the events say."""
            return [event.extra["payload"] for events in triggering_asset_events.values() for event in events]

        events_of_the_run()
