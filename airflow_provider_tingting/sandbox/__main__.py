"""`python -m airflow_provider_tingting.sandbox`, or `tingting-sandbox`: runs the sandbox until Ctrl+C."""

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
from airflow_provider_tingting.sandbox.nepal_time import read_schedule
from airflow_provider_tingting.sandbox.server import Sandbox
from airflow_provider_tingting.timezones import NEPAL

DEFAULT_PORT = 8085


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox until it is interrupted; return the exit code.

    :param arguments: the command line; default: that of the process.
    """
    return serve(parser().parse_args(arguments))


def run(arguments: argparse.Namespace, console: object) -> int:
    """Run a sandbox as the command `sandbox` of this package; see `serve`.

    :param arguments: the parsed command line.
    :param console: where the command prints.
    """
    return serve(arguments)


def serve(options: argparse.Namespace) -> int:
    """Run a sandbox until it is interrupted; return the exit code.

    :param options: the parsed command line, see `add_arguments`.
    """
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
        # SIGINT is set explicitly, because a shell starts a background job with SIGINT ignored.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        sandbox.start()
    except (TingTingConfigError, ValueError) as error:
        print(f"tingting-sandbox: {error}", file=sys.stderr)
        return 2
    try:
        print(welcome(sandbox), flush=True)
        sandbox.wait()
    except KeyboardInterrupt:
        print("\nStopped.")
    finally:
        sandbox.stop()
    return 0


def welcome(sandbox: Sandbox) -> str:
    """Return the text that is printed when the sandbox listens: the connection, the addresses, the faults.

    :param sandbox: the sandbox.
    """
    faults = "".join(f"\n  {fault.kind} at {fault.call}, {_requests(fault.times)}" for fault in sandbox.faults)
    push = "curl -X POST -H 'Content-Type: application/json' -d '{\"push\": 3600}'"
    return f"""\
A TingTing sandbox is listening on {sandbox.base_url}
It makes no real calls and sends no SMS. The token is {sandbox.token}

Connect Airflow with it:
  export AIRFLOW_CONN_TINGTING_DEFAULT={shlex.quote(sandbox.connection_json())}

Try it:          curl -H 'Authorization: Bearer {sandbox.token}' {sandbox.base_url}voice-models/
Web page:        {sandbox.root_url}
API page:        {sandbox.root_url}docs
Calls and SMS:   {sandbox.root_url}sandbox/ledger
Push the clock:  {push} {sandbox.root_url}sandbox/clock
{f"Pending faults:{faults}" if faults else "No faults are pending."}

Stop it with Ctrl+C."""


def _requests(times: int | None) -> str:
    return "every request" if times is None else "1 request" if times == 1 else f"{times} requests"


def parser() -> argparse.ArgumentParser:
    """Return the parser of `tingting-sandbox`."""
    made = argparse.ArgumentParser(
        prog="tingting-sandbox",
        description="A local TingTing sandbox. It makes no real calls, and needs neither an account nor a network.",
    )
    add_arguments(made)
    return made


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the commands that start a sandbox.

    :param parser: the parser of the command.
    """
    parser.epilog = _epilog()
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    add("--port", type=int, default=DEFAULT_PORT, help="0 takes a free port (default: %(default)s)")
    add("--token", help="the API token (default: a random one, which is printed)")
    add("--seed", type=int, default=7, help="decides the outcome of every call (default: %(default)s)")
    add("--speed", type=float, help="seconds of the sandbox's clock in one real second (default: 1)")
    add("--start", type=_moment, help="initial time of the sandbox's clock, ISO 8601 (default: now)")
    add("--state", type=_file, metavar="FILE", help="keep the sandbox's data in FILE across restarts")
    add("--samples", action="store_true", help="start with the campaigns of the API page's samples, in July 2025")
    add("--credits", type=int, default=10_000, help="the account's balance (default: %(default)s)")
    add("--page-cap", type=int, default=10, help="maximum rows of a page; 0 for no maximum (default: %(default)s)")
    add("--latency", type=float, default=0.0, help="seconds from each request to its response (default: 0)")
    add("--latency-per-contact", type=float, default=0.0, help="additional seconds for each contact added (default: 0)")
    add(
        "--fault",
        action="append",
        default=[],
        metavar="KIND[=VALUE][:CALL[:TIMES[:SKIP]]]",
        help="a fault, such as lose-reply:run or 429=3:add:*; can be repeated",
    )
    add(
        "--dialect",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a known difference between TingTing servers; can be repeated",
    )


def _epilog() -> str:
    faults = "\n".join(
        f"  {name + ('=' + kind.value if kind.value else ''):<20} {kind.meaning}" for name, kind in KINDS.items()
    )
    calls = ", ".join(call.alias for call in ENDPOINTS.values())
    dialect = "\n".join(f"  {name:<20} {choices}\n{'':23}{meaning}" for name, choices, meaning in Dialect.table())
    return f"""\
faults (KIND=default VALUE); TIMES: requests affected, default 1, * for all; SKIP: requests unaffected before:
{faults}

calls (CALL); the names of the request ledger are accepted too:
  *, read, write, {calls}

dialect switches (the first choice is the default):
{dialect}
"""


def _file(text: str) -> str:
    if not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} contains a control character")
    return text


def _moment(text: str) -> datetime:
    try:
        return read_schedule(text).astimezone(NEPAL)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is not an ISO 8601 date or datetime") from None


if __name__ == "__main__":
    sys.exit(main())
