"""What every test shares: a private Airflow, a TingTing sandbox over HTTP, and a way to run a DAG.

The first lines must stay first: Airflow reads its settings from the environment when it is imported.
"""

from __future__ import annotations

from support.airflow_home import AIRFLOW_VERSION, NEWEST_AIRFLOW, prepare

AIRFLOW_HOME = prepare()

import gc  # noqa: E402
import logging  # noqa: E402
import random  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING  # noqa: E402

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

if TYPE_CHECKING:
    from support.airflow_command import AirflowCommand
    from support.dag_runs import FinishedRun
    from support.s3_server import S3Server
    from support.virtual_time import VirtualTime

    from airflow_provider_tingting.sandbox import Sandbox


# The same examples in every run, so that a red test is red again; `make test-properties` draws others each time. No
# deadline: how long an example takes says nothing on a busy machine.
_ANY_SPEED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("gate", derandomize=True, max_examples=40, **_ANY_SPEED)
settings.register_profile("random", max_examples=1000, **_ANY_SPEED)
# For `make fuzz`, which takes about ten minutes on two cores.
settings.register_profile("fuzz", max_examples=5_000, **_ANY_SPEED)
settings.load_profile("gate")


# Tests with a command of their own: they run only when their marker is asked for.
OWN_COMMANDS = ("browser", "cluster", "durability", "dags")
#: Fixtures that run whole DAGs or Airflow's own commands: each such test takes seconds of CPU.
OF_WHOLE_DAGS = {"airflow", "real_environment", "run_dag"}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Leave tests that run whole DAGs or Airflow's commands to `make test-dags`."""
    if OF_WHOLE_DAGS & {*getattr(item, "fixturenames", ())} and not any(map(item.get_closest_marker, OWN_COMMANDS)):
        item.add_marker("dags")


@pytest.hookimpl(hookwrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect no garbage while the tests are imported, which saves each process a fifth of that time."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests with a command of their own, and on older versions what only the newest Airflow can do.

    Files that run whole DAGs or Airflow's commands come first, then those that start a server of their own: of several
    processes that share the tests one gets these, and it alone pays the seconds of CPU that a first DAG run takes.
    """
    others = [marker for marker in OWN_COMMANDS if marker not in config.option.markexpr]
    left_out = [item for item in items if any(map(item.get_closest_marker, others))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not any(map(item.get_closest_marker, others))]
    for costly in ({"s3_server", "postgres_uri", "database"}, OF_WHOLE_DAGS):
        first = {item.path for item in items if costly & {*item.fixturenames, *vars(item.module)}}
        items.sort(key=lambda item, first=first: item.path not in first)
    if AIRFLOW_VERSION >= NEWEST_AIRFLOW:
        return
    reason = f"needs Airflow {'.'.join(map(str, NEWEST_AIRFLOW))}"
    for item in items:
        if item.get_closest_marker("newest"):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a parameter readably: a text without its control characters and not whole if it is long."""
    if isinstance(val, int) and abs(val) >= 10**20:
        return f"{len(str(val))} digits"
    if isinstance(val, bytes):
        val = val.decode("utf-8", "replace")
    if isinstance(val, str):
        text = "".join(char if char.isprintable() and char != "\ufffd" else " " for char in val)
        text = " ".join(text.split()) or ("empty" if not val else "blank")
        return text if len(text) <= 60 else f"{text[:50]}… ({len(val)} characters)"
    return argname if getattr(val, "__name__", "") == "<lambda>" else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Write the half characters of a test's output as escapes: a test process cannot send them to the main one."""
    outcome = yield
    report = outcome.get_result()
    report.sections = [(title, text.encode("utf-8", "backslashreplace").decode()) for title, text in report.sections]


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """The session's private Airflow home, for tests that start Airflow's own commands."""
    return AIRFLOW_HOME


@pytest.fixture(scope="session")
def _running_sandbox() -> Iterator[Sandbox]:
    from airflow_provider_tingting.sandbox import Sandbox

    with Sandbox(token="tingting-sandbox-token") as running:
        yield running


@pytest.fixture
def sandbox(_running_sandbox: Sandbox) -> Sandbox:
    """A TingTing on localhost, empty, without faults and with the time of today at the start of each test."""
    _running_sandbox.clock.resume(time.time(), speed=1.0)
    _running_sandbox.reset()
    return _running_sandbox


@pytest.fixture
def tingting_conn(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a connection to the sandbox, kept in the environment as a user might keep it."""
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", sandbox.connection_json())
    return "tingting_default"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server on the loopback interface."""
    for module in ("s3fs", "moto", "flask_cors"):
        pytest.importorskip(module)
    from support.s3_server import running_s3

    with running_s3() as server:
        yield server


@pytest.fixture
def virtual_time(sandbox: Sandbox) -> Iterator[VirtualTime]:
    """One clock for the package, its event loops and the sandbox; it passes while something sleeps, and at once."""
    from support.virtual_time import run_in_virtual_time

    with run_in_virtual_time(at=time.time()) as clock:
        sandbox.clock.resume(clock.time(), speed=1.0)
        yield clock


@pytest.fixture(autouse=True)
def _random_draws_are_those_of_the_last_run() -> None:
    """Let pauses and steps that the package draws at random be the same in each run, so that no draw decides a test."""
    random.seed(0)


@pytest.fixture(autouse=True)
def _old_answers_settle_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read an old answer of the server again after hundredths of a second; the simulation has a time of its own."""
    from airflow_provider_tingting.api import stale_reads

    if "simulation" not in request.path.parts:
        monkeypatch.setattr(stale_reads, "STALE_WITHIN", 0.1)
        monkeypatch.setattr(stale_reads, "READ_INTERVAL", 0.02)
        monkeypatch.setattr(stale_reads, "GROWING_PAUSES", (0.01, 0.02))


@pytest.fixture(autouse=True)
def _triggers_fire_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a trigger fire in the first seconds after a deferral: no scheduler runs beside these tests."""
    from airflow_provider_tingting.campaigns import observation

    monkeypatch.setattr(observation, "EVENT_DELAY", 0.0)


@pytest.fixture
def run_dag() -> Callable[..., FinishedRun]:
    """`run_dag(dag_id, folder=example_dags, conf=None)` runs a DAG from a file with `dag.test()`."""
    from support.dag_runs import run_dag

    return run_dag


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> AirflowCommand:
    """`airflow("connections", "test", "tingting_default")` runs one of Airflow's own commands."""
    from support.airflow_command import run_airflow

    return lambda *words: run_airflow(words, monkeypatch, capsys)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """`logged()` gives everything that was logged since it was last asked, by Python's logging or by structlog."""
    caplog.set_level(logging.DEBUG)

    def everything() -> str:
        said = capsys.readouterr()
        text = "\n".join([caplog.text, said.out, said.err])
        caplog.clear()
        return text

    return everything
