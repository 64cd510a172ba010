"""Saves how far sending has come, so that a retry continues near that point.

A checkpoint is a count of the audience's first contacts, all acknowledged by TingTing, and a fingerprint of their
numbers. After a change of the source the fingerprint differs and all contacts are sent again, which is slower and adds
no contact twice.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from airflow_provider_tingting.clock import monotonic
from airflow_provider_tingting.contacts.contact import Contact, EncodedContact

log = logging.getLogger(__name__)

#: Seconds between two saved checkpoints.
SAVE_INTERVAL = 5.0
#: The numbers behind a fingerprint of fewer contacts could be found by trying all numbers.
MIN_CONTACTS = 100
_PIECE = 1000


@dataclass(frozen=True)
class Checkpoint:
    """A point that sending has reached.

    :param contacts: how many of the first contacts TingTing has acknowledged.
    :param fingerprint: a hash of their numbers, in their order.
    :param before: how many contacts the campaign had when the first try began.
    """

    contacts: int
    fingerprint: str
    before: int

    def to_json(self) -> dict[str, Any]:
        """Return the checkpoint as plain JSON."""
        return {"contacts": self.contacts, "fingerprint": self.fingerprint, "before": self.before}

    @classmethod
    def from_json(cls, entry: Any) -> Checkpoint | None:
        """Return the saved checkpoint, or None when this version cannot read the entry.

        :param entry: what `to_json` returned, perhaps in another version.
        """
        try:
            checkpoint = cls(int(entry["contacts"]), str(entry["fingerprint"]), int(entry["before"]))
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        return checkpoint if checkpoint.contacts >= MIN_CONTACTS else None


@dataclass
class AcknowledgedPrefix:
    """Tracks how many of the first contacts are acknowledged without a gap, whatever the order of the responses.

    :ivar acknowledged: how many of the first contacts TingTing has acknowledged.
    """

    acknowledged: int = 0
    _fingerprint: str = ""
    _started: int = 0
    _hash: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))
    _in_flight: dict[int, str] = field(default_factory=dict)
    _done: set[int] = field(default_factory=set)

    def skip_to(self, contacts: Iterable[EncodedContact], checkpoint: Checkpoint) -> Iterator[EncodedContact] | None:
        """Return the contacts after a checkpoint; None when those before it differ, and then use a new instance.

        :param contacts: the contacts from the first.
        :param checkpoint: the checkpoint of an earlier try.
        """
        stream = iter(contacts)
        while self._started < checkpoint.contacts:
            piece = list(islice(stream, min(_PIECE, checkpoint.contacts - self._started)))
            if not piece:
                return None
            self._add(piece)
        if self._hash.hexdigest() != checkpoint.fingerprint:
            return None
        self.acknowledged, self._fingerprint = self._started, checkpoint.fingerprint
        return stream

    def batch_started(self, batch: Sequence[Contact | EncodedContact]) -> int:
        """Record that the next batch in the audience's order is in flight; return its ticket for `acknowledge`.

        :param batch: its contacts.
        """
        self._add(batch)
        self._in_flight[self._started] = self._hash.hexdigest()
        return self._started

    def acknowledge(self, ticket: int) -> None:
        """Record that TingTing has acknowledged a batch.

        :param ticket: what `batch_started` returned for it.
        """
        self._done.add(ticket)
        while self._in_flight and (end := next(iter(self._in_flight))) in self._done:
            self._done.remove(end)
            self.acknowledged, self._fingerprint = end, self._in_flight.pop(end)

    def checkpoint(self, before: int) -> Checkpoint | None:
        """Return the checkpoint at the end of the prefix; None while the prefix is too short to be saved.

        :param before: how many contacts the campaign had when the first try began.
        """
        return Checkpoint(self.acknowledged, self._fingerprint, before) if self.acknowledged >= MIN_CONTACTS else None

    def _add(self, contacts: Sequence[Contact | EncodedContact]) -> None:
        self._hash.update("".join([f"{contact.number}\n" for contact in contacts]).encode())
        self._started += len(contacts)


@dataclass
class Checkpoints:
    """The checkpoints of one try: the one where it continues, and those that it saves for the next try.

    :param campaign_id: the campaign.
    :param before: how many contacts it had when the first try began.
    :param save_checkpoint: saves a checkpoint; None means that the next try sends all contacts.
    :ivar resumed: whether this try continues at the checkpoint of an earlier one.
    :ivar prefix: tracks what `send_batches` sends.
    """

    campaign_id: int
    before: int
    save_checkpoint: Callable[[Checkpoint | None], None] | None
    resumed: bool = False
    prefix: AcknowledgedPrefix = field(default_factory=AcknowledgedPrefix)
    _saved_at: float = field(default_factory=monotonic)

    def resume_after(
        self, contacts: Iterator[EncodedContact], checkpoint: Checkpoint
    ) -> Iterator[EncodedContact] | None:
        """Return the contacts after a checkpoint; log and return None when all contacts must be sent.

        :param contacts: the contacts from the first.
        :param checkpoint: the checkpoint of an earlier try.
        """
        rest = self.prefix.skip_to(contacts, checkpoint)
        if rest is None:
            log.info("Campaign %s: the contacts have changed since the last try, so all are sent", self.campaign_id)
            self.prefix = AcknowledgedPrefix()
            self.clear()
            return None
        log.info(
            "Campaign %s: continuing after the first %s contacts, which TingTing has acknowledged",
            self.campaign_id,
            f"{checkpoint.contacts:,}",
        )
        self.resumed, self.before = True, checkpoint.before
        return rest

    def save_periodically(self) -> None:
        """Save a checkpoint if the last one is at least `SAVE_INTERVAL` seconds old."""
        if monotonic() - self._saved_at >= SAVE_INTERVAL:
            self.save()

    def save(self) -> None:
        """Save how far this try has come."""
        checkpoint = self.prefix.checkpoint(self.before)
        if checkpoint is not None:
            self._save(checkpoint)

    def clear(self) -> None:
        """Make the next try send all contacts."""
        self._save(None)

    def _save(self, checkpoint: Checkpoint | None) -> None:
        self._saved_at = monotonic()
        if self.save_checkpoint is None:
            return
        try:
            self.save_checkpoint(checkpoint)
        except Exception as error:
            # The state store may be out of reach while TingTing is not: sending continues.
            log.warning(
                "Campaign %s: the checkpoint could not be saved (%s). A retry would continue from an earlier one",
                self.campaign_id,
                type(error).__name__,
            )
