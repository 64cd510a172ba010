"""Remembers how far a sending came, so that a retry goes on near there. Imports the standard library and this package.

A point is a count of the audience's first contacts, all answered for, and a fingerprint of their numbers: after a
change of the source it fits no more, and everybody is sent again. That is slower and does no harm.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from airflow_provider_tingting.clock import monotonic
from airflow_provider_tingting.contacts.contact import Contact

log = logging.getLogger(__name__)

#: Seconds between two points that are kept.
SAVE_INTERVAL = 5.0
#: A fingerprint of fewer numbers could be undone by trying all numbers, and it is kept where many may look.
MIN_CONTACTS = 100
_PIECE = 1000


@dataclass(frozen=True)
class Checkpoint:
    """How far a sending came.

    :param contacts: how many of the first contacts TingTing has answered for.
    :param fingerprint: of their numbers, in their order.
    :param before: how many contacts the campaign had when the first try began.
    """

    contacts: int
    fingerprint: str
    before: int

    def to_json(self) -> dict[str, Any]:
        """Return the point as plain JSON."""
        return {"contacts": self.contacts, "fingerprint": self.fingerprint, "before": self.before}

    @classmethod
    def from_json(cls, entry: Any) -> Checkpoint | None:
        """Return the point that was kept, or None when it is none that this version understands."""
        try:
            point = cls(int(entry["contacts"]), str(entry["fingerprint"]), int(entry["before"]))
        except (KeyError, TypeError, ValueError):
            return None
        return point if point.contacts >= MIN_CONTACTS else None


@dataclass
class AcknowledgedPrefix:
    """Follows batches on their way: they leave in the audience's order, the answers come in any.

    :ivar acknowledged: how many of the first contacts are answered for.
    """

    acknowledged: int = 0
    _fingerprint: str = ""
    _left: int = 0
    _hash: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))
    _open: dict[int, tuple[int, str]] = field(default_factory=dict)
    _answered: set[int] = field(default_factory=set)

    def skip_to(self, contacts: Iterable[Contact], point: Checkpoint) -> Iterator[Contact] | None:
        """Return the contacts after the point; None when those before it are not the same as then.

        After None this prefix is of no use any more.
        """
        stream = iter(contacts)
        while self._left < point.contacts:
            piece = list(islice(stream, min(_PIECE, point.contacts - self._left)))
            if not piece:
                return None
            self._add(piece)
        if self._hash.hexdigest() != point.fingerprint:
            return None
        self.acknowledged, self._fingerprint = self._left, point.fingerprint
        return stream

    def batch_started(self, batch: Sequence[Contact]) -> int:
        """Note that a batch, the next in the audience's order, is on its way; return what `answered` needs."""
        self._add(batch)
        self._open[self._left] = (self._left, self._hash.hexdigest())
        return self._left

    def acknowledge(self, batch: int) -> None:
        """Note that TingTing has answered for a batch."""
        self._answered.add(batch)
        while self._open and (end := next(iter(self._open))) in self._answered:
            self._answered.remove(end)
            self.acknowledged, self._fingerprint = self._open.pop(end)

    def point(self, before: int) -> Checkpoint | None:
        """Return how far everything is answered for; None while that is too little to be kept.

        :param before: how many contacts the campaign had when the first try began.
        """
        return Checkpoint(self.acknowledged, self._fingerprint, before) if self.acknowledged >= MIN_CONTACTS else None

    def _add(self, contacts: Sequence[Contact]) -> None:
        self._hash.update("".join([f"{contact.number}\n" for contact in contacts]).encode())
        self._left += len(contacts)


@dataclass
class Checkpoints:
    """The points of one try: where it goes on, and what is kept for the next one.

    :param campaign_id: the campaign.
    :param before: how many contacts it had when the first try began.
    :param save_point: keeps a point for the next try, None for the beginning.
    :ivar resumed: whether this try goes on where an earlier one came to.
    :ivar prefix: what `send_batches` needs.
    """

    campaign_id: int
    before: int
    save_point: Callable[[Checkpoint | None], None] | None
    resumed: bool = False
    prefix: AcknowledgedPrefix = field(default_factory=AcknowledgedPrefix)
    _saved: float = field(default_factory=monotonic)

    def resume_after(self, contacts: Iterator[Contact], point: Checkpoint) -> Iterator[Contact] | None:
        """Return the contacts that are left; None, and the log says so, when all are to be sent."""
        rest = self.prefix.skip_to(contacts, point)
        if rest is None:
            log.info("Campaign %s: the contacts are not those of the last try, so all are sent", self.campaign_id)
            self.prefix = AcknowledgedPrefix()
            self.forget()
            return None
        log.info(
            "Campaign %s: going on after the first %s contacts, for which TingTing has answered",
            self.campaign_id,
            f"{point.contacts:,}",
        )
        self.resumed, self.before = True, point.before
        return rest

    def save_periodically(self) -> None:
        """Keep a point if the last one is some seconds old."""
        if monotonic() - self._saved >= SAVE_INTERVAL:
            self.save()

    def save(self) -> None:
        """Keep how far this try has come."""
        point = self.prefix.point(self.before)
        if point is not None:
            self._keep(point)

    def forget(self) -> None:
        """Let the next try begin at the beginning."""
        self._keep(None)

    def _keep(self, point: Checkpoint | None) -> None:
        self._saved = monotonic()
        if self.save_point is None:
            return
        try:
            self.save_point(point)
        except Exception as error:
            # Whoever keeps it may be out of reach for a moment; the sending is not.
            log.warning(
                "Campaign %s: how far the sending came could not be kept (%s). A retry would go on further back",
                self.campaign_id,
                type(error).__name__,
            )
