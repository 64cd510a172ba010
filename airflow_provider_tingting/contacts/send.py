"""Sends contacts in batches over a few connections at once, and knows afterwards how many were taken.

TingTing skips numbers that a campaign already has (API page: Add multiple contacts), so a batch whose answer was lost
is simply sent again. The caller brings the one function that posts a batch; this room knows no HTTP. Imports tenacity
and this package.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

import tenacity

from airflow_provider_tingting.contacts.contact import Contact
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingNeverSentError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingRefusedError,
)
from airflow_provider_tingting.masking import mask_text

log = logging.getLogger(__name__)

#: How many complaints of TingTing a result keeps; all are counted.
_KEPT_COMPLAINTS = 20
_TOO_LARGE = 413
#: Faults after which the same batch may be sent again without a second contact.
_REPEATABLE = (TingTingOutcomeUnknownError, TingTingNeverSentError, TingTingRateLimitedError)


class BatchReply(Protocol):
    """What TingTing answers to one batch; `api.models.AddContactsResult` is one."""

    @property
    def created(self) -> int | None:
        """How many contacts are new."""

    @property
    def skipped(self) -> int | None:
        """How many numbers the campaign already had."""

    @property
    def errors(self) -> Sequence[object]:
        """What TingTing complains of."""


Post = Callable[[list[dict[str, object]]], BatchReply]


@dataclass(frozen=True)
class SendResult:
    """What became of the contacts.

    :param sent: contacts in batches that TingTing has answered for.
    :param created: contacts that are new in the campaign.
    :param skipped: contacts whose number the campaign already had.
    :param rejected: the first twenty complaints of TingTing about single contacts, masked.
    :param rejected_count: how many complaints there were.
    :param resent: contacts in batches that were sent again after a lost answer. Some of these may count as skipped
        although this very task created them.
    """

    sent: int = 0
    created: int = 0
    skipped: int = 0
    rejected: tuple[str, ...] = ()
    rejected_count: int = 0
    resent: int = 0

    def __add__(self, other: SendResult) -> SendResult:
        return SendResult(
            self.sent + other.sent,
            self.created + other.created,
            self.skipped + other.skipped,
            (self.rejected + other.rejected)[:_KEPT_COMPLAINTS],
            self.rejected_count + other.rejected_count,
            self.resent + other.resent,
        )


@dataclass(frozen=True)
class Patience:
    """How long a batch is tried.

    :param attempts: how often in all.
    :param longest_wait: seconds, the most between two attempts. A longer `Retry-After` is not sat out.
    """

    attempts: int = 5
    longest_wait: float = 60.0


def batches(contacts: Iterable[Contact], size: int) -> Iterator[list[Contact]]:
    """Yield contacts in lists of at most `size`, reading no further than the list at hand.

    :param contacts: the contacts.
    :param size: how many go into one request.
    """
    if size < 1:
        raise ValueError("the size of a batch must be at least 1")
    stream = iter(contacts)
    while batch := list(islice(stream, size)):
        yield batch


def send_batches(
    contacts: Iterable[Contact],
    post: Post,
    *,
    batch_size: int = 500,
    concurrency: int = 4,
    on_progress: Callable[[int], None] | None = None,
    patience: Patience | None = None,
) -> SendResult:
    """Send all contacts; the order of the batches is not kept.

    Memory holds at most twice `concurrency` batches. A batch is sent again when its answer was lost, when it never
    left, and when TingTing asks to slow down (then all connections wait). A batch that is too large (413) is halved,
    and those after it are smaller from the start. The first fault that stays stops the rest: what is under way ends,
    what waits is dropped.

    :param contacts: the contacts, read as they are needed.
    :param post: sends one batch of contacts in the API's shape; called from several threads.
    :param batch_size: contacts in one request.
    :param concurrency: requests at a time.
    :param on_progress: called in the caller's thread with the number of contacts sent so far.
    :param patience: how long a batch is tried.
    :raises TingTingAPIError: the fault that stayed; its text says how many contacts were certainly sent.
    """
    if concurrency < 1:
        raise ValueError("concurrency must be at least 1")
    if batch_size < 1:
        raise ValueError("the size of a batch must be at least 1")
    sender = _Sender(post, batch_size, patience or Patience())
    stream = iter(contacts)
    result = SendResult()
    pending: set[Future[SendResult]] = set()
    failure: BaseException | None = None
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="tingting-send")
    try:
        while failure is None:
            while len(pending) < 2 * concurrency and (batch := list(islice(stream, sender.size))):
                pending.add(pool.submit(sender.work, batch))
            if not pending:
                break
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                failure = failure or future.exception()
                if future.exception() is None:
                    result += future.result()
            if on_progress is not None:
                on_progress(result.sent)
    finally:
        # Also when the source fails or the task is killed: wake who waits, drop who has not begun, let the others end.
        sender.stop()
        pool.shutdown(wait=True, cancel_futures=True)
    if failure is None:
        return result
    for future in pending:
        if not future.cancelled() and future.exception() is None:
            result += future.result()
    if isinstance(failure, TingTingAPIError):
        failure.args = (f"{failure.args[0]} {_how_far(result.sent)}",)
    raise failure


def _how_far(sent: int) -> str:
    if not sent:
        return "No contact was certainly sent before it."
    return f"{sent} contacts were certainly sent before it; when sent again, TingTing skips them."


class _Stopped(Exception):  # noqa: N818 - it is no error
    """Another batch has failed for good, so this one is not posted."""


@dataclass
class _Sender:
    """Delivers batches from several threads, which share one batch size and one time to wait for."""

    post: Post
    size: int
    patience: Patience
    _not_before: float = 0.0
    _stopped: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stop(self) -> None:
        self._stopped.set()

    def work(self, batch: list[Contact]) -> SendResult:
        try:
            return self._deliver(batch)
        except _Stopped:
            return SendResult()
        except BaseException:
            # At once: a thread takes the next batch before anybody has looked at the result of this one.
            self.stop()
            raise

    def _deliver(self, batch: list[Contact]) -> SendResult:
        try:
            return self._deliver_whole(batch)
        except TingTingRefusedError as error:
            if error.status_code != _TOO_LARGE or len(batch) == 1:
                raise
        half = (len(batch) + 1) // 2
        with self._lock:
            if half < self.size:
                self.size = half
                log.info("TingTing takes no batch of %d contacts; going on with %d.", len(batch), half)
        return self._deliver(batch[:half]) + self._deliver(batch[half:])

    def _deliver_whole(self, batch: list[Contact]) -> SendResult:
        body = [contact.as_api() for contact in batch]
        lost = False
        for attempt in self._attempts():
            with attempt:
                self._wait_for_turn()
                try:
                    reply = self.post(body)
                except TingTingRateLimitedError as error:
                    self._slow_down(error.retry_after)
                    raise
                except TingTingOutcomeUnknownError:
                    lost = True
                    raise
        return _result_of(reply, len(batch), lost=lost)

    def _attempts(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._may_repeat),
            stop=tenacity.stop_after_attempt(self.patience.attempts) | tenacity.stop_when_event_set(self._stopped),
            wait=tenacity.wait_random_exponential(multiplier=1, max=self.patience.longest_wait),
            sleep=tenacity.sleep_using_event(self._stopped),
            before_sleep=_tell,
            reraise=True,
        )

    def _may_repeat(self, error: BaseException) -> bool:
        if not isinstance(error, _REPEATABLE) or self._stopped.is_set():
            return False
        return (error.retry_after or 0) <= self.patience.longest_wait

    def _slow_down(self, retry_after: float | None) -> None:
        seconds = min(retry_after or 0, self.patience.longest_wait)
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def _wait_for_turn(self) -> None:
        while (left := self._not_before - time.monotonic()) > 0 and not self._stopped.is_set():
            self._stopped.wait(left)
        if self._stopped.is_set():
            raise _Stopped


def _tell(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    said = error.said if isinstance(error, TingTingAPIError) else error
    log.info("A batch of contacts is sent again in %.1f s; who is there is skipped. %s", state.upcoming_sleep, said)


def _result_of(reply: BatchReply, sent: int, *, lost: bool) -> SendResult:
    complaints = list(reply.errors or ())
    skipped = reply.skipped or 0
    # Some versions of TingTing do not count; then everybody it does not complain of is taken to be created.
    created = reply.created if reply.created is not None else max(sent - skipped - len(complaints), 0)
    return SendResult(
        sent=sent,
        created=created,
        skipped=skipped,
        rejected=tuple(_masked(complaint) for complaint in complaints[:_KEPT_COMPLAINTS]),
        rejected_count=len(complaints),
        resent=sent if lost else 0,
    )


def _masked(complaint: object) -> str:
    if isinstance(complaint, Mapping):
        # Of the contact only what TingTing says about it: a name is nobody's business.
        told = ("number", "error", "errors", "reason", "detail", "message")
        return mask_text("; ".join(f"{key}: {complaint[key]}" for key in told if key in complaint))
    return mask_text(str(complaint))
