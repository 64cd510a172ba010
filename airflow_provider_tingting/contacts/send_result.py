"""The result of sending: what TingTing reports about each batch, added up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from airflow_provider_tingting.masking import mask_text

#: How many complaints a result keeps; all are counted.
_KEPT_COMPLAINTS = 20


class BatchReply(Protocol):
    """The response to one batch; `api.models.AddContactsResult` is one."""

    @property
    def created(self) -> int | None:
        """How many contacts are new; None when TingTing does not say."""

    @property
    def skipped(self) -> int | None:
        """How many numbers the campaign already had; None when TingTing does not say."""

    @property
    def errors(self) -> Sequence[object]:
        """What TingTing complains about."""


@dataclass(frozen=True)
class SendResult:
    """The result of sending contacts.

    :param sent: contacts in batches that TingTing has acknowledged.
    :param created: contacts that are new in the campaign.
    :param skipped: contacts whose number the campaign already had.
    :param rejected: the first twenty complaints of TingTing about single contacts, masked.
    :param rejected_count: how many complaints there were.
    :param resent: contacts in batches that were sent again after a lost response. Some of these may count as skipped
        although this task created them.
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


def result_of(reply: BatchReply, sent: int, *, lost: bool) -> SendResult:
    """Return the result of one batch.

    :param reply: TingTing's response to it.
    :param sent: contacts in the batch.
    :param lost: whether the response to an earlier request with the same batch was lost.
    """
    complaints = list(reply.errors or ())
    skipped = reply.skipped or 0
    # Some versions of TingTing do not count; then every contact without a complaint is taken to be created.
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
        # Only what TingTing says about the contact, without its variables.
        quoted = ("number", "error", "errors", "reason", "detail", "message")
        return mask_text("; ".join(f"{key}: {complaint[key]}" for key in quoted if key in complaint))
    return mask_text(str(complaint))
