"""What to rehearse: the options of a rehearsal, checked, and as JSON for the process that carries it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.sandbox.faults import Faults

#: Extra fields that decide what a campaign does. A contact log would be written, so it is not among them.
_EXTRAS = frozenset({"do_not_call", "secret_salt", "dialect", "rate_limit"})
#: The balance of an account whose balance nothing says.
UNKNOWN_BALANCE = 100_000_000


@dataclass(frozen=True)
class RehearsalRequest:
    """The options of one rehearsal.

    :param dag_id: the DAG.
    :param dags: the folder or file of the DAG, absolute; None for the DAG folders of the user's Airflow.
    :param at: the moment that is rehearsed, ISO 8601 with an offset; None for now.
    :param conf: the configuration of the DAG run.
    :param faults: faults of the sandbox, such as `lose-reply:run`.
    :param outcomes: the file of a report whose outcomes are replayed by number, absolute; None for random outcomes.
    :param audiences: files in place of contact sources, absolute, by the task's id; `""` names those of all tasks whose
        contacts come from outside the DAG.
    :param skip: the ids of further tasks that do not run.
    :param run_others: whether tasks and callbacks of other providers run.
    :param show_numbers: whether phone numbers are shown in full.
    :param balance: the account's credits; None when they are unknown.
    :param extra: extra fields of the rehearsal's connection, such as `do_not_call`; those of the real one are not read.
    """

    dag_id: str
    dags: str | None = None
    at: str | None = None
    conf: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    outcomes: str | None = None
    audiences: Mapping[str, str] = field(default_factory=dict)
    skip: tuple[str, ...] = ()
    run_others: bool = False
    show_numbers: bool = False
    balance: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        scripted = Faults()
        for text in self.faults:
            try:
                scripted.parse(text)
            except ValueError as error:
                raise TingTingConfigError(f"--fault {text}: {error}.") from None
        if self.at is not None and datetime.fromisoformat(self.at).tzinfo is None:
            raise TingTingConfigError(f"--at {self.at} has no offset, such as +05:45.")
        if unknown := sorted(set(self.extra) - _EXTRAS):
            raise TingTingConfigError(
                f"--extra has {unknown[0]!r}, which a rehearsal does not take. Choose from "
                f"{', '.join(sorted(_EXTRAS))}."
            )
        if self.balance is not None and self.balance < 0:
            raise TingTingConfigError("--balance must be at least 0.")

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RehearsalRequest:
        """Return a request from what `to_json` returned.

        :param value: the JSON value.
        """
        return cls(**{**value, "faults": tuple(value["faults"]), "skip": tuple(value["skip"])})


def read_audiences(texts: Iterable[str]) -> dict[str, str]:
    """Return the files of `--audience FILE` and `--audience TASK_ID=FILE`, absolute, by the task's id.

    :param texts: the values of the option.
    :raises TingTingConfigError: a file does not exist, or two are given for the same tasks.
    """
    files: dict[str, str] = {}
    for text in texts:
        task_id, _, name = text.rpartition("=")
        if Path(text).expanduser().is_file():
            task_id, name = "", text
        if task_id in files:
            raise TingTingConfigError(f"--audience is given twice for {task_id or 'all tasks'}. Write TASK_ID=FILE.")
        files[task_id] = existing_file(name, "--audience")
    return files


def existing_file(name: str, option: str) -> str:
    """Return the absolute path of a file that an option names.

    :param name: the path as it was written.
    :param option: the option, for the error.
    :raises TingTingConfigError: there is no such file.
    """
    path = Path(name).expanduser()
    if not path.is_file():
        raise TingTingConfigError(f"{option} names {name!r}, which is not a file here. Correct the path.")
    return str(path.resolve())
