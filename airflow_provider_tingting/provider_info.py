"""The provider's metadata for Airflow. Every Airflow process reads it, so this module imports little."""

from __future__ import annotations

from typing import Any

from airflow_provider_tingting.connection import CONN_NAME, CONN_TYPE, HOOK_CLASS
from airflow_provider_tingting.connection.form import conn_fields, ui_field_behaviour

PACKAGE = "airflow_provider_tingting"
_ASSET_URIS = {
    "schemes": ["tingting"],
    "handler": f"{PACKAGE}.assets.sanitize_uri",
    "factory": f"{PACKAGE}.assets.create_asset",
    "to_openlineage_converter": f"{PACKAGE}.assets.convert_asset_to_openlineage",
}


def get_provider_info() -> dict[str, Any]:
    """Return the metadata in the form of Airflow's `provider_info.schema.json`."""
    return {
        "package-name": "airflow-provider-tingting",
        "name": "TingTing",
        "description": "Bulk AI voice calls and SMS in Nepal: each contact is called once, each result is recorded.",
        "integrations": [
            {
                "integration-name": "TingTing",
                "external-doc-url": "https://tingting.io",
                "tags": ["service"],
            }
        ],
        "connection-types": [
            {
                "connection-type": CONN_TYPE,
                "hook-class-name": HOOK_CLASS,
                "hook-name": CONN_NAME,
                "ui-field-behaviour": ui_field_behaviour(),
                "conn-fields": conn_fields(),
            }
        ],
        "hooks": [_modules("hooks", "tingting")],
        "operators": [
            _modules(
                "operators",
                "campaign",
                "contacts",
                "ladder",
                "preview",
                "report",
                "waves",
            )
        ],
        "transfers": [
            {
                "source-integration-name": "TingTing",
                "target-integration-name": "SQL",
                "python-module": f"{PACKAGE}.transfers.tingting_to_sql",
            }
        ],
        "asset-uris": [_ASSET_URIS],
        # The same for Airflow 2, under its old name.
        "dataset-uris": [_ASSET_URIS],
        "sensors": [_modules("sensors", "campaign")],
        "triggers": [_modules("triggers", "campaign", "finished", "start")],
        "notifications": [f"{PACKAGE}.notifications.tingting.TingTingNotifier"],
        "cli": [f"{PACKAGE}.cli.commands.get_tingting_commands"],
        "task-decorators": [
            {"name": "tingting_audience", "class-name": f"{PACKAGE}.decorators.audience.tingting_audience_task"}
        ],
        "config": {
            "tingting": {
                "description": "Settings of the TingTing provider.",
                "options": {
                    "audience_folder": {
                        "description": (
                            "Where @task.tingting_audience writes its files when a DAG names no path: a folder that "
                            "every worker can read and write, such as a shared mount or object storage."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://bucket/audiences",
                        "default": "",
                    }
                },
            }
        },
        "extra-links": [f"{PACKAGE}.links.campaign.TingTingCampaignLink"],
    }


def _modules(folder: str, *names: str) -> dict[str, Any]:
    return {"integration-name": "TingTing", "python-modules": [f"{PACKAGE}.{folder}.{name}" for name in names]}
