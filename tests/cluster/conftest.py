"""One cluster for all tests of this folder, and a TingTing for each scenario; the figures are printed at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from cluster.stores import missing_programs

if TYPE_CHECKING:
    from cluster.cluster import Cluster
    from cluster.scene import Figures, Scene
    from support.s3_server import S3Server

DAG_IDS = (
    *("whole_life", "life_in_a_worker", "life_with_stop_on_kill", "mapped_campaigns", "many_waits"),
    *("rules_of_the_connection", "ladder", "window_close"),
)
# The options of each scenario's sandbox, and the extras of the connection to it.
SCENES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({"speed": 4}, {}),
    "mapped": ({"speed": 4}, {}),
    "faults": ({"speed": 4}, {"timeout": 4}),
    "storage": ({"speed": 4}, {}),
    # Requests take a while, so that kills and restarts meet them.
    "storm": ({"speed": 4, "latency": 0.3}, {}),
    "restarts": ({"speed": 0, "latency": 0.5}, {}),
    # Time stands still until the test lets the campaigns end, and a client waits for as long as a response is held.
    **{f"overlap-{task}": ({"speed": 0}, {"timeout": 1000}) for task in ("create", "add", "run")},
    "triggerer": ({"speed": 0}, {}),
    "arrivals": ({"speed": 0, "page_cap": 100}, {}),
    "rules": ({"speed": 4}, {"secret_salt": "a long random text", "daily_credit_limit": 1000}),
    "ladder": ({"speed": 20}, {}),
    "window": ({"speed": 0}, {}),
}
_FIGURES: pytest.StashKey[list[Figures]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the figures of each scenario."""
    if figures := config.stash.get(_FIGURES, []):
        terminalreporter.section("the cluster")
        for each in figures:
            terminalreporter.write_line(each.row())


@pytest.fixture(scope="session")
def object_store() -> Iterator[S3Server | None]:
    """An S3 server; None where the libraries for it are missing."""
    if any(find_spec(name) is None for name in ("moto", "flask_cors", "s3fs", "airflow.providers.amazon")):
        yield None
        return
    import logging

    from support.s3_server import running_s3

    # A line for each request would hide what a failed test says.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    with running_s3() as server:
        yield server


@pytest.fixture(scope="session")
def _running(
    tmp_path_factory: pytest.TempPathFactory, object_store: S3Server | None
) -> Iterator[tuple[Cluster, dict[str, Scene]]]:
    if missing := missing_programs():
        pytest.skip(f"needs {' and '.join(missing)}, as .ci/system-packages installs them")
    from cluster.cluster import Cluster
    from cluster.scene import Scene
    from support.postgres_server import PostgresServer, folder_for_server
    from support.s3_server import airflow_connection

    from airflow_provider_tingting.sandbox import Sandbox

    shared = tmp_path_factory.mktemp("shared")
    with ExitStack() as stack:
        folder = stack.enter_context(folder_for_server())
        cluster = Cluster(
            tmp_path_factory.mktemp("cluster"),
            PostgresServer(folder, max_connections=300),
            dag_ids=DAG_IDS,
            environment={
                "AIRFLOW__TINGTING__AUDIENCE_FOLDER": "s3://aws_default@campaigns/audiences/",
                "CLUSTER_SHARED": str(shared),
            },
        )
        stack.callback(cluster.stop)
        scenes = {
            name: Scene(cluster, name, stack.enter_context(Sandbox(**options)), shared, extra)
            for name, (options, extra) in SCENES.items()
        }
        scenes["rules"].extra = {
            **scenes["rules"].extra,
            "do_not_call": str(shared / "do_not_call.csv"),
            "contact_log": {"sql_conn_id": "contact_log", "table": "contact_log", "create_table": True},
        }
        connections = {name: scene.connection_json() for name, scene in scenes.items()}
        log = urlsplit(cluster.database.uri)
        connections["contact_log"] = json.dumps(
            {
                "conn_type": "postgres",
                "host": log.hostname,
                "port": log.port,
                "login": log.username,
                "schema": log.path.strip("/"),
            }
        )
        if object_store is not None:
            connections["aws_default"] = airflow_connection(object_store.address)
        cluster.start(connections)
        yield cluster, scenes


@pytest.fixture(scope="session")
def cluster(_running: tuple[Cluster, dict[str, Scene]]) -> Cluster:
    """A running cluster."""
    return _running[0]


@pytest.fixture(scope="session")
def scenes(_running: tuple[Cluster, dict[str, Scene]]) -> dict[str, Scene]:
    """The scenarios, by name; none has begun."""
    return _running[1]


@pytest.fixture(scope="session")
def note(request: pytest.FixtureRequest) -> Callable[[Figures], Figures]:
    """`note(figures)` keeps the figures of a scenario for the table at the end, and returns them."""

    def keep(figures: Figures) -> Figures:
        request.config.stash[_FIGURES].append(figures)
        return figures

    return keep
