"""The result of sending: what TingTing reports about each batch, added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from airflow_provider_tingting.api.protocol import Request
from airflow_provider_tingting.api.redaction import Redactor

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


def result_of(reply: BatchReply, batch: Sequence[Mapping[str, object] | msgspec.Raw], *, lost: bool) -> SendResult:
    """Return the result of one batch.

    :param reply: TingTing's response to it.
    :param batch: the contacts in the batch.
    :param lost: whether the response to an earlier request with the same batch was lost.
    """
    complaints = list(reply.errors or ())
    sent, skipped = len(batch), reply.skipped or 0
    # Some versions of TingTing do not count; then every contact without a complaint is taken to be created.
    created = reply.created if reply.created is not None else max(sent - skipped - len(complaints), 0)
    return SendResult(
        sent=sent,
        created=created,
        skipped=skipped,
        rejected=redacted(complaints, map(_variables_of, batch)),
        rejected_count=len(complaints),
        resent=sent if lost else 0,
    )


def redacted(complaints: Sequence[object], variables: Iterable[object]) -> tuple[str, ...]:
    """Return the first twenty complaints about contacts, numbers masked and without the contacts' variables.

    :param complaints: what TingTing says.
    :param variables: the variables of the contacts that were sent.
    """
    if not complaints:
        return ()
    # The path says that each value is one of a variable.
    redact = Redactor(Request("POST", "/attributes/", json=list(variables)))
    return tuple(redact(_said(complaint)) for complaint in complaints[:_KEPT_COMPLAINTS])


def _variables_of(contact: Mapping[str, object] | msgspec.Raw) -> object:
    fields = msgspec.json.decode(contact) if isinstance(contact, msgspec.Raw) else contact
    return fields.get("other_variables")


def _said(complaint: object) -> str:
    if isinstance(complaint, Mapping):
        # Only what TingTing says about the contact, without its variables.
        quoted = ("number", "error", "errors", "reason", "detail", "message")
        return "; ".join(f"{key}: {complaint[key]}" for key in quoted if key in complaint)
    return str(complaint)
