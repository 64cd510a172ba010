"""How many requests does the whole life of a campaign take, and how many does creating one in a large account?

A campaign of ten contacts is created, filled, run, waited for with two reads, and reported, against a sandbox; nothing
fails. In a second life the report task takes the report that the run task has kept. The peer is a script of one request
a step: create, voice, add, run, two reads, the report. The account of the second part has 100,000 campaigns of the same
name, one each five minutes, ten on a page. A campaign is created there in a first try, in a retry that knows nothing of
it and finds none, and in one that finds the campaign of the first try. All figures are counts.

    python benchmarks/bench_requests.py [--campaigns 100000]
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tests")]

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="tingting-bench-")

from measuring import compare, machine, read_options  # noqa: E402

from airflow_provider_tingting.sandbox import Sandbox  # noqa: E402

#: Create, voice, add, run, two reads, the report; and creating a campaign with its voice.
BARE_LIFE, BARE_CREATE = 7, 2
NAME = "Water notice"


def life(sandbox: Sandbox, folder: Path, run_id: str, kept: str | None = None) -> list[str]:
    """Return the calls of a whole life, in order; `kept` is where the run task keeps the report for the report task."""
    from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
    from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator
    from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator

    before = len(sandbox.requests)
    contacts = [{"number": f"984000000{index}", "name": f"Sita {index}"} for index in range(10)]
    campaign = create(run_id)
    execute(TingTingAddContactsOperator(task_id="add", campaign_id=campaign, contacts=contacts))
    run = TingTingRunCampaignOperator(
        task_id="run", campaign_id=campaign, poll_interval=5, deferrable=False, keep_report=kept
    )
    ran = execute(run)
    report = folder / f"{run_id}.csv"
    execute(
        TingTingDownloadReportOperator(
            task_id="report", campaign_id=campaign, path=str(report), kept_report=ran.get("kept_report")
        )
    )
    assert report.read_text(encoding="utf-8").count("\n") == 1 + len(contacts)
    return calls_since(sandbox, before)


def create(run_id: str, try_number: int = 1) -> int:
    from airflow_provider_tingting.operators.campaign import TingTingCreateCampaignOperator

    operator = TingTingCreateCampaignOperator(
        task_id="create", name=NAME, services="PHONE", user_phone=[12], message="Namaste {name}", voice=1, retries=1
    )
    return execute(operator, run_id=run_id, try_number=try_number)


def execute(operator: Any, **circumstances: Any) -> Any:
    """Execute an operator in a DAG run that has just begun."""
    from support.task_context import context_of

    begun = SimpleNamespace(start_date=datetime.now(timezone.utc), run_type="manual")
    return operator.execute({**context_of(operator, **circumstances), "dag_run": begun})


def calls_since(sandbox: Sandbox, before: int) -> list[str]:
    return [entry.call for entry in sandbox.requests[before:]]


def fill(sandbox: Sandbox, count: int) -> None:
    """Put campaigns of the same name into the sandbox's account, one for each five minutes up to now."""
    for index in range(count):
        campaign = sandbox.world.create_campaign(name=NAME, services="PHONE", user_phone=[12], message="Namaste")
        campaign.updated_at -= (count - index) * 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--campaigns", type=int, default=100_000)
    options = read_options(parser, campaigns=2_000)
    logging.disable(logging.CRITICAL)

    print(machine("apache-airflow"))
    with tempfile.TemporaryDirectory() as folder, Sandbox(speed=60.0, calls_per_second=20.0) as sandbox:
        os.environ["AIRFLOW_CONN_TINGTING_DEFAULT"] = sandbox.connection_json()
        for way, run_id, kept, most in (
            ("", "life", None, 14),
            (" with keep_report", "kept", str(Path(folder) / "kept.report"), 12),
        ):
            calls = life(sandbox, Path(folder), run_id, kept)
            print(f"a life of 10 contacts{way}: {', '.join(calls)}")
            compare(
                f"requests of a life of 10 contacts{way}",
                f"bare script: {BARE_LIFE}",
                f"{len(calls)}",
                len(calls),
                12,
                gate=most,
            )
    with Sandbox(samples=False) as sandbox:
        os.environ["AIRFLOW_CONN_TINGTING_DEFAULT"] = sandbox.connection_json()
        fill(sandbox, options.campaigns)
        for way, run_id, try_number in (
            ("first try", "first", 1),
            ("retry that finds none", "lost", 2),
            ("retry that finds it", "first", 2),
        ):
            before = len(sandbox.requests)
            create(run_id, try_number)
            calls = calls_since(sandbox, before)
            print(f"creating among {options.campaigns:,}, {way}: {', '.join(calls)}")
            compare(
                f"requests of creating among {options.campaigns:,} campaigns: {way}",
                f"bare script: {BARE_CREATE}",
                f"{len(calls)}",
                len(calls),
                5,
                gate=6,
            )


if __name__ == "__main__":
    main()
