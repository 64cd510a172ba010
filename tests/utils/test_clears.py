"""Whether a person has cleared a task: by the state store, by the count of Airflow 2, or by `max_tries`."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.utils.clears import (
    ClearPolicy,
    check_run_on_clear,
    is_first_try,
    tries_before_clear,
    was_cleared,
)
from airflow_provider_tingting.utils.task_state import TaskState, generation_of

ABSENT = object()


class Store:
    """A task state store."""

    def __init__(self, entry: Any = ABSENT) -> None:
        self.kept = {} if entry is ABSENT else {"tingting_job": entry}

    def get(self, key: str) -> Any:
        return self.kept.get(key)

    def set(self, key: str, value: Any) -> None:
        self.kept[key] = value


def context(
    *,
    tries: int | None = 1,
    max_tries: int | None = 3,
    retries: int | None = 3,
    clears: Any = ABSENT,
    store: Any = None,
) -> Any:
    task = SimpleNamespace(retries=retries)
    run = SimpleNamespace() if clears is ABSENT else SimpleNamespace(clear_number=clears)
    ti = SimpleNamespace(task=task, try_number=tries, max_tries=max_tries)
    return {"ti": ti, "task": task, "dag_run": run, "task_state_store": store}


@pytest.mark.parametrize(
    ("circumstances", "tries"),
    [
        ({"tries": 1}, 0),
        ({"tries": 3}, 0),
        ({"tries": 2, "max_tries": 4}, 1),
        ({"tries": 5, "max_tries": 5}, 2),
        ({"tries": 2, "max_tries": 5}, 0),
        ({"tries": 2, "max_tries": 1}, 0),
        ({"tries": 2, "max_tries": 1, "retries": None}, 1),
        ({"tries": 2, "max_tries": 4, "clears": 0}, 0),
        ({"tries": 2, "max_tries": 4, "clears": 1}, 1),
        ({"tries": 2, "max_tries": None, "retries": 0}, 0),
        ({"tries": None}, 0),
        ({"tries": None, "max_tries": 4}, 0),
    ],
    ids=[
        "first try",
        "a retry",
        "cleared after one try",
        "cleared after two tries",
        "retries were lowered",
        "retries were raised",
        "without retries",
        "Airflow 2 has counted no clear",
        "Airflow 2 has counted one",
        "nothing is known",
        "no try is known",
        "no try is known of a cleared task",
    ],
)
def test_without_a_store_a_clear_follows_from_the_numbers(circumstances: dict[str, Any], tries: int) -> None:
    assert tries_before_clear(context(**circumstances)) == tries
    assert was_cleared(context(**circumstances)) is (tries > 0)


@pytest.mark.parametrize(
    ("generation", "circumstances", "tries"),
    [
        (3, {"tries": 2}, 0),
        (3, {"tries": 2, "retries": 1}, 0),
        (3, {"tries": 2, "max_tries": 4}, 1),
        (3, {"tries": 4, "max_tries": 6}, 3),
        (3, {"tries": 4, "max_tries": 9, "retries": 3}, 3),
        (3, {"tries": 1, "max_tries": 9}, 1),
        (3, {"tries": 5, "max_tries": 4}, 1),
        (3, {"tries": 2, "max_tries": 4, "retries": 4}, 1),
        (3, {"tries": 2, "max_tries": 5}, 1),
    ],
    ids=[
        "a retry",
        "retries were lowered",
        "cleared",
        "cleared after three",
        "cleared and edited",
        "cleared at once",
        "cleared after one, and retried since",
        "cleared, and retries raised",
        "cleared, and retries lowered",
    ],
)
def test_an_entry_in_the_store_decides(generation: int, circumstances: dict[str, Any], tries: int) -> None:
    store = Store({"version": 2, "generation": generation})

    assert tries_before_clear(context(store=store, clears=0, **circumstances)) == tries


@pytest.mark.parametrize("entry", [ABSENT, {"version": 2}, "text"], ids=["none", "without a generation", "a text"])
def test_a_store_without_a_usable_entry_decides_nothing(entry: Any) -> None:
    assert tries_before_clear(context(tries=2, max_tries=4, store=Store(entry))) == 1


@pytest.mark.parametrize(("tries", "is_first"), [(None, True), (0, True), (1, True), (2, False)])
def test_the_first_try_has_none_before_it(tries: int | None, is_first: bool) -> None:
    assert is_first_try(context(tries=tries)) is is_first


@pytest.mark.parametrize(("max_tries", "generation"), [(None, 0), (-1, 0), (0, 0), (4, 4)])
def test_the_generation_is_a_number_from_zero_on(max_tries: int | None, generation: int) -> None:
    assert generation_of(context(max_tries=max_tries)) == generation


def test_a_task_instance_without_a_number_of_tries_is_of_the_first_generation() -> None:
    assert generation_of({"ti": SimpleNamespace()}) == 0  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("reattach", None),
        ("fail", None),
        ("send_again", "A campaign can be run only once, so on_clear of this task is reattach or fail"),
        ("again", "on_clear must be one of reattach, fail; it is 'again'"),
    ],
)
def test_a_task_that_runs_a_campaign_never_repeats_it_after_a_clear(value: str, problem: str | None) -> None:
    if problem is None:
        check_run_on_clear(value, "on_clear")
        return
    with pytest.raises(TingTingConfigError, match=problem):
        check_run_on_clear(value, "on_clear")


CLEARED = {"tries": 2, "max_tries": 4}


def test_fail_refuses_a_cleared_task_only() -> None:
    ClearPolicy("fail").apply(context(), "create a campaign", logging.getLogger())
    with pytest.raises(TingTingConfigError, match=r"forbids it to create a campaign again\. Nothing was sent"):
        ClearPolicy("fail").apply(context(**CLEARED), "create a campaign", logging.getLogger())


def test_an_unknown_value_is_refused_even_in_a_first_try() -> None:
    with pytest.raises(TingTingConfigError, match="on_clear must be one of reattach, send_again, fail; it is 'again'"):
        ClearPolicy("again").apply(context(), "create a campaign", logging.getLogger())


@pytest.mark.parametrize(
    ("on_clear", "says"),
    [("reattach", "it does not create a campaign again"), ("send_again", "it will create a campaign again")],
)
def test_what_a_cleared_task_does_is_logged(on_clear: str, says: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        ClearPolicy(on_clear).apply(context(), "create a campaign", logging.getLogger("a_task"))
        assert caplog.text == ""
        ClearPolicy(on_clear).apply(context(**CLEARED), "create a campaign", logging.getLogger("a_task"))
    assert says in caplog.text


def test_only_send_again_forgets_what_was_saved_before_a_clear() -> None:
    store = Store({"campaign_id": 7, "generation": 3})

    for on_clear, circumstances, is_kept in (
        ("reattach", CLEARED, True),
        ("fail", {}, True),
        ("send_again", {}, True),
        ("send_again", CLEARED, False),
    ):
        state = ClearPolicy(on_clear).task_state(context(store=store, **circumstances))
        assert (state.load() is not None) is is_kept, on_clear
        assert state.is_available


def test_without_a_store_nothing_is_saved_and_nothing_is_read() -> None:
    state = TaskState(context())

    state.save({"campaign_id": 7})
    assert not state.is_available
    assert state.load() is None


def test_what_a_try_saves_the_next_try_loads() -> None:
    store = Store()
    TaskState(context(store=store)).save({"campaign_id": 7})

    assert TaskState(context(store=store, tries=2), this_generation_only=True).load() == {
        "campaign_id": 7,
        "generation": 3,
    }
    assert TaskState(context(store=store, **CLEARED), this_generation_only=True).load() is None


def test_an_entry_is_a_copy() -> None:
    store = Store({"campaign_id": 7, "generation": 3})
    entry = TaskState(context(store=store)).load()
    assert entry == {"campaign_id": 7, "generation": 3}
    entry["campaign_id"] = 8
    assert store.kept["tingting_job"]["campaign_id"] == 7
