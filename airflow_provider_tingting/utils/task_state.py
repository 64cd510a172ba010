"""What a task saves between its tries.

Airflow deletes a task's XComs before each try, so only its task state store, which came with Airflow 3.3, carries
values from one try to the next. Before 3.3 the marker in the campaign's description and the campaign's status serve
instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context

#: The key in the store. It is never renamed, since entries outlive an upgrade.
KEY = "tingting_job"
#: The XCom key under which the create task leaves the campaign of its occasion.
OCCASION = "tingting_occasion"


class TaskState:
    """The saved state of one task instance.

    :param context: the task's context.
    :param this_generation_only: whether to ignore what was saved before a person cleared the task last.
    """

    def __init__(self, context: Context, *, this_generation_only: bool = False) -> None:
        self._store: Any = context.get("task_state_store")
        self._generation = generation_of(context)
        self._this_generation_only = this_generation_only

    @property
    def is_available(self) -> bool:
        """Return whether this Airflow has a task state store."""
        return self._store is not None

    def load(self) -> dict[str, Any] | None:
        """Return what a try of this task has saved last, or None."""
        entry = self._store.get(KEY) if self._store is not None else None
        if not isinstance(entry, Mapping):
            return None
        if self._this_generation_only and entry.get("generation") != self._generation:
            return None
        return dict(entry)

    def save(self, entry: Mapping[str, Any]) -> None:
        """Save a value in place of the one before; it is stored when this returns.

        :param entry: plain JSON.
        """
        if self._store is not None:
            self._store.set(KEY, {**entry, "generation": self._generation})


def generation_of(context: Context) -> int:
    """Return a number that is the same for each try of a task, and another one after each clear.

    It is the `max_tries` of the task instance: Airflow sets it when it creates the task instance, changes it when a
    person clears the task, and leaves it when the DAG's `retries` are edited. A running task that is cleared keeps its
    number: Airflow handles that like a retry.
    """
    return max(int(getattr(context["ti"], "max_tries", 0) or 0), 0)


def upstream_xcoms(context: Context, key: str) -> list[Any]:
    """Return what the tasks before this one, near and far, have pushed in this run under a key.

    :param context: the task's context.
    :param key: the XCom key.
    """
    before = sorted(context["task"].get_flat_relative_ids(upstream=True))
    found = context["ti"].xcom_pull(task_ids=before, key=key) if before else None
    values: list[Any] = []
    for value in found or []:
        # Of a mapped task each instance has pushed a value of its own.
        values += value if isinstance(value, list) else [value]
    return values


def occasion_of(context: Context, campaign_id: int) -> dict[str, Any] | None:
    """Return what a task before this one has pushed of the occasion of a campaign, or None.

    :param context: the task's context.
    :param campaign_id: the campaign.
    """
    for entry in upstream_xcoms(context, OCCASION):
        if isinstance(entry, dict) and entry.get("campaign_id") == campaign_id:
            return entry
    return None


def was_created_in_this_run(context: Context, campaign_id: int) -> bool:
    """Return whether a task before this one has pushed the campaign's id in this run, so that the campaign exists.

    :param context: the task's context.
    :param campaign_id: the campaign.
    """
    return campaign_id in upstream_xcoms(context, "campaign_id")


def checked_summary(context: Context, campaign_id: int) -> dict[str, Any] | None:
    """Return the summary of a task before this one that has checked the contacts of a campaign, or None.

    :param context: the task's context.
    :param campaign_id: the campaign.
    """
    for entry in upstream_xcoms(context, "summary"):
        credits = entry.get("credits") if isinstance(entry, dict) and entry.get("campaign_id") == campaign_id else None
        if isinstance(credits, dict) and isinstance(credits.get("estimate"), int | float):
            return cast("dict[str, Any]", entry)
    return None


def checked_estimate(context: Context, campaign_id: int) -> float | None:
    """Return the credits that a check before this task has estimated for a campaign, or None.

    :param context: the task's context.
    :param campaign_id: the campaign.
    """
    summary = checked_summary(context, campaign_id)
    return None if summary is None else float(summary["credits"]["estimate"])
