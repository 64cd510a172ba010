"""Sends contacts in batches over a few connections at once and counts what TingTing accepts.

The caller passes the function that sends one batch; this module knows no HTTP.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

from airflow_provider_tingting.contacts.batch_sender import BatchRetries, BatchSender, Post
from airflow_provider_tingting.contacts.checkpoint import AcknowledgedPrefix
from airflow_provider_tingting.contacts.contact import Contact, EncodedContact
from airflow_provider_tingting.contacts.send_result import BatchReply, SendResult

__all__ = ["BatchReply", "BatchRetries", "Post", "SendResult", "batches", "send_batches"]

log = logging.getLogger(__name__)


def batches(contacts: Iterable[Contact], size: int) -> Iterator[list[Contact]]:
    """Yield contacts in lists of at most `size`, reading no further than the current list.

    :param contacts: the contacts.
    :param size: contacts in one list.
    :raises ValueError: the size is below 1.
    """
    if size < 1:
        raise ValueError("the size of a batch must be at least 1")
    stream = iter(contacts)
    while batch := list(islice(stream, size)):
        yield batch


def send_batches(
    contacts: Iterable[Contact | EncodedContact],
    post: Post,
    *,
    batch_size: int = 500,
    concurrency: int = 4,
    on_progress: Callable[[int], None] | None = None,
    retries: BatchRetries | None = None,
    prefix: AcknowledgedPrefix | None = None,
) -> SendResult:
    """Send all contacts; batches may arrive in any order.

    Memory holds at most twice `concurrency` batches. A batch is sent again when its response was lost, when it was
    never sent, and when TingTing asks to slow down (then all connections pause). A batch that TingTing refuses as
    too large (413) is halved, and the batches after it are smaller from the start. The first error that remains stops
    the rest: requests in flight end, waiting batches are dropped.

    :param contacts: the contacts, read as they are needed.
    :param post: sends one batch of contacts in the API's shape; called from several threads.
    :param batch_size: contacts in one request.
    :param concurrency: requests at the same time.
    :param on_progress: called in the caller's thread with the number of contacts sent so far.
    :param retries: how often and how long a batch is retried.
    :param prefix: tracks which of the first contacts are acknowledged, also when an error is raised.
    :raises TingTingAPIError: the error that remained; the log says how many contacts were sent before it.
    :raises ValueError: `batch_size` or `concurrency` is below 1.
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
                # Encoded here, while the connections wait for the server, and not between two of their requests.
                ready = [contact.as_api() for contact in batch]
                pending[pool.submit(sender.send, ready)] = prefix.batch_started(batch)
            if not pending:
                break
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                failure = failure or future.exception()
                result += _collect(future, pending.pop(future), prefix)
            if on_progress is not None:
                on_progress(result.sent)
    finally:
        # Also when the source fails or the task is killed: end pauses, drop waiting batches, let requests finish.
        sender.stop()
        pool.shutdown(wait=True, cancel_futures=True)
    if failure is None:
        return result
    for future, ticket in pending.items():
        result += _collect(future, ticket, prefix)
    log.info("TingTing has acknowledged %s contacts before the error and skips them in a retry", result.sent)
    raise failure


def _collect(future: Future[SendResult], ticket: int, prefix: AcknowledgedPrefix) -> SendResult:
    if future.cancelled() or future.exception() is not None:
        return SendResult()
    result = future.result()
    # A batch that was waiting when another one failed was not sent.
    if result.sent:
        prefix.acknowledge(ticket)
    return result
