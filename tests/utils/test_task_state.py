"""What a task reads of the tasks before it in the same run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_tingting.utils.task_state import (
    OCCASION,
    checked_estimate,
    checked_summary,
    occasion_of,
    upstream_xcoms,
    was_created_in_this_run,
)


def after(*before: str, **pushed: Any) -> Any:
    """Make the context of a task after some others, which have pushed values, the keys given as arguments."""

    def pull(*, task_ids: list[str], key: str) -> Any:
        assert task_ids == sorted(before)
        return pushed.get(key)

    def relatives(*, upstream: bool) -> set[str]:
        return set(before) if upstream else {"a task that comes later"}

    return {"task": SimpleNamespace(get_flat_relative_ids=relatives), "ti": SimpleNamespace(xcom_pull=pull)}


@pytest.mark.parametrize(
    ("pushed", "values"),
    [(None, []), ([], []), ([7, 8], [7, 8]), ([7, [8, 9]], [7, 8, 9])],
    ids=["nothing", "an empty list", "one value a task", "a mapped task"],
)
def test_the_values_of_all_tasks_before_are_one_list(pushed: Any, values: list[int]) -> None:
    assert upstream_xcoms(after("create", "add", campaign_id=pushed), "campaign_id") == values


def test_a_task_with_none_before_it_asks_airflow_for_nothing() -> None:
    context = after(campaign_id=[7])
    context["ti"] = None

    assert upstream_xcoms(context, "campaign_id") == []


def test_a_campaign_was_created_in_this_run_when_a_task_before_has_pushed_its_id() -> None:
    context = after("create", campaign_id=[7])

    assert was_created_in_this_run(context, 7)
    assert not was_created_in_this_run(context, 8)


def test_the_occasion_is_that_of_the_campaign_itself() -> None:
    of_seven, of_eight = {"campaign_id": 7, "key": "ward 7"}, {"campaign_id": 8, "key": "ward 8"}
    context = after("create", **{OCCASION: ["a text", None, of_eight, of_seven]})

    assert occasion_of(context, 7) == of_seven
    assert occasion_of(context, 9) is None
    assert occasion_of(after("create"), 7) is None


def test_a_summary_counts_when_it_is_of_the_campaign_and_has_an_estimate() -> None:
    other = {"campaign_id": 8, "credits": {"estimate": 3.0}}
    unpriced = {"campaign_id": 7, "credits": {"estimate": None}}
    unchecked = {"campaign_id": 7, "total": 40}
    priced = {"campaign_id": 7, "credits": {"estimate": 120}}
    context = after("check", "add", summary=["a text", other, unpriced, unchecked, priced])

    assert checked_summary(context, 7) == priced
    assert checked_estimate(context, 7) == 120.0
    assert checked_estimate(context, 8) == 3.0
    assert checked_summary(context, 9) is None
    assert checked_estimate(context, 9) is None
