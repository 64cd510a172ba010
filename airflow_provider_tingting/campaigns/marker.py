"""What a campaign is to be, and the mark by which a later attempt knows it as its own. Pure values."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class CampaignSpec:
    """What a campaign is to be; times as texts with their offset, the voice as an id.

    :param name: what people see in TingTing; the rest as in API page: Create a campaign and Set voice and category.
    :param run_if_late: whether a schedule that has passed is left off; otherwise nothing is created.
    """

    name: str
    services: str
    user_phone: tuple[int, ...]
    message: str
    sms_message: str | None = None
    description: str | None = None
    schedule: str | None = None
    credit_limit: float | None = None
    voice: int | None = None
    category: str = "Text"
    length_factor: str | None = None
    draft: bool | None = None
    run_if_late: bool = False

    def __repr__(self) -> str:
        return f"CampaignSpec(name={self.name!r}, services={self.services!r})"

    def fingerprint(self) -> str:
        """Return a short text that is the same for the same message and target, and tells nothing of them."""
        content = [self.name, self.services, list(self.user_phone), self.message, self.sms_message]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:8]


class Mark(Protocol):
    """Anything by which a campaign is known as somebody's own."""

    def is_in(self, description: str) -> bool:
        """Whether a campaign with this description is it."""


@dataclass(frozen=True)
class Marker:
    """The mark in a campaign's description by which a later attempt knows it as its own.

    :param key: who made the campaign: the same for each attempt of one task.
    :param fingerprint: what the campaign says, so that a task whose content has changed does not adopt it.
    """

    key: str
    fingerprint: str

    @classmethod
    def of(cls, spec: CampaignSpec, *parts: object) -> Marker:
        """Make the mark of a campaign from what identifies the task, such as DAG, run, task and map index."""
        return cls(hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:20], spec.fingerprint())

    def __str__(self) -> str:
        return f"[airflow:{self.key}/{self.fingerprint}]"

    def is_in(self, description: str) -> bool:
        """Whether a campaign with this description is this task's, whatever it says."""
        return f"[airflow:{self.key}/" in description


def is_marked(description: str) -> bool:
    """Whether a campaign with this description carries the mark of any task."""
    return "[airflow:" in description
