"""The checks of `doctor` that need no connection: versions, extras, Airflow's database and triggerer."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

from airflow_provider_tingting import __version__
from airflow_provider_tingting.cli.connections import DatabaseProblem, database_problem
from airflow_provider_tingting.extras import DISTRIBUTION, install_command
from airflow_provider_tingting.masking import mask_text

COMPAT = "apache-airflow-providers-common-compat"
OLDEST_AIRFLOW = (2, 11)
OLDEST_PYTHON = (3, 10)

#: Extra → (its modules, its purpose).
EXTRAS = {
    "sandbox": (("fastapi", "fastapi_offline", "python_multipart", "uvicorn"), "the local TingTing sandbox"),
    "parquet": (("pyarrow",), "contact lists and reports in Parquet"),
    "chart": (("matplotlib",), "the chart report"),
}


class Verdict(Enum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Check:
    """One check: its result, and what to do about it.

    :param name: what was checked, in one or two words.
    :param verdict: the result.
    :param message: what was found, in a sentence.
    :param remedy: what to do; empty for an `ok`.
    """

    name: str
    verdict: Verdict
    message: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Return it as a JSON object, masked."""
        return {
            "check": self.name,
            "verdict": self.verdict.value,
            "message": mask_text(self.message),
            "remedy": self.remedy,
        }


def ok(name: str, message: str) -> Check:
    """Return a check without a finding.

    :param name: the name of the check.
    :param message: what was found, as a sentence.
    """
    return Check(name, Verdict.OK, message)


def warning(name: str, message: str, remedy: str) -> Check:
    """Return a check whose finding affects some uses only.

    :param name: the name of the check.
    :param message: what was found, as a sentence.
    :param remedy: what to do.
    """
    return Check(name, Verdict.WARNING, message, remedy)


def problem(name: str, message: str, remedy: str) -> Check:
    """Return a check whose finding keeps campaigns from running.

    :param name: the name of the check.
    :param message: what was found, as a sentence.
    :param remedy: what to do.
    """
    return Check(name, Verdict.PROBLEM, message, remedy)


def check_installation() -> Iterator[Check]:
    """Yield the checks that need neither a connection nor a network. They change nothing."""
    yield _versions()
    yield _compat_version()
    yield from _extras()
    yield _state_store()
    database = database_problem()
    yield _database(database)
    yield _triggerer(database)


def _versions() -> Check:
    airflow = version("apache-airflow")
    message = f"Airflow {airflow}, Python {platform.python_version()}, provider {__version__}."
    if _numbers(airflow)[:2] < OLDEST_AIRFLOW or sys.version_info[:2] < OLDEST_PYTHON:
        return problem("versions", message, "Use Airflow 2.11 or later and Python 3.10 or later.")
    return ok("versions", message)


def _compat_version() -> Check:
    minimum = next(
        (
            found[1]
            for line in requires(DISTRIBUTION) or ()
            if (found := re.match(rf"{COMPAT}\s*\(?>=\s*([\d.]+)", line))
        ),
        "0",
    )
    remedy = f"Run: pip install '{COMPAT}>={minimum}'"
    try:
        installed = version(COMPAT)
    except PackageNotFoundError:
        return problem("common-compat", f"{COMPAT} is not installed.", remedy)
    if _numbers(installed) < _numbers(minimum):
        return problem("common-compat", f"{COMPAT} {installed} is older than {minimum}.", remedy)
    return ok("common-compat", f"{COMPAT} {installed}.")


def _numbers(text: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _extras() -> Iterator[Check]:
    for extra, (modules, purpose) in EXTRAS.items():
        missing = [module for module in modules if find_spec(module) is None]
        name = f"extra {extra}"
        if not missing:
            yield ok(name, f"Installed: {purpose}.")
        elif missing == ["fastapi_offline"]:
            yield ok(name, f"Installed: {purpose}; without fastapi-offline, its API page is a plain list.")
        else:
            yield ok(name, f"Not installed ({purpose}). To install it, run: {install_command(extra)}")


def _state_store() -> Check:
    from airflow_provider_tingting._compat import has_task_state_store

    if has_task_state_store():
        return ok("state store", "This Airflow version keeps task state across retries.")
    return ok(
        "state store",
        "This Airflow version has none (3.3 added it). A retry finds its campaign by the marker in the description.",
    )


def _database(database: DatabaseProblem | None) -> Check:
    if database is None:
        return ok("database", "Airflow's database can be read.")
    return problem("database", f"Airflow's database cannot be used: {database.message}", database.remedy)


def _triggerer(database: DatabaseProblem | None) -> Check:
    name = "triggerer"
    if database is not None:
        return warning(name, "Unknown, because Airflow's database cannot be read.", "Correct the database first.")
    remedy = "Run: airflow triggerer. Without one, tasks with deferrable=True and deadline alerts never continue."
    try:
        from airflow.jobs.job import most_recent_job

        job = most_recent_job("TriggererJob")
        alive = job is not None and job.is_alive()
    except Exception as error:
        return warning(name, f"Unknown: the job table cannot be read ({type(error).__name__}).", remedy)
    if job is None:
        return warning(name, "No triggerer has run yet.", remedy)
    heartbeat = f"on {job.hostname}, last heartbeat {job.latest_heartbeat:%Y-%m-%d %H:%M:%S %Z}"
    if not alive:
        return warning(name, f"No triggerer is running; the last one was {heartbeat}.", remedy)
    return ok(name, f"Running {heartbeat}.")
