"""A running sandbox: uvicorn in a thread, on the loopback interface.

FastAPI and uvicorn are imported when a sandbox starts.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.extras import install_command
from airflow_provider_tingting.sandbox.account import Settings
from airflow_provider_tingting.sandbox.asgi import TRANSPORT
from airflow_provider_tingting.sandbox.calls import API
from airflow_provider_tingting.sandbox.dialect import Dialect
from airflow_provider_tingting.sandbox.faults import Faults
from airflow_provider_tingting.sandbox.journal import Journal
from airflow_provider_tingting.sandbox.ledger import Ledger, RequestEntry
from airflow_provider_tingting.sandbox.middleware import ServerOptions
from airflow_provider_tingting.sandbox.origin_check import check_loopback
from airflow_provider_tingting.sandbox.records import Caller, Voice
from airflow_provider_tingting.sandbox.samples import VENDOR_CALLERS, VENDOR_FIRST_CAMPAIGN_ID, VENDOR_VOICES
from airflow_provider_tingting.sandbox.world import World
from airflow_provider_tingting.timezones import NEPAL

if TYPE_CHECKING:
    from uvicorn import Server

    from airflow_provider_tingting.sandbox.clock import Clock

_SECONDS_TO_START = 20.0
_SECONDS_TO_STOP = 5.0
_LARGEST_PORT = 65_535
_LONGEST_LATENCY = 3600
_MAX_CREDITS = 10**12
# Schedules are confirmed with dates of the Bikram Sambat calendar, which is known for years around these.
_FIRST_YEAR, _LAST_YEAR = 2000, 2099


class Sandbox:
    """A local TingTing sandbox; a context manager, or `start()` and `stop()`.

    :param port: 0 takes a free one.
    :param host: a loopback address.
    :param token: the API token; None means a random one, or the one in the state file.
    :param seed: decides how every call ends; the same seed gives the same outcomes.
    :param speed: seconds of the world in one real second; None means the speed in the state file, else 1.
    :param page_cap: the maximum number of rows of a page, above which `limit` has no effect; None for no maximum.
    :param state_file: the file that keeps the world across restarts; one that exists replaces the initial settings.
    :param samples: whether the campaigns of the API page's samples exist; the clock then begins in July 2025.
    :param start: the time at which the world's clock begins; None means now.
    :param credits: the account's balance.
    :param shares: weights of the outcomes of calls, such as `{"completed": 3, "failed": 1}`.
    :param calls_per_second: how many contacts of a run are dialled in one second.
    :param first_campaign_id: the id of the first campaign that is created; None means 1, or the dialect's.
    :param voices: the account's voices; None means the dialect's.
    :param callers: the account's caller numbers; None means the dialect's.
    :param dialect: switches by name, see `Dialect`, or the name of a preset, `vendor`.
    :param faults: faults as texts, such as `lose-reply:run`, see `Faults.parse`.
    :param latency: seconds from each request to its response, the processing included.
    :param latency_per_contact: additional seconds for each contact that a request adds.
    :param keep_bodies: whether the request ledger keeps the bodies of requests.
    :raises TingTingConfigError: an address beyond the loopback interface, or a state file that cannot be used.
    :raises ValueError: an unknown dialect switch or fault, or a number out of range.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        token: str | None = None,
        seed: int = 7,
        speed: float | None = None,
        page_cap: int | None = 10,
        state_file: str | PathLike[str] | None = None,
        samples: bool = False,
        start: datetime | None = None,
        credits: int = 10_000,
        shares: Mapping[str, float] | None = None,
        calls_per_second: float = 4.0,
        first_campaign_id: int | None = None,
        voices: Iterable[Voice] | None = None,
        callers: Iterable[Caller] | None = None,
        dialect: str | Mapping[str, Any] | Dialect | None = None,
        faults: Iterable[str] = (),
        latency: float = 0.0,
        latency_per_contact: float = 0.0,
        keep_bodies: bool = False,
    ) -> None:
        check_loopback(host)
        if page_cap is not None and page_cap < 1:
            raise ValueError("page_cap must be at least 1, or None for no cap")
        if not 0 <= port <= _LARGEST_PORT:
            raise ValueError(f"port must be from 0 to {_LARGEST_PORT:,}, not {port!r}")
        for name, seconds in {"latency": latency, "latency_per_contact": latency_per_contact}.items():
            if not 0 <= seconds <= _LONGEST_LATENCY:
                raise ValueError(f"{name} must be from 0 to {_LONGEST_LATENCY} seconds, not {seconds!r}")
        if not 0 <= credits <= _MAX_CREDITS:
            raise ValueError(f"credits must be from 0 to {_MAX_CREDITS:,}, not {credits!r}")
        if start is not None and not _FIRST_YEAR <= start.year <= _LAST_YEAR:
            raise ValueError(f"start must be in the years {_FIRST_YEAR} to {_LAST_YEAR}, not {start.year}")
        self.host = host
        self.port = port
        self.page_cap = page_cap
        self.dialect = Dialect.of(dialect)
        self.options = ServerOptions(latency, latency_per_contact, keep_bodies)
        self.faults = Faults()
        for text in faults:
            self.faults.parse(text)
        began = None
        if start is not None:
            began = (start if start.tzinfo else start.replace(tzinfo=NEPAL)).isoformat()
        vendor = self.dialect.account == "vendor"
        if vendor and voices is None:
            voices = VENDOR_VOICES
        if vendor and callers is None:
            callers = VENDOR_CALLERS
        if first_campaign_id is None:
            first_campaign_id = VENDOR_FIRST_CAMPAIGN_ID if vendor else 1
        settings = Settings(
            seed=seed,
            credits=credits,
            shares=shares,
            calls_per_second=calls_per_second,
            first_campaign_id=first_campaign_id,
            samples=samples,
            start=began,
            voices=None if voices is None else [asdict(voice) for voice in voices],
            callers=None if callers is None else [asdict(caller) for caller in callers],
            **({} if token is None else {"token": token}),
        )
        self.world = World(settings, speed=speed, journal=Journal(state_file) if state_file is not None else None)
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    @property
    def root_url(self) -> str:
        """The URL of the sandbox's page, such as `http://127.0.0.1:8085/`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"

    @property
    def base_url(self) -> str:
        """The API's base URL, such as `http://127.0.0.1:8085/api/v1/`."""
        return self.root_url.rstrip("/") + API

    @property
    def token(self) -> str:
        """The current API token."""
        return self.world.token

    @property
    def clock(self) -> Clock:
        """The world's clock."""
        return self.world.clock

    @property
    def ledger(self) -> Ledger:
        """The calls and SMS up to the current time, and the requests."""
        with self.world.reading():
            return self.world.ledger

    @property
    def requests(self) -> Sequence[RequestEntry]:
        """Every request to the API so far, oldest first."""
        return tuple(self.world.ledger.requests)

    def connection_json(self) -> str:
        """Return the connection to this sandbox as JSON, for `AIRFLOW_CONN_TINGTING_DEFAULT`."""
        return json.dumps(
            {
                "conn_type": "tingting",
                "host": self.base_url,
                "password": self.token,
                "extra": {"campaign_url": self.root_url + "#campaign-{campaign_id}"},
            }
        )

    def reset(self) -> None:
        """Return to the initial settings, without faults and ledger entries; the clock is kept."""
        self.faults.clear()
        self.world.reset()

    def play_out(self) -> datetime:
        """Push the clock until every running and scheduled campaign has ended; return the world's time."""
        while self.world.push_to_next_event():
            pass
        return self.clock.now()

    def start(self) -> Sandbox:
        """Start listening, and return when requests are answered. After `stop`, it starts again on the same port.

        :raises TingTingConfigError: the port is in use, or FastAPI or uvicorn is missing.
        """
        if self._thread is not None:
            return self
        server, listener = self._prepare()
        self.options.closing = False
        self._server = server
        self._ended.clear()
        self._thread = threading.Thread(
            target=self._serve, args=(server, listener), name="tingting-sandbox", daemon=True
        )
        self._thread.start()
        for _ in range(int(_SECONDS_TO_START / 0.005)):
            if server.started:
                return self
            if self._ended.wait(0.005):
                break
        self._thread = None
        raise TingTingConfigError(f"The sandbox did not start on {self.host}:{self.port}; see the log above.")

    def stop(self) -> None:
        """Stop listening; the world is kept, and its clock continues."""
        if self._thread is None or self._server is None:
            return
        self.options.closing = True
        self._server.should_exit = True
        self._thread.join(_SECONDS_TO_STOP)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(_SECONDS_TO_STOP)
        self._thread = self._server = None

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Refuse connections during a `with` block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def wait(self) -> None:
        """Wait until `stop` is called or this thread is interrupted."""
        # Not `Thread.join`: after an interrupt it treats the thread as ended (Python 3.10 to 3.12), and the interpreter
        # exits while the server still runs.
        while self._thread is not None and not self._ended.wait(0.5):
            pass

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self.world.journal is not None:
            self.world.journal.close()

    def __repr__(self) -> str:
        return f"<Sandbox at {self.base_url}, {'listening' if self._thread else 'stopped'}>"

    def _serve(self, server: Server, listener: socket.socket) -> None:
        try:
            server.run(sockets=[listener])
        finally:
            self._ended.set()

    def _prepare(self) -> tuple[Server, socket.socket]:
        _check_installed()
        import uvicorn

        from airflow_provider_tingting.sandbox.app import create_app

        app = create_app(self.world, self.faults, dialect=self.dialect, options=self.options, page_cap=self.page_cap)
        config = uvicorn.Config(
            app,
            http=_cuttable_protocol(),
            # Older versions of uvicorn would make uvloop the event loop of the whole process.
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=60,
        )
        listener = _open_port(self.host, self.port)
        self.port = listener.getsockname()[1]
        return uvicorn.Server(config), listener


def _open_port(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol given, asyncio sets TCP_NODELAY: a request takes 3 ms instead of 45 (measured).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise TingTingConfigError(
            f"The sandbox cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}. "
            "Stop what is using that port, or choose another one (0 takes a free one)."
        ) from error
    listener.listen(2048)
    listener.setblocking(False)
    return listener


def _cuttable_protocol() -> type[asyncio.Protocol]:
    """Return uvicorn's HTTP protocol, which here passes the connection's transport to each request, so that a fault can
    close it."""
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    class CuttableProtocol(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
        app_state: dict[str, Any]

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.app_state = {**self.app_state, TRANSPORT: transport}
            super().connection_made(transport)

    return CuttableProtocol


def _check_installed() -> None:
    from importlib.util import find_spec

    missing = [
        name
        for name, module in (("fastapi", "fastapi"), ("uvicorn", "uvicorn"), ("python-multipart", "python_multipart"))
        if find_spec(module) is None
    ]
    if missing:
        raise TingTingConfigError(f"The sandbox needs {' and '.join(missing)}. Run: {install_command('sandbox')}")
