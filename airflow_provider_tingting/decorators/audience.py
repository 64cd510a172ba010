"""`@task.tingting_audience`: a task that writes the contacts that a function yields to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting._compat import (
    AirflowFailException,
    DecoratedOperator,
    conf,
    context_merge,
    determine_kwargs,
    task_decorator_factory,
)
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError, TingTingStorageRefusedError
from airflow_provider_tingting.utils.argument_checks import is_filled_later, path_ending_in
from airflow_provider_tingting.utils.arguments import check_rendered, storage_path_of

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context

_check_path = path_ending_in(".jsonl", ".jsonl.gz", "/")


class _TingTingAudienceDecoratedOperator(DecoratedOperator):
    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, "path")
    template_fields_renderers: ClassVar[dict[str, str]] = {**DecoratedOperator.template_fields_renderers}

    custom_operator_name = "@task.tingting_audience"

    def __init__(self, *, path: object = None, **kwargs: Any) -> None:
        # Airflow passes it to every decorated task; this one returns one path.
        kwargs.pop("multiple_outputs", None)
        super().__init__(**kwargs)
        if path is not None and not is_filled_later(path):
            _check_path(path, "path")
        self.path = path
        # Templates fill `path` in place.
        self._path_as_written = path

    def execute(self, context: Context) -> str:
        """Write the contacts that the function yields, and return the path."""
        from airflow_provider_tingting.contacts.audience_file import write_audience

        try:
            self.path = self._own_path(context)
            check_rendered({"path": self.path})
            _check_path(self.path, "path")
            path = storage_path_of(self.path, "path", "s3://bucket/people.jsonl.gz")
            context_merge(context, self.op_kwargs)
            kwargs = determine_kwargs(self.python_callable, self.op_args, context)
            contacts = self.python_callable(*self.op_args, **kwargs)
            written = write_audience(path, self._several(contacts), name=f"{self.python_callable.__name__}()")
        except (TingTingConfigError, TingTingContactsError, TingTingStorageRefusedError) as error:
            raise AirflowFailException(str(error)) from None
        self.log.info("%s contacts are in %s", written, path)
        context["ti"].xcom_push(key="total", value=written)
        # A URI may name a connection; a relative path means nothing to another worker.
        return self.path if isinstance(self.path, str) and "://" in self.path else str(path)

    def _own_path(self, context: Context) -> Any:
        """Return a path that no other task of this DAG run writes to.

        :raises TingTingConfigError: others do, so that the file would hold the contacts of the last one; or there is
            no path and no default folder.
        """
        if self._path_as_written is None:
            self.path = self._path_as_written = _default_folder()
        ti, written = context["ti"], str(self._path_as_written)
        mapped = -1 if ti.map_index is None else ti.map_index
        if written.endswith("/"):
            index = f"_{mapped}" if mapped >= 0 else ""
            run = str(ti.run_id).replace("/", "_")
            return f"{self.path}{ti.dag_id}/{run}/{ti.task_id}{index}.jsonl.gz"
        if mapped >= 0 and not any(word in written for word in ("map_index", "op_kwargs", "op_args")):
            raise TingTingConfigError(
                f"path is {written!r} for each of the mapped instances of {ti.task_id}, so they would overwrite each "
                f"other's contacts. Put {{{{ ti.map_index }}}} into it, or give a folder that ends in '/'."
            )
        others = [task.task_id for task in self.dag.tasks if task.task_id != ti.task_id and _path_of(task) == written]
        if others and "task_id" not in written and "op_kwargs" not in written:
            raise TingTingConfigError(
                f"path is {written!r} for {ti.task_id} and for {', '.join(sorted(others))}, so they would overwrite "
                "each other's contacts. Put {{ ti.task_id }} into it, or give a folder that ends in '/'."
            )
        return self.path

    def _several(self, contacts: object) -> Iterable[object]:
        if isinstance(contacts, str | bytes | Mapping) or not isinstance(contacts, Iterable):
            raise TingTingConfigError(
                f"{self.python_callable.__name__}() returns a {type(contacts).__name__}. Yield the contacts one by "
                "one: numbers, or dicts."
            )
        return contacts


def _default_folder() -> str:
    folder = conf.get("tingting", "audience_folder", fallback="") or ""
    if not folder.strip():
        raise TingTingConfigError(
            "path is not given, and there is no default folder. Give path, or set audience_folder in the section "
            "[tingting] of Airflow's configuration (AIRFLOW__TINGTING__AUDIENCE_FOLDER)."
        )
    return f"{folder.strip().rstrip('/')}/"


def _path_of(task: object) -> str | None:
    """Return where a task of this kind writes, as it is written in the DAG file."""
    if getattr(task, "operator_class", type(task)) is not _TingTingAudienceDecoratedOperator:
        return None
    return str(getattr(task, "partial_kwargs", {}).get("path", getattr(task, "_path_as_written", None)))


def tingting_audience_task(python_callable: Callable[..., Iterable[Any]] | None = None, **kwargs: Any) -> Any:
    """Make a task of a function that yields contacts: `@task.tingting_audience(path="…")`.

    The task writes each contact to a file as the function yields it, so that a million contacts neither fill the memory
    nor go through XCom. The file appears when the last contact is written; when the function fails or the task is
    killed, what was there stays. A retry and a clear write the file again. Each task and run needs a file of its own,
    for which a folder is enough; tasks of a DAG run that would write to one file fail.

    XCom: `return_value` is the path, for `contacts=` of `TingTingAddContactsOperator`; the key `total` is the number of
    contacts in the file. Numbers are checked when they are added or checked, not here.

    :param python_callable: a function that yields numbers, flat dicts or dicts in the API's shape. It may take
        arguments and Airflow's context as every TaskFlow function.
    :param path: a folder that ends in `/`, in which DAG, run, task and map index make the file's name; or a path or URI
        (`s3://…`) that ends in `.jsonl` or `.jsonl.gz`. By default the folder `audience_folder` in the section
        `[tingting]` of Airflow's configuration. Every machine that runs the task which adds the contacts must be able
        to read it. Templated.
    :raises AirflowFailException: the path cannot be used, another task writes there too, or something that was yielded
        is not a contact.
    """
    return task_decorator_factory(
        python_callable=python_callable, decorated_operator_class=_TingTingAudienceDecoratedOperator, **kwargs
    )
