"""Puts the result of a task into the events of its outlets, for the DAGs that are scheduled on them."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting._compat import asset_classes

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import BaseOperator, Context

log = logging.getLogger(__name__)


def emit_asset_events(
    operator: BaseOperator,
    context: Context,
    outcome: Mapping[str, Any],
    *,
    uri: str,
    partition_key: str | None = None,
) -> None:
    """Put the outcome into the `extra` of the event of each outlet of a task.

    Airflow sends the events when the task succeeds; a failed try sends none.

    :param operator: the operator of the task.
    :param context: the context of the task.
    :param outcome: ids, counts, a path: plain JSON, nothing personal.
    :param uri: what an alias among the outlets becomes: the file, the table or the campaign.
    :param partition_key: the partition of the events; None leaves it to Airflow, which takes that of the DAG run.
    """
    if not operator.outlets:
        return
    asset_class, asset_kinds, alias_class = asset_classes()
    events: Any = context["outlet_events"]
    for outlet in operator.outlets:
        if isinstance(outlet, alias_class):
            event = events[outlet]
            event.add(asset_class(uri), extra=dict(outcome) if _has_partitions(event) else _flat(outcome))
        elif isinstance(outlet, asset_kinds):
            event = events[outlet]
            event.extra.update(outcome)
            if not partition_key:
                continue
            if _has_partitions(event):
                event.add_partitions(str(partition_key))
            else:
                log.warning("partition_key is left out: events of assets have partitions from Airflow 3.3 on")


def _has_partitions(event: object) -> bool:
    """Whether the event is one of Airflow 3.3 or later."""
    return hasattr(event, "add_partitions")


def _flat(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is nested as JSON text: older Airflow fails a task whose alias has an event with nested values."""
    return {name: json.dumps(value) if isinstance(value, Mapping) else value for name, value in outcome.items()}
