"""What a task remembers between its tries: Airflow's task state store, which came with 3.3.

Airflow wipes a task's XComs before each try and a kill takes all else, so only the store carries a job's state across.
Before 3.3 there is none; the marker in the campaign's description and the campaign's own status then tell the same,
one look-up slower.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context

#: The key in the store; never renamed, since entries outlive an upgrade.
KEY = "tingting_job"


class TaskState:
    """One task's memory.

    :param context: the task's context.
    :param generation: of the job; what an earlier generation left is forgotten. None for whichever was the last.
    """

    def __init__(self, context: Context, generation: int | None) -> None:
        self._store: Any = context.get("task_state_store")
        if generation is None:
            kept = self._entry().get("generation")
            generation = kept if isinstance(kept, int) else 0
        self.generation = generation

    @property
    def is_kept(self) -> bool:
        """Whether this Airflow keeps anything between tries."""
        return self._store is not None

    def recall(self) -> dict[str, Any] | None:
        """Return what an earlier try of this generation left, or None."""
        entry = self._entry()
        return dict(entry) if entry and entry.get("generation") == self.generation else None

    def _entry(self) -> Mapping[str, Any]:
        entry = self._store.get(KEY) if self._store is not None else None
        return entry if isinstance(entry, Mapping) else {}

    def keep(self, entry: Mapping[str, Any]) -> None:
        """Keep this instead of what was kept before; it is safe when this returns."""
        if self._store is not None:
            self._store.set(KEY, {**entry, "generation": self.generation})

    def forget(self) -> None:
        """Forget what was kept, because it turned out not to have happened."""
        if self._store is not None:
            self._store.delete(KEY)
