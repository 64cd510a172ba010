"""`@task.tingting_audience`: a function that yields people becomes a task that leaves them in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting._compat import (
    AirflowFailException,
    DecoratedOperator,
    context_merge,
    determine_kwargs,
    task_decorator_factory,
)
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError, TingTingStorageRefusedError
from airflow_provider_tingting.utils.arguments import storage_path_of

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context


class _TingTingAudienceDecoratedOperator(DecoratedOperator):
    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, "path")
    template_fields_renderers: ClassVar[dict[str, str]] = {**DecoratedOperator.template_fields_renderers}

    custom_operator_name = "@task.tingting_audience"

    def __init__(self, *, path: Any, **kwargs: Any) -> None:
        # Airflow hands it to every decorated task; what is returned here is one path.
        kwargs.pop("multiple_outputs", None)
        super().__init__(**kwargs)
        self.path = path
        # Templates fill `path` in place.
        self._path_as_written = path

    def execute(self, context: Context) -> str:
        """Write everybody whom the function yields, then return the path."""
        from airflow_provider_tingting.contacts.audience_file import write_audience

        try:
            self.path = self._own_path(context)
            path = storage_path_of(self.path, "path", "s3://bucket/people.jsonl.gz")
            context_merge(context, self.op_kwargs)
            kwargs = determine_kwargs(self.python_callable, self.op_args, context)
            people = self.python_callable(*self.op_args, **kwargs)
            written = write_audience(path, self._several(people), name=f"{self.python_callable.__name__}()")
        except (TingTingConfigError, TingTingContactsError, TingTingStorageRefusedError) as error:
            raise AirflowFailException(str(error)) from error
        self.log.info("%s contacts are in %s", written, path)
        context["ti"].xcom_push(key="total", value=written)
        # A URI may name a connection; a relative path means nothing to another worker.
        return self.path if isinstance(self.path, str) and "://" in self.path else str(path)

    def _own_path(self, context: Context) -> Any:
        """Return a path that no other task of this DAG run writes to.

        :raises TingTingConfigError: others do, and whose people are there in the end would be a matter of chance.
        """
        ti, written = context["ti"], str(self._path_as_written)
        mapped = -1 if ti.map_index is None else ti.map_index
        if written.endswith("/"):
            index = f"_{mapped}" if mapped >= 0 else ""
            run = str(ti.run_id).replace("/", "_")
            return f"{self.path}{ti.dag_id}/{run}/{ti.task_id}{index}.jsonl.gz"
        if mapped >= 0 and not any(word in written for word in ("map_index", "op_kwargs", "op_args")):
            raise TingTingConfigError(
                f"path is {written!r} for each of the mapped instances of {ti.task_id}, so they would overwrite each "
                f"other's people. Put {{{{ ti.map_index }}}} into it, or give a folder that ends in '/'."
            )
        others = [task.task_id for task in self.dag.tasks if task.task_id != ti.task_id and _path_of(task) == written]
        if others and "task_id" not in written and "op_kwargs" not in written:
            raise TingTingConfigError(
                f"path is {written!r} for {ti.task_id} and for {', '.join(sorted(others))}, so they would overwrite "
                "each other's people. Put {{ ti.task_id }} into it, or give a folder that ends in '/'."
            )
        return self.path

    def _several(self, people: Any) -> Iterable[object]:
        if isinstance(people, str | bytes | Mapping) or not isinstance(people, Iterable):
            raise TingTingConfigError(
                f"{self.python_callable.__name__}() returns a {type(people).__name__}. Yield the contacts one by one: "
                "numbers, or dicts."
            )
        return people


def _path_of(task: Any) -> str | None:
    """Return where a task of this kind writes, as it is written in the DAG file."""
    if getattr(task, "operator_class", type(task)) is not _TingTingAudienceDecoratedOperator:
        return None
    return str(getattr(task, "partial_kwargs", {}).get("path", getattr(task, "_path_as_written", None)))


def tingting_audience_task(python_callable: Callable[..., Iterable[Any]] | None = None, **kwargs: Any) -> Any:
    """Make a task of a function that yields people: `@task.tingting_audience(path="…")`.

    What the function yields goes into a file as it comes, so a million people neither fill the memory nor go through
    XCom. The file appears when the last one is written; when the function fails, what was there stays. A retry and a
    clear write it anew. Each task and run needs a file of its own, for which a folder is enough; tasks of a DAG run
    that would write to one file fail.

    XCom: `return_value` is the path, for `contacts=` of `TingTingAddContactsOperator`; the key `total` says how many
    people are in the file. Numbers are checked when they are added or checked, not here.

    :param python_callable: a function that yields numbers, flat dicts or dicts in the API's shape. It may take
        arguments and Airflow's context as every TaskFlow function.
    :param path: where the file goes: a folder that ends in `/`, in which DAG, run, task and map index make the name;
        or a path or URI (`s3://…`) that ends in `.jsonl` or `.jsonl.gz`. The task which adds the contacts must be able
        to read it too. Templated.
    :raises AirflowFailException: the path cannot be used, another task writes there too, or something that was yielded
        is no contact.
    """
    return task_decorator_factory(
        python_callable=python_callable, decorated_operator_class=_TingTingAudienceDecoratedOperator, **kwargs
    )
