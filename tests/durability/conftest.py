"""One real Airflow for all tests of this folder that ask for it, and the TingTings that its runs talk to."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from concurrent.futures import Future

    from durability.lives import Fleet
    from durability.real_airflow import RealAirflow
    from support.virtual_time import VirtualTime

    from airflow_provider_tingting.sandbox import Sandbox

_LANES = 8
_RUNNING: pytest.StashKey[RealAirflow] = pytest.StashKey()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Read the logs when all other tests have written theirs."""
    items.sort(key=lambda item: item.path.name == "test_logs_of_real_runs.py" and item.path.parent.name == "durability")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what Airflow's components have said last when a test of theirs fails."""
    report = yield
    if report.failed and _RUNNING in item.config.stash and "fleet" in getattr(item, "fixturenames", ()):
        airflow = item.config.stash[_RUNNING]
        report.sections.append((f"the components of Airflow ({airflow.folder})", airflow.tail(lines=12)))
    return report


@pytest.fixture
def virtual_lives(virtual_time: VirtualTime, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> Iterator[None]:
    """Lives in this process and in virtual time. What is processed late has been so before the next test begins."""
    from durability.in_process import NO_ANSWER, let_everything_arrive
    from support.campaigns import connection

    from airflow_provider_tingting.api import calls

    def wait_for_responses(seconds: float) -> None:
        limited = connection(sandbox, timeout=seconds, max_retries=1)
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", limited)

    def add_fault(kind: str, **more: Any) -> Any:
        # A server that never responds is the one thing that takes real time. Any other has time on a busy machine.
        if kind in NO_ANSWER:
            wait_for_responses(0.5)
        return add(kind, **more)

    add = sandbox.faults.add
    monkeypatch.setattr(sandbox.faults, "add", add_fault)
    monkeypatch.setattr(calls, "_REPORT_EXTRA_TIMEOUT", 0.2)
    wait_for_responses(20.0)
    yield
    let_everything_arrive(sandbox)


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[RealAirflow]:
    """A real Airflow, started once."""
    from durability.real_airflow import RealAirflow

    running = RealAirflow(tmp_path_factory.mktemp("airflow"))
    pytestconfig.stash[_RUNNING] = running
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="session")
def fleet(airflow: RealAirflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Lives to begin, each with a TingTing of its own."""
    from durability.lives import Fleet

    with Fleet(airflow, tmp_path_factory.mktemp("lives"), _LANES) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def _begun(fleet: Fleet, request: pytest.FixtureRequest) -> dict[Any, Future[Any]]:
    parameters = [
        item.callspec.params
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    ]
    cases = list(dict.fromkeys(each["case"] for each in parameters if "case" in each))
    # Those first that do nothing but wait most of the time: the others run beside them.
    cases.sort(key=lambda case: not getattr(case, "takes_long", False))
    return {case: fleet.submit(case.live, fleet) for case in cases}


@pytest.fixture
def lived(case: Any, _begun: dict[Any, Future[Any]]) -> Any:
    """What `case.live(fleet)` has returned; all selected cases of a file are begun side by side."""
    return _begun[case].result(timeout=900)
