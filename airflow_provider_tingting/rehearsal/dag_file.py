"""Finds the file of a DAG, loads it as Airflow does, and says where it reads the clock."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.formatting import counted
from airflow_provider_tingting.masking import mask_text

#: Functions and methods that read the clock, as they are usually written.
_CLOCK_READERS = frozenset(
    {
        "now",
        "utcnow",
        "today",
        "tomorrow",
        "yesterday",
        "time.time",
        "time.localtime",
        "time.gmtime",
    }
)
_MODULES = frozenset({"datetime", "date", "pendulum", "timezone", "dt", "time", "arrow"})


def files_that_name(dag_id: str, folders: Sequence[Path]) -> Iterator[Path]:
    """Yield the Python files below some folders that contain a DAG's id, then the folders themselves.

    A DAG's id may be put together by code; only Airflow finds it then, by loading the whole folder.

    :param dag_id: the DAG's id.
    :param folders: folders or files.
    """
    for folder in folders:
        for path in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
            try:
                text = path.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            if dag_id in text:
                yield path
    yield from folders


def choose_place(dag_id: str, folders: Sequence[Path]) -> list[Path]:
    """Return the places at which a DAG is looked for, in this order.

    :param dag_id: the DAG's id.
    :param folders: folders or files.
    :raises TingTingConfigError: none of the folders exists.
    """
    existing = [folder for folder in folders if folder.exists()]
    if not existing:
        named = ", ".join(str(folder) for folder in folders)
        raise TingTingConfigError(f"There are no DAG files at {named}. Give the folder or the file with --dags.")
    return list(dict.fromkeys(files_that_name(dag_id, existing)))


def load_dag(dag_id: str, places: Iterable[Path]) -> tuple[Any, Path]:
    """Return a DAG and the place that it was loaded from.

    :param dag_id: the DAG's id.
    :param places: files and folders, see `choose_place`.
    :raises TingTingConfigError: no file has the DAG, or a file that names it cannot be loaded.
    """
    known: set[str] = set()
    errors: dict[str, str] = {}
    for place in places:
        bag = dag_bag(place)
        if dag_id in bag.dags:
            return bag.dags[dag_id], place
        known |= set(bag.dags)
        for path, text in bag.import_errors.items():
            # Airflow 3 names a file by its path in the bundle.
            errors[str(place if place.is_file() else place / path)] = str(text)
    for path, text in errors.items():
        if dag_id in Path(path).read_text(encoding="utf-8", errors="replace"):
            raise TingTingConfigError(f"{path} cannot be loaded: {mask_text(_last_lines(text))}. Correct the file.")
    others = f" It has {', '.join(sorted(known)[:20])}." if known else ""
    failed = f" {counted(len(errors), 'file')} cannot be loaded: {', '.join(sorted(errors))}." if errors else ""
    raise TingTingConfigError(f"Airflow finds no DAG {dag_id!r}.{others}{failed} Give its folder or file with --dags.")


def clock_reads(path: Path) -> list[str]:
    """Return where a DAG file reads the real clock, such as `line 71: pendulum.now()`.

    :param path: the file.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return []
    found: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            head, _, last = name.rpartition(".")
            is_known = name in _CLOCK_READERS or (last in _CLOCK_READERS and head.split(".")[-1] in _MODULES)
            if is_known and head:
                found[node.lineno] = f"{name}()"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "{{" in node.value:
            if "now(" in node.value or "today(" in node.value:
                found[node.lineno] = "a template"
    return [f"line {line}: {what}" for line, what in sorted(found.items())]


def dag_bag(place: Path) -> Any:
    """Load a file or folder as Airflow does.

    :param place: the file or folder, which is the bundle of its DAGs.
    """
    from airflow import __version__

    version = tuple(int(part) for part in __version__.split(".")[:2])
    options: dict[str, Any] = {"dag_folder": str(place)}
    if version >= (3, 2):
        module, options["bundle_name"] = "airflow.dag_processing.dagbag", "rehearsal"
    else:
        module, options["include_examples"] = "airflow.models.dagbag", False
    if version >= (3, 0):
        options["bundle_path"] = place
    return import_module(module).DagBag(**options)


def _last_lines(text: str) -> str:
    """Return the place and the message of a traceback."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    places = [line for line in lines if line.startswith('File "') and f"{os.sep}site-packages{os.sep}" not in line]
    where = f" ({places[-1].removeprefix('File ').split(', in ')[0]})" if places else ""
    return f"{lines[-1] if lines else 'unknown error'}{where}"
