"""What TingTing says of the contacts it was sent, added up over all batches. Imports this package only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from airflow_provider_tingting.masking import mask_text

#: How many complaints of TingTing a result keeps; all are counted.
_KEPT_COMPLAINTS = 20


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


def result_of(reply: BatchReply, sent: int, *, lost: bool) -> SendResult:
    """Return what a batch comes to.

    :param sent: contacts in the batch.
    :param lost: an earlier answer to the same batch did not come.
    """
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
