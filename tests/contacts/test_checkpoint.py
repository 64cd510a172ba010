"""Where a sending came to: never further than everything before it is answered for, and only for the same contacts."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tingting.contacts.checkpoint import MIN_CONTACTS, AcknowledgedPrefix, Checkpoint
from airflow_provider_tingting.contacts.contact import Contact
from airflow_provider_tingting.contacts.send import batches, send_batches
from airflow_provider_tingting.errors import TingTingAuthError


@dataclass(frozen=True)
class Reply:
    created: int
    skipped: int = 0
    errors: tuple[object, ...] = ()


def people(count: int, first: int = 0) -> Iterator[Contact]:
    return (Contact(f"98{position:08}", {"name": "Sita"}) for position in range(first, first + count))


def prefix_over(count: int, size: int) -> AcknowledgedPrefix:
    prefix = AcknowledgedPrefix()
    for ticket in [prefix.batch_started(batch) for batch in batches(people(count), size)]:
        prefix.acknowledge(ticket)
    return prefix


def point_at(count: int, size: int = 50) -> Checkpoint:
    point = prefix_over(count, size).checkpoint(before=7)
    assert point is not None
    return point


@given(st.lists(st.integers(1, 30), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_only_what_is_answered_for_without_a_gap_is_settled(sizes: list[int], chance: random.Random) -> None:
    prefix, stream = AcknowledgedPrefix(), people(sum(sizes))
    tickets = [prefix.batch_started([next(stream) for _ in range(size)]) for size in sizes]
    order = list(range(len(sizes)))
    chance.shuffle(order)
    answered: set[int] = set()
    for position in order:
        prefix.acknowledge(tickets[position])
        answered.add(position)
        whole = next((index for index in range(len(sizes)) if index not in answered), len(sizes))
        assert prefix.acknowledged == sum(sizes[:whole])
    assert prefix.acknowledged == sum(sizes)


@given(st.integers(MIN_CONTACTS, 400), st.integers(1, 90), st.integers(0, 50))
def test_a_later_try_continues_after_the_same_contacts_whatever_the_size_of_its_batches(
    count: int, size: int, more: int
) -> None:
    rest = AcknowledgedPrefix().skip_to(people(count + more), point_at(count, size))
    assert rest is not None
    assert [contact.number for contact in rest] == [contact.number for contact in people(more, count)]


def test_a_prefix_that_continues_gives_the_same_checkpoints() -> None:
    prefix = AcknowledgedPrefix()
    rest = prefix.skip_to(people(500), point_at(150))
    assert rest is not None
    for batch in batches(rest, 70):
        prefix.acknowledge(prefix.batch_started(batch))
    assert prefix.checkpoint(before=7) == point_at(500)


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([*people(1, 999), *people(299, 1)], id="another first one"),
        pytest.param([*people(1, 1), *people(1), *people(298, 2)], id="another order"),
        pytest.param(list(people(199)), id="fewer"),
        pytest.param([], id="no contact"),
        pytest.param([*people(1, 5000), *people(300)], id="one more in front"),
    ],
)
def test_other_contacts_are_not_resumed_with(others: list[Contact]) -> None:
    assert AcknowledgedPrefix().skip_to(others, point_at(200)) is None


def test_so_few_numbers_that_they_could_be_guessed_are_not_kept() -> None:
    assert prefix_over(MIN_CONTACTS - 1, 10).checkpoint(before=0) is None
    assert prefix_over(MIN_CONTACTS, 10).checkpoint(before=0) is not None


def test_a_point_is_plain_json_without_a_number() -> None:
    entry = json.dumps(point_at(MIN_CONTACTS).to_json())
    assert Checkpoint.from_json(json.loads(entry)) == point_at(MIN_CONTACTS)
    assert not any(contact.number in entry for contact in people(MIN_CONTACTS))


@pytest.mark.parametrize(
    "entry",
    [None, {}, [], "x", {"contacts": "many", "fingerprint": "", "before": 0}, {"contacts": 500}, {"contacts": 1}],
)
def test_what_is_no_point_is_no_reason_to_fail(entry: Any) -> None:
    assert Checkpoint.from_json(entry) is None


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_sending_that_fails_leaves_a_point_where_it_can_go_on(concurrency: int) -> None:
    taken: list[str] = []

    def post(batch: list[dict[str, object]]) -> Reply:
        if batch[0]["number"] == "9800000600":
            raise TingTingAuthError("add_contacts", "the token is wrong.", status_code=401)
        taken.extend(str(contact["number"]) for contact in batch)
        return Reply(len(batch))

    prefix = AcknowledgedPrefix()
    with pytest.raises(TingTingAuthError):
        send_batches(people(5000), post, batch_size=50, concurrency=concurrency, prefix=prefix)
    assert prefix.acknowledged == 600
    assert set(taken) >= {contact.number for contact in people(600)}
