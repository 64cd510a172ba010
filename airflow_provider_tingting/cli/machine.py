"""What the doctor sees of this machine: versions, extras, Airflow's database and triggerer. Changes nothing."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

from airflow_provider_tingting import __version__
from airflow_provider_tingting.cli.check import Check, ok, problem, warning
from airflow_provider_tingting.cli.database import Trouble, database_trouble

DISTRIBUTION = "airflow-provider-tingting"
COMPAT = "apache-airflow-providers-common-compat"
OLDEST_AIRFLOW = (2, 11)
OLDEST_PYTHON = (3, 10)

#: Extra → (modules that it brings, what they are for).
EXTRAS = {
    "sandbox": (("fastapi", "fastapi_offline", "python_multipart", "uvicorn"), "the TingTing on this machine"),
    "parquet": (("pyarrow",), "lists and reports in Parquet"),
    "fast": (("python_calamine", "rustpy_xlsxwriter"), "faster workbooks"),
    "chart": (("matplotlib",), "a page with a campaign's charts"),
}


def look_at_machine() -> Iterator[Check]:
    """Look at all that needs neither a connection nor a network."""
    yield _versions()
    yield _compat_version()
    yield from _extras()
    yield _state_store()
    trouble = database_trouble()
    yield _database(trouble)
    yield _triggerer(trouble)


def _versions() -> Check:
    airflow = version("apache-airflow")
    said = f"Airflow {airflow}, Python {platform.python_version()}, provider {__version__}"
    if _numbers(airflow)[:2] < OLDEST_AIRFLOW or sys.version_info[:2] < OLDEST_PYTHON:
        return problem("versions", f"{said}.", "Use Airflow 2.11 or later and Python 3.10 or later.")
    return ok("versions", f"{said}.")


def _compat_version() -> Check:
    least = next(
        (
            found[1]
            for line in requires(DISTRIBUTION) or ()
            if (found := re.match(rf"{COMPAT}\s*\(?>=\s*([\d.]+)", line))
        ),
        "0",
    )
    try:
        there = version(COMPAT)
    except PackageNotFoundError:
        return problem("common-compat", f"{COMPAT} is not installed.", f"Run: pip install '{COMPAT}>={least}'")
    if _numbers(there) < _numbers(least):
        return problem(
            "common-compat", f"{COMPAT} {there} is older than {least}.", f"Run: pip install '{COMPAT}>={least}'"
        )
    return ok("common-compat", f"{COMPAT} {there}.")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.match(r"\d+(?:\.\d+)*", text).group().split("."))  # type: ignore[union-attr]


def _extras() -> Iterator[Check]:
    for extra, (modules, purpose) in EXTRAS.items():
        missing = [module for module in modules if find_spec(module) is None]
        about = f"extra {extra}"
        if not missing:
            yield ok(about, f"Installed: {purpose}.")
        elif missing == ["fastapi_offline"]:
            yield ok(about, f"Installed: {purpose}; without fastapi-offline its page of calls is a plain one.")
        else:
            yield ok(about, f"Not installed ({purpose}). If you need it: pip install '{DISTRIBUTION}[{extra}]'")


def _state_store() -> Check:
    from airflow_provider_tingting._compat import has_task_state_store

    if has_task_state_store():
        return ok("state store", "This Airflow keeps what a task remembers between its tries.")
    return ok(
        "state store", "None before Airflow 3.3: a retry finds its campaign by the mark in its description instead."
    )


def _database(trouble: Trouble | None) -> Check:
    if trouble is None:
        return ok("database", "Airflow's database can be read.")
    return problem("database", f"Airflow's database cannot be used: {trouble.said}", trouble.remedy)


def _triggerer(trouble: Trouble | None) -> Check:
    about = "triggerer"
    if trouble is not None:
        return warning(about, "Not known, because the database cannot be read.", "See the line above.")
    remedy = "Run: airflow triggerer. Tasks with deferrable=True and deadline alerts wait for ever without one."
    try:
        from airflow.jobs.job import most_recent_job

        job = most_recent_job("TriggererJob")
        alive = job is not None and job.is_alive()
    except Exception as error:
        return warning(about, f"Not known: the job table cannot be read ({type(error).__name__}).", remedy)
    if job is None:
        return warning(about, "None has ever run here.", remedy)
    seen = f"on {job.hostname}, last seen {job.latest_heartbeat:%Y-%m-%d %H:%M:%S %Z}"
    if not alive:
        return warning(about, f"None is alive; the last one was {seen}.", remedy)
    return ok(about, f"Alive {seen}.")
