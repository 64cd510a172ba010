"""The process of a rehearsal: reads its orders from standard input, and writes the report to a file.

`airflow_provider_tingting.rehearsal.rehearse` starts it in an environment of its own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.connection import ConnectionSettings
from airflow_provider_tingting.connection.replacement import replace_connections
from airflow_provider_tingting.contacts.row_observer import observe_left_out
from airflow_provider_tingting.errors import TingTingConfigError, TingTingError
from airflow_provider_tingting.rehearsal import account
from airflow_provider_tingting.rehearsal.clock import RehearsalClock, RehearsalLoopPolicy
from airflow_provider_tingting.rehearsal.recorder import Recorder
from airflow_provider_tingting.rehearsal.request import UNKNOWN_BALANCE, RehearsalRequest
from airflow_provider_tingting.rehearsal.tasks import TABLES_CONN_ID
from airflow_provider_tingting.rehearsal.user_secrets import UserSecrets, connections
from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.timezones import NEPAL

# A lost response costs the rehearsal this much real time at most.
_REQUEST_TIMEOUT = 5.0
_TIMED_FAULTS = ("late-commit", "slow", "stuck")


def main() -> int:
    """Carry out one rehearsal and return the exit code: 0 if there is a report."""
    orders = json.load(sys.stdin)
    result = Path(orders["result"])
    try:
        answer: dict[str, Any] = {"report": carry_out(orders)}
    except TingTingError as error:
        answer = {"error": str(error)}
    result.write_text(json.dumps(answer, ensure_ascii=False, default=str), encoding="utf-8")
    return 0


def carry_out(orders: Mapping[str, Any]) -> dict[str, Any]:
    """Rehearse, and return the report.

    :param orders: `request`, `places` (where the DAG is looked for), `written` (the folder for files) and `environ`
        (the environment of the user's process).
    :raises TingTingError: the DAG cannot be rehearsed.
    """
    request = RehearsalRequest.from_json(orders["request"])
    at = datetime.fromisoformat(request.at) if request.at else datetime.now(NEPAL)
    at = at.astimezone(NEPAL).replace(microsecond=0)
    written = Path(orders["written"])
    written.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        sandbox = Sandbox(
            start=account.day_before(at),
            speed=0.0,
            credits=UNKNOWN_BALANCE,
            page_cap=100,
            # Without a given balance, the account does not show one.
            dialect={"dashboard": "on" if request.balance is not None else "403"},
        )
        stack.enter_context(sandbox)
        clock = RehearsalClock(
            sandbox.clock.push,
            sandbox.clock.time,
            settle=any(text.startswith(_TIMED_FAULTS) for text in request.faults),
        )
        stack.enter_context(use_clock(clock))
        stack.enter_context(replace_connections(_settings(sandbox, request.extra)))
        recorder = Recorder(sandbox.clock.time)
        stack.enter_context(observe_left_out(recorder.left_out))
        stack.enter_context(_recorded_logs(recorder))
        stack.enter_context(_secrets(sandbox, written, orders["environ"]))
        asyncio.set_event_loop_policy(RehearsalLoopPolicy(clock))
        return _rehearse(orders, request, at, sandbox, recorder, written)


def _rehearse(
    orders: Mapping[str, Any],
    request: RehearsalRequest,
    at: datetime,
    sandbox: Sandbox,
    recorder: Recorder,
    written: Path,
) -> dict[str, Any]:
    # Airflow reads the environment when it is imported.
    from airflow_provider_tingting.rehearsal import airflow_run, dag_file, tasks
    from airflow_provider_tingting.rehearsal.environment import BUNDLES, bundle_setting
    from airflow_provider_tingting.rehearsal.report import ReportSources, make_report

    for name in ("AIRFLOW_HOME", "AIRFLOW_CONFIG"):
        # The DAG file may build paths from the user's home; this process's Airflow has read its own.
        os.environ.pop(name, None)
        if name in orders["environ"]:
            os.environ[name] = orders["environ"][name]
    if not request.run_others:
        airflow_run.silence_listeners()
    dag, place = dag_file.load_dag(request.dag_id, [Path(text) for text in orders["places"]])
    os.environ[BUNDLES] = bundle_setting(place)
    connections.tingting_ids |= tasks.connection_ids(dag)
    prepared = tasks.prepare(dag, request, sandbox, recorder, written, sandbox.clock.time)
    airflow_run.create_database()
    earlier: list[int] = []
    named = tasks.campaign_ids(dag)
    if named or not tasks.creates_campaigns(dag):
        earlier = account.add_earlier_campaigns(sandbox, named, at)
        prepared.notes.append(
            f"The sandbox's account has {len(earlier)} campaigns of the day before, with invented contacts."
        )
    sandbox.clock.push(max(0.0, at.timestamp() - sandbox.clock.time()))
    sandbox.world.ledger.clear()
    if request.balance is not None:
        sandbox.world.set_credits(request.balance)
    replayed = account.replay_outcomes(sandbox, request.outcomes) if request.outcomes else {}
    for text in request.faults:
        sandbox.faults.parse(text)
    reads = dag_file.clock_reads(Path(dag.fileloc))
    if reads:
        prepared.notes.append(
            f"The DAG file reads the real clock ({'; '.join(reads)}), which a rehearsal cannot move: what it computes "
            "from it is of the present."
        )
    if "Triggered" in type(dag.timetable).__name__:
        prepared.notes.append("An asset event starts this DAG. A rehearsal has none, so a task that reads it may fail.")
    try:
        finished = airflow_run.run(
            dag,
            place,
            at=at,
            conf=request.conf,
            skip_pattern=prepared.skip_pattern,
            on_error=recorder.keep_error,
        )
    finally:
        prepared.restore()
    recorder.end()
    sandbox.faults.clear()
    report = make_report(ReportSources(request, prepared, finished, recorder, sandbox, at, written, earlier, replayed))
    outcomes = report["outcomes"]
    if outcomes and outcomes["called"] and not outcomes["replayed"]:
        raise TingTingConfigError(
            f"--outcomes {request.outcomes} has none of the {outcomes['called']} numbers that the DAG calls. Give the "
            "report of a campaign with the same contacts."
        )
    return report


def _settings(sandbox: Sandbox, extra: Mapping[str, Any]) -> ConnectionSettings:
    return ConnectionSettings.read(
        host=sandbox.base_url,
        password=sandbox.token,
        extra={
            "timeout": _REQUEST_TIMEOUT,
            "campaign_url": f"{sandbox.root_url}#campaign-{{campaign_id}}",
            # A report with hashed numbers needs a salt, and the real one is not read.
            "secret_salt": "the salt of a rehearsal",
            **extra,
        },
    )


@contextmanager
def _recorded_logs(recorder: Recorder) -> Iterator[None]:
    logger = logging.getLogger("airflow_provider_tingting")
    logger.setLevel(logging.INFO)
    logger.addHandler(recorder)
    try:
        yield
    finally:
        logger.removeHandler(recorder)


@contextmanager
def _secrets(sandbox: Sandbox, written: Path, environ: Mapping[str, str]) -> Iterator[None]:
    connections.sandbox = sandbox.connection_json()
    connections.own[TABLES_CONN_ID] = json.dumps({"conn_type": "sqlite", "host": str(written / "tables.db")})
    connections.user = UserSecrets(environ)
    try:
        yield
    finally:
        connections.user.close()


if __name__ == "__main__":
    sys.exit(main())
