"""Tells the DAGs that are scheduled on a task's outlets what the task came to."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting._compat import asset_classes

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import BaseOperator, Context

log = logging.getLogger(__name__)


def tell_outlets(
    operator: BaseOperator,
    context: Context,
    outcome: Mapping[str, Any],
    *,
    uri: str,
    partition_key: str | None = None,
) -> None:
    """Put the outcome into the `extra` of the event of each outlet of a task.

    Airflow sends the events when the task succeeds; a failed try sends none.

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
            events[outlet].add(asset_class(uri), extra=dict(outcome))
        elif isinstance(outlet, asset_kinds):
            event = events[outlet]
            event.extra.update(outcome)
            if not partition_key:
                continue
            if hasattr(event, "add_partitions"):
                event.add_partitions(str(partition_key))
            else:
                log.warning("partition_key is left out: events of assets have partitions from Airflow 3.2 on")
