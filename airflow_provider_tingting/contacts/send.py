"""Sends contacts in batches over a few connections at once, and knows afterwards how many were taken.

The caller brings the one function that posts a batch; this room knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

from airflow_provider_tingting.contacts.batch_sender import BatchRetries, BatchSender, Post
from airflow_provider_tingting.contacts.checkpoint import AcknowledgedPrefix
from airflow_provider_tingting.contacts.contact import Contact
from airflow_provider_tingting.contacts.send_result import BatchReply, SendResult
from airflow_provider_tingting.errors import TingTingAPIError

__all__ = ["BatchReply", "BatchRetries", "Post", "SendResult", "batches", "send_batches"]


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
    retries: BatchRetries | None = None,
    prefix: AcknowledgedPrefix | None = None,
) -> SendResult:
    """Send all contacts; the order of the batches is not kept.

    Memory holds at most twice `concurrency` batches. A batch is sent again when its answer was lost, when it never
    left, and when TingTing asks to slow down (then all connections wait). A batch that is too large (413, or a refusal
    that says so) is halved, and those after it are smaller from the start. The first fault that stays stops the rest:
    what is under way ends, what waits is dropped.

    :param contacts: the contacts, read as they are needed.
    :param post: sends one batch of contacts in the API's shape; called from several threads.
    :param batch_size: contacts in one request.
    :param concurrency: requests at a time.
    :param on_progress: called in the caller's thread with the number of contacts sent so far.
    :param retries: how long a batch is tried.
    :param prefix: follows which of the first contacts are answered for, also when a fault is raised.
    :raises TingTingAPIError: the fault that stayed; its text says how many contacts were certainly sent.
    """
    if concurrency < 1:
        raise ValueError("concurrency must be at least 1")
    if batch_size < 1:
        raise ValueError("the size of a batch must be at least 1")
    sender = BatchSender(post, batch_size, retries or BatchRetries())
    prefix = prefix or AcknowledgedPrefix()
    stream = iter(contacts)
    result = SendResult()
    pending: dict[Future[SendResult], int] = {}
    failure: BaseException | None = None
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="tingting-send")
    try:
        while failure is None:
            while len(pending) < 2 * concurrency and (batch := list(islice(stream, sender.size))):
                # Made ready here, while the connections wait for the server, and not between two of their requests.
                ready = [contact.as_api() for contact in batch]
                pending[pool.submit(sender.deliver, ready)] = prefix.batch_started(batch)
            if not pending:
                break
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                failure = failure or future.exception()
                result += _taken(future, pending.pop(future), prefix)
            if on_progress is not None:
                on_progress(result.sent)
    finally:
        # Also when the source fails or the task is killed: wake who waits, drop who has not begun, let the others end.
        sender.stop()
        pool.shutdown(wait=True, cancel_futures=True)
    if failure is None:
        return result
    for future, ticket in pending.items():
        result += _taken(future, ticket, prefix)
    if isinstance(failure, TingTingAPIError):
        failure.args = (f"{failure.args[0]} {_how_far(result.sent)}",)
    raise failure


def _taken(future: Future[SendResult], ticket: int, prefix: AcknowledgedPrefix) -> SendResult:
    if future.cancelled() or future.exception() is not None:
        return SendResult()
    result = future.result()
    # A batch that was waiting when another one failed was not posted.
    if result.sent:
        prefix.acknowledge(ticket)
    return result


def _how_far(sent: int) -> str:
    if not sent:
        return "No contact was certainly sent before it."
    return f"{sent} contacts were certainly sent before it; when sent again, TingTing skips them."
