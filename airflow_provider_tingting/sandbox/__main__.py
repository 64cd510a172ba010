"""`python -m airflow_provider_tingting.sandbox`, or `tingting-sandbox`: a TingTing on this machine, until Ctrl+C."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence
from datetime import datetime

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.sandbox.calls import ENDPOINTS
from airflow_provider_tingting.sandbox.dialect import Dialect
from airflow_provider_tingting.sandbox.faults import KINDS
from airflow_provider_tingting.sandbox.nepal_time import NEPAL, read_schedule
from airflow_provider_tingting.sandbox.running import Sandbox
from airflow_provider_tingting.sandbox.state import DEFAULT_TOKEN

DEFAULT_PORT = 8085


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox until it is interrupted; return the exit code."""
    return serve(_parser().parse_args(arguments))


def serve(options: argparse.Namespace) -> int:
    """Run the sandbox that the options describe until it is interrupted; return the exit code."""
    try:
        sandbox = Sandbox(
            port=options.port,
            host=options.host,
            token=options.token,
            seed=options.seed,
            speed=options.speed,
            page_cap=options.page_cap or None,
            state_file=options.state,
            samples=options.samples,
            start=options.start,
            credits=options.credits,
            dialect=Dialect.parse(options.dialect),
            faults=options.fault,
            latency=options.latency,
            latency_per_contact=options.latency_per_contact,
        )
        # `kill` and a container's stop end it as Ctrl+C does.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        sandbox.start()
    except (TingTingConfigError, ValueError) as error:
        print(f"tingting-sandbox: {error}", file=sys.stderr)
        return 2
    try:
        print(_welcome(sandbox), flush=True)
        sandbox.wait()
    except KeyboardInterrupt:
        print("\nStopped.")
    finally:
        sandbox.stop()
    return 0


def _welcome(sandbox: Sandbox) -> str:
    faults = "".join(f"\n  {fault.kind} at {fault.call}, {_often(fault.times)}" for fault in sandbox.faults)
    push = "curl -X POST -H 'Content-Type: application/json' -d '{\"push\": 3600}'"
    return f"""\
A TingTing sandbox is listening on {sandbox.base_url}
It calls nobody. The token is {sandbox.token}

Connect Airflow with it:
  export AIRFLOW_CONN_TINGTING_DEFAULT={shlex.quote(sandbox.connection_json())}

Try it:          curl -H 'Authorization: Bearer {sandbox.token}' {sandbox.base_url}voice-models/
Look at it:      {sandbox.root_url}
All calls:       {sandbox.root_url}docs
Who was called:  {sandbox.root_url}sandbox/ledger
An hour later:   {push} {sandbox.root_url}sandbox/clock
{f"Faults to come:{faults}" if faults else "No faults are scripted."}

Stop it with Ctrl+C."""


def _often(times: int | None) -> str:
    return "always" if times is None else "once" if times == 1 else f"{times} times"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tingting-sandbox",
        description="A TingTing on this machine: the whole API, nobody is called, no account and no network needed.",
    )
    add_arguments(parser)
    return parser


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line, for every command that starts a sandbox."""
    parser.epilog = _epilog()
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    add("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one (default: %(default)s)")
    add("--token", default=DEFAULT_TOKEN, help="the API token (default: %(default)s)")
    add("--seed", type=int, default=7, help="decides how every call ends (default: %(default)s)")
    add("--speed", type=float, help="seconds of the sandbox in one real second (default: 1)")
    add("--start", type=_moment, help="when the sandbox's time begins, ISO 8601 (default: now)")
    add("--state", metavar="FILE", help="remember everything in FILE, and go on from it")
    add("--samples", action="store_true", help="begin with the campaigns of the API page's samples, in July 2025")
    add("--credits", type=int, default=10_000, help="the account's balance (default: %(default)s)")
    add("--page-cap", type=int, default=10, help="the most rows a page holds; 0 for no cap (default: %(default)s)")
    add("--latency", type=float, default=0.0, help="seconds before every answer (default: 0)")
    add("--latency-per-contact", type=float, default=0.0, help="seconds more for each contact added (default: 0)")
    add(
        "--fault",
        action="append",
        default=[],
        metavar="KIND[=VALUE][:CALL[:TIMES[:SKIP]]]",
        help="something that goes wrong, such as lose-reply:run or 429=3:add:*; may be repeated",
    )
    add(
        "--dialect",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a way in which TingTing servers differ; may be repeated",
    )


def _epilog() -> str:
    faults = "\n".join(
        f"  {name + ('=' + kind.value if kind.value else ''):<20} {kind.meaning}" for name, kind in KINDS.items()
    )
    calls = ", ".join(call.alias for call in ENDPOINTS.values())
    dialect = "\n".join(f"  {name:<20} {choices}\n{'':23}{meaning}" for name, choices, meaning in Dialect.table())
    return f"""\
faults (KIND, with the usual VALUE); TIMES is 1 unless given, * means always; SKIP lets so many requests pass first:
{faults}

calls (CALL), or their full names as the request ledger has them:
  *, read, write, {calls}

dialect switches (the first choice is the usual):
{dialect}
"""


def _moment(text: str) -> datetime:
    try:
        return read_schedule(text).astimezone(NEPAL)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is not an ISO 8601 date or datetime") from None


if __name__ == "__main__":
    sys.exit(main())
