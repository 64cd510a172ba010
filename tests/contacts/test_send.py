"""Sending in batches: each contact once, in flat memory, and a true count whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.contacts.batch_sender import BatchSender
from airflow_provider_tingting.contacts.contact import Contact, Place
from airflow_provider_tingting.contacts.send import BatchRetries, SendResult, batches, send_batches
from airflow_provider_tingting.errors import (
    TingTingAuthError,
    TingTingNeverSentError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingRefusedError,
    TingTingServerError,
    TingTingUnreadableReplyError,
    TingTingValidationError,
)

SOON = BatchRetries(attempts=5, max_wait=0.02)


@dataclass(frozen=True)
class Reply:
    created: int | None
    skipped: int | None
    errors: tuple[object, ...] = ()


@dataclass
class Campaign:
    """What a campaign does with a batch: new numbers are created, known ones skipped."""

    before: Callable[[int, list[dict[str, Any]]], None] = lambda call, batch: None
    after: Callable[[int, list[dict[str, Any]]], None] = lambda call, batch: None
    numbers: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    calls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, batch: list[dict[str, object]]) -> Reply:
        with self.lock:
            call = self.calls
            self.calls += 1
        self.before(call, batch)
        with self.lock:
            self.sizes.append(len(batch))
            known = set(self.numbers)
            new = [str(contact["number"]) for contact in batch if contact["number"] not in known]
            self.numbers += new
        self.after(call, batch)
        return Reply(len(new), len(batch) - len(new))


def people(count: int) -> Iterator[Contact]:
    for position in range(count):
        yield Contact(f"98{position:08}", {"name": f"n{position}"})


def all_numbers(count: int) -> list[str]:
    return [contact.number for contact in people(count)]


def test_batches_read_no_further_than_they_must() -> None:
    source = people(10)
    stream = batches(source, 4)
    assert [contact.number for contact in next(stream)] == all_numbers(4)
    assert next(source).number == "9800000004"
    assert [len(batch) for batch in stream] == [4, 1]
    with pytest.raises(ValueError, match="at least 1"):
        next(batches(people(1), 0))


@pytest.mark.parametrize("concurrency", [1, 4, 16])
@pytest.mark.parametrize("count", [0, 1, 100, 1234])
def test_each_contact_is_sent_once(count: int, concurrency: int) -> None:
    campaign = Campaign()
    steps: list[int] = []
    result = send_batches(
        people(count), campaign.post, batch_size=100, concurrency=concurrency, on_progress=steps.append
    )
    assert sorted(campaign.numbers) == all_numbers(count)
    assert result == SendResult(sent=count, created=count)
    assert campaign.calls == -(-count // 100)
    assert steps == sorted(steps)
    assert count == 0 or steps[-1] == count


def test_contacts_go_out_in_the_shape_of_the_api() -> None:
    seen: list[dict[str, Any]] = []
    campaign = Campaign(before=lambda call, batch: seen.extend(batch))
    send_batches([Contact("9841234567", {"age": 5.0})], campaign.post)
    assert seen == [{"number": "9841234567", "other_variables": {"age": 5}}]


def test_memory_holds_no_more_than_a_few_batches() -> None:
    read = 0
    furthest = 0
    campaign = Campaign()

    def source() -> Iterator[Contact]:
        nonlocal read
        for contact in people(2000):
            read += 1
            yield contact

    def measure(call: int, batch: list[dict[str, Any]]) -> None:
        nonlocal furthest
        time.sleep(0.005)
        furthest = max(furthest, read - sum(campaign.sizes))

    campaign.after = measure
    send_batches(source(), campaign.post, batch_size=10, concurrency=3)
    assert furthest <= 2 * 3 * 10 + 3 * 10


def test_connections_are_used_at_once() -> None:
    together = threading.Barrier(4, timeout=120)
    campaign = Campaign(before=lambda call, batch: together.wait() and None)
    assert send_batches(people(8), campaign.post, batch_size=1, concurrency=4).sent == 8


@pytest.mark.parametrize(
    "fault", [TingTingOutcomeUnknownError, TingTingServerError, TingTingUnreadableReplyError, TingTingNeverSentError]
)
def test_a_batch_whose_answer_is_lost_is_sent_again_and_no_contact_doubled(fault: type[Exception]) -> None:
    def lose(call: int, batch: list[dict[str, Any]]) -> None:
        if call in (1, 2):
            raise fault("add_contacts", "the answer did not come.")

    campaign = Campaign(after=lose)
    result = send_batches(people(50), campaign.post, batch_size=10, concurrency=1, retries=SOON)
    assert sorted(campaign.numbers) == all_numbers(50)
    assert campaign.calls == 7
    assert result.sent == 50
    assert (result.created, result.skipped) == (40, 10)
    assert result.resent == (0 if fault is TingTingNeverSentError else 10)


def test_a_fault_that_stays_is_raised_after_some_tries(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    def lose(call: int, batch: list[dict[str, Any]]) -> None:
        if batch[0]["number"] == "9800000020":
            raise TingTingServerError("add_contacts", "the server is down.", campaign_id=79, status_code=502)

    campaign = Campaign(before=lose)
    with pytest.raises(TingTingServerError) as caught:
        send_batches(people(1000), campaign.post, batch_size=10, concurrency=1, retries=SOON)
    assert campaign.calls == 2 + SOON.attempts
    assert "campaign 79" in str(caught.value)
    assert "acknowledged 20 contacts" in caplog.text
    assert "A batch of contacts failed: the server is down. It is sent again in" in caplog.text
    assert caught.value.status_code == 502
    assert campaign.numbers == all_numbers(20)


@pytest.mark.parametrize(
    "error",
    [
        TingTingAuthError("add_contacts", "the token is wrong.", status_code=401),
        TingTingValidationError("add_contacts", "no such campaign.", status_code=400),
    ],
)
def test_a_refusal_is_not_repeated_and_stops_the_rest(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    def refuse(call: int, batch: list[dict[str, Any]]) -> None:
        if call == 3:
            raise error

    campaign = Campaign(before=refuse)
    with pytest.raises(type(error)) as caught:
        send_batches(people(10_000), campaign.post, batch_size=10, concurrency=2, retries=SOON)
    assert caught.value is error
    assert campaign.calls < 12
    assert f"acknowledged {len(campaign.numbers)} contacts" in caplog.text


def test_what_is_under_way_ends_before_the_fault_is_raised(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    started = threading.Event()

    def behave(call: int, batch: list[dict[str, Any]]) -> None:
        if call == 0:
            assert started.wait(120)
            raise TingTingAuthError("add_contacts", "the token is wrong.", status_code=401)
        started.set()
        assert stopped.wait(120)

    campaign = Campaign(before=behave)
    stop_really, stopped = BatchSender.stop, threading.Event()
    monkeypatch.setattr(BatchSender, "stop", lambda sender: (stop_really(sender), stopped.set()))
    with pytest.raises(TingTingAuthError):
        send_batches(people(1000), campaign.post, batch_size=5, concurrency=2)
    assert campaign.sizes == [5]
    assert campaign.calls == 2
    assert "acknowledged 5 contacts" in caplog.text


def test_a_fault_wakes_the_waiting_requests_to_try_again() -> None:
    both = threading.Barrier(2, timeout=120)

    def behave(call: int, batch: list[dict[str, Any]]) -> None:
        both.wait()
        if batch[0]["number"] == "9800000000":
            raise TingTingRateLimitedError("add_contacts", "slow down.", status_code=429, retry_after=50)
        time.sleep(0.05)
        raise TingTingAuthError("add_contacts", "the token is wrong.", status_code=401)

    began = time.monotonic()
    with pytest.raises(TingTingAuthError):
        send_batches(people(10), Campaign(before=behave).post, batch_size=5, concurrency=2)
    assert time.monotonic() - began < 45


class NoticesSleep:
    """Real time that notices the first sleep."""

    def __init__(self) -> None:
        self.slept = threading.Event()

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        self.slept.set()
        time.sleep(seconds)


def test_all_connections_wait_when_tingting_asks_to_slow_down() -> None:
    clock, times = NoticesSleep(), list[float]()

    def behave(call: int, batch: list[dict[str, Any]]) -> None:
        times.append(time.monotonic())
        if call == 0:
            raise TingTingRateLimitedError("add_contacts", "slow down.", status_code=429, retry_after=0.3)
        # What is under way ends when the first connection waits already.
        clock.slept.wait(120)

    campaign = Campaign(before=behave)
    with use_clock(clock):
        result = send_batches(people(200), campaign.post, batch_size=10, concurrency=2, retries=BatchRetries(5, 1.0))
    assert result == SendResult(sent=200, created=200)
    first, _, *others = times
    assert min(others) - first >= 0.3


def test_a_wait_that_is_too_long_is_left_to_airflow(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    def behave(call: int, batch: list[dict[str, Any]]) -> None:
        raise TingTingRateLimitedError("add_contacts", "slow down.", status_code=429, retry_after=3600)

    campaign = Campaign(before=behave)
    with pytest.raises(TingTingRateLimitedError):
        send_batches(people(10), campaign.post, retries=SOON)
    assert campaign.calls == 1
    assert "acknowledged 0 contacts" in caplog.text


TOO_LARGE = TingTingRefusedError("add_contacts", "an HTML page.", status_code=413)


@pytest.mark.parametrize("limit", [1, 7, 99, 250])
def test_a_batch_that_is_too_large_is_halved_and_the_next_ones_are_smaller(limit: int) -> None:
    refused: list[int] = []

    def refuse(call: int, batch: list[dict[str, Any]]) -> None:
        if len(batch) > limit:
            refused.append(len(batch))
            raise TOO_LARGE

    campaign = Campaign(before=refuse)
    result = send_batches(people(3000), campaign.post, batch_size=500, concurrency=2)
    assert sorted(campaign.numbers) == all_numbers(3000)
    assert result == SendResult(sent=3000, created=3000)
    # What was in memory when the limit was met, cut down to size; nothing after it.
    assert sum(size == 500 for size in refused) <= 4


def test_another_refusal_of_a_batch_is_an_error_whatever_its_text_says() -> None:
    def refuse(call: int, batch: list[dict[str, Any]]) -> None:
        raise TingTingValidationError("add_contacts", "contacts: too many items.", status_code=400)

    campaign = Campaign(before=refuse)

    with pytest.raises(TingTingValidationError, match="too many items"):
        send_batches(people(10), campaign.post)
    assert campaign.calls == 1


def test_a_single_contact_that_is_too_large_is_a_fault() -> None:
    def refuse(call: int, batch: list[dict[str, Any]]) -> None:
        raise TingTingRefusedError("add_contacts", "too large.", status_code=413)

    with pytest.raises(TingTingRefusedError, match="too large"):
        send_batches(people(10), Campaign(before=refuse).post)


def test_what_tingting_complains_of_is_counted_and_masked() -> None:
    def post(batch: list[dict[str, object]]) -> Reply:
        complaints = tuple(
            {"number": contact["number"], "error": "invalid", "other_variables": {"name": "Ram"}} for contact in batch
        )
        return Reply(None, None, complaints)

    result = send_batches(people(100), post, batch_size=30)
    assert (result.sent, result.created, result.skipped, result.rejected_count) == (100, 0, 0, 100)
    assert len(result.rejected) == 20
    assert all("invalid" in said and "Ram" not in said for said in result.rejected)
    assert not any(contact.number in said for said in result.rejected for contact in people(100))


def test_names_that_tingting_echoes_in_a_complaint_are_not_repeated() -> None:
    def post(batch: list[dict[str, object]]) -> Reply:
        return Reply(0, 0, ({"number": "9800000001", "error": "Sushmita Quillabadi of Chhampi has no valid number"},))

    sushmita = Contact("9800000001", {"name": "Sushmita Quillabadi", "place": "Chhampi"}, Place("list", 1))

    result = send_batches([sushmita], post)

    assert result.rejected == ("number: 98******01; error: *** of *** has no valid number",)


def test_a_server_that_does_not_count_is_taken_to_have_created_all() -> None:
    result = send_batches(people(10), lambda batch: Reply(None, None, ("9800000001: already there",)))
    assert (result.sent, result.created, result.rejected_count) == (10, 9, 1)
    assert result.rejected == ("98******01: already there",)


def test_a_source_that_fails_half_way_lets_what_is_under_way_end() -> None:
    def source() -> Iterator[Contact]:
        yield from people(25)
        raise ConnectionError("the disk went away")

    campaign = Campaign(before=lambda call, batch: time.sleep(0.05))
    with pytest.raises(ConnectionError):
        send_batches(source(), campaign.post, batch_size=10, concurrency=1)
    assert sum(campaign.sizes) <= 20
    acknowledged = list(campaign.numbers)
    time.sleep(0.15)
    assert campaign.numbers == acknowledged
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tingting-send")]


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"concurrency": 0}])
def test_invalid_sizes_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        send_batches(people(1), Campaign().post, **options)
