"""The tasks of a DAG in a rehearsal: which run, which are skipped, who answers, and where files and tables go."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.rehearsal import account
from airflow_provider_tingting.rehearsal.recorder import TASK_LOGGER, Recorder
from airflow_provider_tingting.rehearsal.request import RehearsalRequest
from airflow_provider_tingting.sandbox import Sandbox

PACKAGE = "airflow_provider_tingting"
#: The connection of the database that tables are loaded into.
TABLES_CONN_ID = "tingting_rehearsal_tables"
#: Operators that are part of the DAG's own logic: each runs Python of the DAG file, or nothing.
_LOGIC = frozenset({"PythonOperator", "EmptyOperator", "BaseBranchOperator", "LatestOnlyOperator"})
#: They run the DAG's Python in another process or environment, which no replaced connection reaches.
_ELSEWHERE = frozenset({"PythonVirtualenvOperator", "ExternalPythonOperator", "_BasePythonVirtualenvOperator"})
_CALLBACKS = (
    "on_execute_callback",
    "on_failure_callback",
    "on_success_callback",
    "on_retry_callback",
    "on_skipped_callback",
)
#: Attributes of an operator's class that a rehearsal changes.
_CHANGED = ("pre_execute", "execute", "log")
_FOR_EACH_TRY = ("on_failure_callback", "on_retry_callback")


def class_of(task: object) -> type:
    """Return the class of a task's operator; of a mapped task, that of its instances.

    :param task: the task.
    """
    found = getattr(task, "operator_class", None)
    return found if isinstance(found, type) else type(task)


def is_tingting(task: object) -> bool:
    """Return whether a task is one of this provider, or of a class derived from one.

    :param task: the task.
    """
    return any(base.__module__.startswith(f"{PACKAGE}.") for base in class_of(task).__mro__)


def argument(task: object, name: str) -> Any:
    """Return an argument of a task as the DAG file gives it; None when it does not, or maps it.

    :param task: the task.
    :param name: the name of the argument.
    """
    if hasattr(task, "partial_kwargs"):
        return task.partial_kwargs.get(name)
    return getattr(task, name, None)


def set_argument(task: object, name: str, value: object) -> None:
    """Change an argument of a task in this process.

    :param task: the task.
    :param name: the name of the argument.
    :param value: its new value.
    """
    if hasattr(task, "partial_kwargs"):
        task.partial_kwargs[name] = value
    else:
        setattr(task, name, value)


@dataclass
class PreparedDag:
    """A DAG that is ready to be rehearsed.

    :param dag: the DAG, changed in this process only.
    :param skipped: why each task does not run, by its id.
    :param notes: sentences about what the rehearsal does differently.
    :param restore: undoes what was changed in the classes of operators.
    """

    dag: Any
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    restore: Callable[[], None] = lambda: None

    @property
    def skip_pattern(self) -> str | None:
        """A regular expression of the ids of tasks that do not run; None when all run."""
        return "|".join(re.escape(task_id) for task_id in sorted(self.skipped)) or None


def prepare(
    dag: Any, request: RehearsalRequest, sandbox: Sandbox, recorder: Recorder, written: Path, now: Callable[[], float]
) -> PreparedDag:
    """Prepare a DAG: choose the tasks that run, and put the rehearsal's own parts in place.

    :param dag: the DAG as Airflow loads it.
    :param request: the options.
    :param sandbox: the TingTing of the rehearsal.
    :param recorder: takes what the tasks do.
    :param written: the folder for files that tasks would write elsewhere.
    :param now: returns the rehearsal's time, seconds since 1970.
    :raises TingTingConfigError: the DAG has no TingTing task, or an option names a task that the DAG does not have or
        that reads no contacts.
    """
    if not any(map(is_tingting, dag.tasks)) and not _mentions_package(dag):
        raise TingTingConfigError(
            f"The DAG {dag.dag_id} has no TingTing task, so there is nothing to rehearse. Its tasks are: "
            f"{', '.join(sorted(dag.task_dict))}."
        )
    prepared = PreparedDag(dag)
    unknown = sorted({*request.skip, *filter(None, request.audiences)} - set(dag.task_dict))
    if unknown:
        raise TingTingConfigError(
            f"The DAG {dag.dag_id} has no task {unknown[0]!r}. It has {', '.join(sorted(dag.task_dict))}."
        )
    for task in dag.tasks:
        if task.task_id in request.skip:
            prepared.skipped[task.task_id] = "you skip it with --skip"
        elif not request.run_others and (why := _why_skipped(task)):
            prepared.skipped[task.task_id] = why
    _filter_callbacks(prepared, recorder, request)
    _replace_audiences(prepared, request)
    hooks = _ClassHooks(sandbox, recorder, written, prepared.notes, now)
    prepared.restore = hooks.restore
    for task in dag.tasks:
        # A rehearsal has no real time, and its retries come at once.
        set_argument(task, "retry_delay", timedelta(0))
        set_argument(task, "retry_exponential_backoff", False)
        set_argument(task, "execution_timeout", None)
        set_argument(task, "email", None)
        if argument(task, "frequency_cap") is not None:
            set_argument(task, "frequency_cap", None)
            prepared.notes.append(
                f"The frequency cap of {task.task_id} is not applied: a rehearsal does not read the contact log."
            )
        if task.task_id not in prepared.skipped:
            hooks.install(class_of(task))
    return prepared


def connection_ids(dag: Any) -> set[str]:
    """Return the ids of the TingTing connections that tasks and callbacks of a DAG name.

    :param dag: the DAG.
    """
    named = [argument(task, "tingting_conn_id") for task in dag.tasks]
    named += [getattr(one, "tingting_conn_id", None) for one, _, _ in _callbacks(dag)]
    return {name for name in named if isinstance(name, str)}


def campaign_ids(dag: Any) -> set[int]:
    """Return the ids of campaigns that tasks name as plain numbers, so that they exist before the DAG run.

    :param dag: the DAG.
    """
    named = [argument(task, "campaign_id") for task in dag.tasks]
    return {int(name) for name in named if isinstance(name, int | str) and str(name).isdecimal() and int(name) > 0}


def _mentions_package(dag: Any) -> bool:
    """Return whether the file of a DAG imports this package, for functions that use `TingTingHook`."""
    return PACKAGE in Path(dag.fileloc).read_text(encoding="utf-8", errors="replace")


def creates_campaigns(dag: Any) -> bool:
    """Return whether a task of the DAG creates campaigns.

    :param dag: the DAG.
    """
    return any(_creates(task) for task in dag.tasks)


def _creates(task: object) -> bool:
    return any(base.__name__ == "TingTingCreateCampaignOperator" for base in class_of(task).__mro__)


def _why_skipped(task: object) -> str | None:
    """Return why a task does not run unless other providers' tasks do; None for one that runs."""
    if is_tingting(task):
        return None
    bases = [base.__name__ for base in class_of(task).__mro__]
    if not _ELSEWHERE.isdisjoint(bases):
        return f"{class_of(task).__name__} runs Python in another environment"
    if "HITLOperator" in bases or not _LOGIC.isdisjoint(bases):
        return None
    return f"{class_of(task).__name__} is not of TingTing"


def _callbacks(dag: Any) -> Iterator[tuple[Any, Any, str]]:
    """Yield each callback with the task or DAG that has it, and its name."""
    for owner in (dag, *dag.tasks):
        for name in _CALLBACKS:
            found = argument(owner, name)
            for one in found if isinstance(found, list | tuple) else [found]:
                if one is not None:
                    yield one, owner, name


def _filter_callbacks(prepared: PreparedDag, recorder: Recorder, request: RehearsalRequest) -> None:
    """Keep the notifiers of TingTing; name the other callbacks, which could reach a person."""
    dag = prepared.dag
    left_out: dict[str, list[str]] = {}
    kept: dict[tuple[int, str], list[Any]] = {}
    for one, owner, name in _callbacks(dag):
        if request.run_others or is_tingting(one):
            kept.setdefault((id(owner), name), []).append(one)
        else:
            of = getattr(one, "__qualname__", type(one).__name__)
            left_out.setdefault(f"{of} ({name})", []).append(getattr(owner, "task_id", "the DAG"))
    for owner in (dag, *dag.tasks):
        for name in _CALLBACKS:
            if owner is dag and not hasattr(dag, name):
                continue
            callbacks = kept.get((id(owner), name), [])
            if owner is not dag and name in _FOR_EACH_TRY:
                callbacks = [recorder.failed, *callbacks]
            set_argument(owner, name, callbacks)
    if left_out:
        named = (
            f"{what} of {owners[0]}" + (f" and {len(owners) - 1} more" * (len(owners) > 1))
            for what, owners in left_out.items()
        )
        prepared.notes.append(f"Callbacks that are not of TingTing do not run: {', '.join(named)}.")


def _replace_audiences(prepared: PreparedDag, request: RehearsalRequest) -> None:
    if not request.audiences:
        return
    replaced = []
    for task in prepared.dag.tasks:
        path = request.audiences.get(task.task_id)
        if path is None and "" in request.audiences and _is_from_outside(task, prepared):
            path = request.audiences[""]
        if path is None:
            continue
        if not _reads_contacts(task):
            raise TingTingConfigError(f"--audience names {task.task_id}, which reads no contacts.")
        set_argument(task, "contacts", path)
        for name in ("sql", "sql_parameters"):
            set_argument(task, name, None)
        if argument(task, "exclude") is None:
            set_argument(task, "sql_conn_id", None)
        replaced.append(task.task_id)
    if not replaced:
        raise TingTingConfigError(
            "--audience: no task reads contacts from outside the DAG. Name the task: --audience TASK_ID=FILE."
        )
    prepared.notes.append(f"{', '.join(replaced)}: the contacts are those of --audience.")


def _reads_contacts(task: object) -> bool:
    return is_tingting(task) and any(base.__name__ == "TingTingBaseAudienceOperator" for base in class_of(task).__mro__)


def _is_from_outside(task: object, prepared: PreparedDag) -> bool:
    """Return whether a task's contacts come from no task that runs in the rehearsal."""
    if not _reads_contacts(task):
        return False
    contacts = argument(task, "contacts")
    if argument(task, "sql") is not None or contacts is None:
        return True
    source = getattr(contacts, "operator", None)
    if source is not None:
        return source.task_id in prepared.skipped
    return "xcom_pull" not in str(contacts)


class _ClassHooks:
    """Puts the rehearsal's own steps before the tasks of a class, in this process."""

    def __init__(
        self, sandbox: Sandbox, recorder: Recorder, written: Path, notes: list[str], now: Callable[[], float]
    ) -> None:
        self._sandbox = sandbox
        self._recorder = recorder
        self._written = Path(os.path.normpath(written))
        self._notes = notes
        self._now = now
        # What each changed class had of its own before, by the name of the attribute.
        self._before: dict[type, dict[str, Any]] = {}

    def install(self, cls: Any) -> None:
        """Make each task of a class begin with `before`; an approval gets its answer."""
        if cls in self._before:
            return
        self._before[cls] = {name: cls.__dict__.get(name) for name in _CHANGED}
        original, before = cls.pre_execute, self.before

        def pre_execute(task: Any, context: Any) -> Any:
            before(task, context)
            return original(task, context)

        cls.pre_execute = pre_execute
        names = [base.__name__ for base in cls.__mro__]
        if "HITLOperator" in names:
            cls.execute = self.answer
        if any(base.__module__.startswith(f"{PACKAGE}.") for base in cls.__mro__):
            cls.log = TASK_LOGGER

    def restore(self) -> None:
        """Give the classes back what they had."""
        for cls, attributes in self._before.items():
            for name, value in attributes.items():
                if value is not None:
                    setattr(cls, name, value)
                elif name in cls.__dict__:
                    delattr(cls, name)
        self._before.clear()

    def before(self, task: Any, context: Mapping[str, Any]) -> None:
        """Note that a task begins, give the account what it names, and redirect what it writes."""
        self._recorder.begin(context["ti"])
        if not is_tingting(task):
            return
        with self._sandbox.world.reading():
            for note in (
                account.add_voice(self._sandbox, getattr(task, "voice", None)),
                account.add_callers(self._sandbox, getattr(task, "user_phone", None)),
            ):
                if note and note not in self._notes:
                    self._notes.append(note)
        for name, value in list(vars(task).items()):
            if (name == "path" or name.endswith("_path")) and not name.startswith("_") and value:
                setattr(task, name, self._redirect(value))
        if hasattr(task, "table") and hasattr(task, "sql_conn_id"):
            self._recorder.redirected[f"table {task.table} of the connection {task.sql_conn_id}"] = self._written
            # Of the real database are also the schema and the arguments of its hook.
            task.sql_conn_id, task.schema, task.sql_hook_params = TABLES_CONN_ID, None, None

    @property
    def answer(self) -> Callable[[Any, Any], Any]:
        """The `execute` of an approval: the first option is chosen without a question."""
        recorder, now = self._recorder, self._now

        def execute(task: Any, context: Any) -> Any:
            chosen = [task.options[0]]
            record = recorder.begin(context["ti"])
            record.answer = {"subject": task.subject, "body": task.body, "options": list(task.options)}
            record.answer["chosen"] = chosen
            event = {
                "chosen_options": chosen,
                "params_input": {},
                "responded_at": datetime.fromtimestamp(now()).astimezone(),
                "responded_by_user": {"id": "rehearsal", "name": "rehearsal"},
            }
            return task.execute_complete(context, event)

        return execute

    def _redirect(self, value: object) -> Any:
        """Return the path below the rehearsal's folder that stands for a path."""
        text = str(value)
        if Path(os.path.normpath(text)).is_relative_to(self._written):
            return value
        scheme, _, rest = text.rpartition("://")
        place = rest.rpartition("@")[2] if scheme else str(Path(text).expanduser().absolute())
        # Without `..`, which would lead out of the folder.
        place = posixpath.normpath(f"/{place}").lstrip("/")
        inside = self._written / scheme.replace("file", "") / place
        self._recorder.redirected[text] = inside
        inside.parent.mkdir(parents=True, exist_ok=True)
        return f"{inside}/" if text.endswith("/") else str(inside)
