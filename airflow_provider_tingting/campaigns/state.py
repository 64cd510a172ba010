"""What a job keeps between two attempts, as a small JSON value. No Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class JobState:
    """All that a later attempt needs to know, as a small JSON value.

    :param phase: how far the job has come: `new`, `creating`, `created`, `running` (asked to run), `begun`.
    :param campaign_id: the campaign, once it is known.
    :param fingerprint: what the campaign says, so that another one is never taken for it.
    :param asked_at: when the last write of unknown outcome was sent, in seconds since 1970.
    """

    phase: str = "new"
    campaign_id: int | None = None
    fingerprint: str | None = None
    asked_at: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the state as a JSON object."""
        return {"version": 1, **asdict(self)}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any] | None) -> JobState:
        """Read a state; one that cannot be read is a new one, since the marker tells the rest."""
        if not isinstance(plain, Mapping) or plain.get("version") != 1:
            return cls()
        state = cls(**{name: plain.get(name, default) for name, default in asdict(cls()).items()})
        readable = (
            isinstance(state.phase, str)
            and isinstance(state.campaign_id, int | None)
            and isinstance(state.fingerprint, str | None)
            and isinstance(state.asked_at, int | float | None)
        )
        return state if readable else cls()
