"""A running sandbox: uvicorn in a thread on the loopback interface. FastAPI and uvicorn are imported when it starts."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.sandbox.address import check_loopback, open_port
from airflow_provider_tingting.sandbox.asgi import TRANSPORT
from airflow_provider_tingting.sandbox.calls import API
from airflow_provider_tingting.sandbox.dialect import Dialect
from airflow_provider_tingting.sandbox.faults import Faults
from airflow_provider_tingting.sandbox.ledger import Ledger, RequestEntry
from airflow_provider_tingting.sandbox.middleware import ServerOptions
from airflow_provider_tingting.sandbox.nepal_time import NEPAL
from airflow_provider_tingting.sandbox.state import DEFAULT_TOKEN, Settings
from airflow_provider_tingting.sandbox.store import Journal
from airflow_provider_tingting.sandbox.world import World

if TYPE_CHECKING:
    from uvicorn import Server

    from airflow_provider_tingting.sandbox.clock import Clock

EXTRA = "airflow-provider-tingting[sandbox]"
_SECONDS_TO_START = 20.0
_SECONDS_TO_STOP = 5.0


class Sandbox:
    """A TingTing on this machine; a context manager, or `start()` and `stop()`.

    :param port: 0 takes a free one.
    :param host: a loopback address.
    :param token: the API token.
    :param seed: decides how every call ends; the same seed repeats a run.
    :param speed: seconds of the world in one real second; None means 1, or what the state file says.
    :param page_cap: the most rows that a page holds, whatever `limit` asks; None for no cap.
    :param state_file: remembers the world there, and goes on from it: how the world began is then the file's.
    :param samples: whether the campaigns of the API page's samples exist; the clock then begins in July 2025.
    :param start: when the world begins; None means now.
    :param credits: the account's balance.
    :param shares: weights of the endings of calls, such as `{"completed": 3, "failed": 1}`.
    :param calls_per_second: how many contacts of a run are dialled in a second.
    :param first_campaign_id: the id of the first campaign that is created.
    :param dialect: switches by name, see `Dialect`.
    :param faults: faults as texts, such as `lose-reply:run`, see `Faults.parse`.
    :param latency: seconds that every answer takes, the work included.
    :param latency_per_contact: seconds more for each contact that a request adds.
    :param keep_bodies: whether the request ledger keeps what was sent.
    :raises TingTingConfigError: an address beyond the loopback interface, or a state file that cannot be used.
    :raises ValueError: a dialect, fault or number that does not exist.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        token: str = DEFAULT_TOKEN,
        seed: int = 7,
        speed: float | None = None,
        page_cap: int | None = 10,
        state_file: str | PathLike[str] | None = None,
        samples: bool = False,
        start: datetime | None = None,
        credits: int = 10_000,
        shares: Mapping[str, float] | None = None,
        calls_per_second: float = 4.0,
        first_campaign_id: int = 1,
        dialect: Mapping[str, Any] | Dialect | None = None,
        faults: Iterable[str] = (),
        latency: float = 0.0,
        latency_per_contact: float = 0.0,
        keep_bodies: bool = False,
    ) -> None:
        check_loopback(host)
        if page_cap is not None and page_cap < 1:
            raise ValueError("page_cap must be at least 1, or None for no cap")
        if calls_per_second <= 0:
            raise ValueError("calls_per_second must be above 0")
        self.host = host
        self.port = port
        self.page_cap = page_cap
        self.dialect = Dialect.of(dialect)
        self.manners = ServerOptions(latency, latency_per_contact, keep_bodies)
        self.faults = Faults()
        for text in faults:
            self.faults.parse(text)
        began = None
        if start is not None:
            began = (start if start.tzinfo else start.replace(tzinfo=NEPAL)).isoformat()
        settings = Settings(seed, credits, token, shares, calls_per_second, first_campaign_id, samples, began)
        self.world = World(settings, speed=speed, journal=Journal(state_file) if state_file is not None else None)
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    # -- what tests and users look at ------------------------------------------------------------------------------

    @property
    def root_url(self) -> str:
        """Where the sandbox's own pages and controls are, such as `http://127.0.0.1:8085/`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"

    @property
    def base_url(self) -> str:
        """The API's base URL, such as `http://127.0.0.1:8085/api/v1/`."""
        return self.root_url.rstrip("/") + API

    @property
    def token(self) -> str:
        """The API token that is valid now."""
        return self.world.token

    @property
    def clock(self) -> Clock:
        """The world's clock."""
        return self.world.clock

    @property
    def ledger(self) -> Ledger:
        """Who was called or texted, with everything that is due by now; and every request."""
        with self.world.reading():
            return self.world.ledger

    @property
    def requests(self) -> Sequence[RequestEntry]:
        """Every request to the API so far, oldest first."""
        return tuple(self.world.ledger.requests)

    def connection_json(self) -> str:
        """Return the value of `AIRFLOW_CONN_TINGTING_DEFAULT` that connects Airflow with this sandbox."""
        return json.dumps(
            {
                "conn_type": "tingting",
                "host": self.base_url,
                "password": self.token,
                "extra": {"campaign_url": self.root_url + "#campaign-{campaign_id}"},
            }
        )

    def reset(self) -> None:
        """Begin again: an empty account, no faults, empty ledgers; the clock goes on."""
        self.faults.clear()
        self.world.reset()

    def play_out(self) -> datetime:
        """Push the clock until every campaign that runs or is scheduled has ended; return the world's time."""
        while self.world.push_to_next_event():
            pass
        return self.clock.now()

    # -- running ---------------------------------------------------------------------------------------------------

    def start(self) -> Sandbox:
        """Listen, and return when requests are answered; again after `stop`, on the same port.

        :raises TingTingConfigError: the port is in use, or FastAPI or uvicorn is missing.
        """
        if self._thread is not None:
            return self
        server, listener = self._prepare()
        self.manners.closing = False
        self._server = server
        self._ended.clear()
        self._thread = threading.Thread(
            target=self._listen, args=(server, listener), name="tingting-sandbox", daemon=True
        )
        self._thread.start()
        for _ in range(int(_SECONDS_TO_START / 0.005)):
            if server.started:
                return self
            if self._ended.wait(0.005):
                break
        self._thread = None
        raise TingTingConfigError(f"The sandbox did not start on {self.host}:{self.port}; the log above says why.")

    def stop(self) -> None:
        """Stop listening; the world is kept, and its clock goes on."""
        if self._thread is None or self._server is None:
            return
        self.manners.closing = True
        self._server.should_exit = True
        self._thread.join(_SECONDS_TO_STOP)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(_SECONDS_TO_STOP)
        self._thread = self._server = None

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Be unreachable for the time of a `with` block: connections are refused."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def wait(self) -> None:
        """Wait until somebody stops the sandbox, or interrupts this thread."""
        # Not `Thread.join`: interrupted by Ctrl+C it takes the thread for ended (Python 3.10 to 3.12), and the
        # interpreter then goes down under the running server.
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

    def _listen(self, server: Server, listener: socket.socket) -> None:
        try:
            server.run(sockets=[listener])
        finally:
            self._ended.set()

    def _prepare(self) -> tuple[Server, socket.socket]:
        _check_installed()
        import uvicorn

        from airflow_provider_tingting.sandbox.server import create_app

        app = create_app(self.world, self.faults, dialect=self.dialect, manners=self.manners, page_cap=self.page_cap)
        config = uvicorn.Config(
            app,
            http=_cuttable_protocol(),
            # uvloop would become the event loop of everything else in this process, with older versions of uvicorn.
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
        listener = open_port(self.host, self.port)
        self.port = listener.getsockname()[1]
        return uvicorn.Server(config), listener


def _cuttable_protocol() -> type[asyncio.Protocol]:
    """Return uvicorn's HTTP protocol, changed to leave each request the transport that a fault must close."""
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
        raise TingTingConfigError(f"The sandbox needs {' and '.join(missing)}. Run: pip install '{EXTRA}'")
