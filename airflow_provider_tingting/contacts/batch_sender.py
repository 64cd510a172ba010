"""Sends one batch until TingTing acknowledges it: repeats it, slows down, halves it.

TingTing skips numbers that a campaign already has (API page: Add multiple contacts), so a batch whose response was lost
is sent again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus

import msgspec
import tenacity

from airflow_provider_tingting.clock import monotonic, sleep_unless
from airflow_provider_tingting.contacts.send_result import BatchReply, SendResult, result_of
from airflow_provider_tingting.errors import (
    PASSING_ERRORS,
    TingTingAPIError,
    TingTingOutcomeUnknownError,
    TingTingRateLimitedError,
    TingTingRefusedError,
)

log = logging.getLogger(__name__)

#: Contacts in the API's shape, or this as JSON.
Batch = Sequence[Mapping[str, object] | msgspec.Raw]
Post = Callable[[Batch], BatchReply]


@dataclass(frozen=True)
class BatchRetries:
    """How often and how long a batch is retried.

    :param attempts: requests in all.
    :param max_wait: the longest pause between two requests, in seconds; a longer `Retry-After` fails the batch.
    """

    attempts: int = 5
    max_wait: float = 60.0


def is_too_large(error: TingTingRefusedError) -> bool:
    """Return whether TingTing refused a request for its size.

    :param error: the refusal.
    """
    return error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class _Stopped(Exception):  # noqa: N818 - it is not an error
    """Another batch has failed, so this one is not sent."""


@dataclass
class BatchSender:
    """Sends batches from several threads, which share one batch size and one pause.

    :param post: sends one batch of contacts in the API's shape.
    :param size: how many contacts the next batch should have; it shrinks when TingTing refuses a batch as too large.
    :param retries: how often and how long a batch is retried.
    """

    post: Post
    size: int
    retries: BatchRetries
    _not_before: float = 0.0
    _stopped: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stop(self) -> None:
        """Send no further request and end all pauses."""
        self._stopped.set()

    def send(self, batch: Batch) -> SendResult:
        """Send a batch and return the result; an empty result once the sender was stopped.

        :param batch: contacts in the API's shape.
        :raises TingTingAPIError: the error that remained after the retries; it stops the sender.
        """
        try:
            return self._send_in_parts(batch)
        except _Stopped:
            return SendResult()
        except BaseException:
            # Set here, because a thread takes the next batch before the main thread has seen this result.
            self.stop()
            raise

    def _send_in_parts(self, batch: Batch) -> SendResult:
        try:
            return self._send_whole(batch)
        except TingTingRefusedError as error:
            if len(batch) == 1 or not is_too_large(error):
                raise
        half = (len(batch) + 1) // 2
        with self._lock:
            if half < self.size:
                self.size = half
                log.info("TingTing refuses a batch of %d contacts as too large: continuing with %d", len(batch), half)
        return self._send_in_parts(batch[:half]) + self._send_in_parts(batch[half:])

    def _send_whole(self, batch: Batch) -> SendResult:
        lost = False
        for attempt in self._attempts():
            with attempt:
                self._pause()
                try:
                    reply = self.post(batch)
                except TingTingRateLimitedError as error:
                    self._slow_down(error.retry_after)
                    raise
                except TingTingOutcomeUnknownError:
                    lost = True
                    raise
        return result_of(reply, batch, lost=lost)

    def _attempts(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._is_retryable),
            stop=tenacity.stop_after_attempt(self.retries.attempts) | tenacity.stop_when_event_set(self._stopped),
            wait=tenacity.wait_random_exponential(multiplier=1, max=self.retries.max_wait),
            sleep=partial(sleep_unless, self._stopped),
            before_sleep=_log_retry,
            reraise=True,
        )

    def _is_retryable(self, error: BaseException) -> bool:
        # The same batch may be sent again after these: TingTing adds no contact twice.
        if not isinstance(error, PASSING_ERRORS) or self._stopped.is_set():
            return False
        return (error.retry_after or 0) <= self.retries.max_wait

    def _slow_down(self, retry_after: float | None) -> None:
        seconds = min(retry_after or 0, self.retries.max_wait)
        with self._lock:
            self._not_before = max(self._not_before, monotonic() + seconds)

    def _pause(self) -> None:
        while (left := self._not_before - monotonic()) > 0 and not self._stopped.is_set():
            sleep_unless(self._stopped, left)
        if self._stopped.is_set():
            raise _Stopped


def _log_retry(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    reason = error.message if isinstance(error, TingTingAPIError) else error
    log.info(
        "A batch of contacts failed: %s It is sent again in %.1f s; TingTing skips the numbers that the campaign has",
        reason,
        state.upcoming_sleep,
    )
