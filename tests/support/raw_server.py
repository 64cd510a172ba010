"""A TCP server whose responses a test writes byte by byte, also those that no HTTP library would send."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

#: Writes a response to a connection whose request has been read.
Respond = Callable[[socket.socket], None]


class RawServer:
    """A running server.

    :param base_url: the base URL of the API that it plays.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        #: The request lines that came, in order.
        self.requests: list[str] = []


@contextmanager
def raw_server(respond: Respond) -> Iterator[RawServer]:
    """Serve each connection with `respond` in a thread of its own, until the client or the test closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RawServer(f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1/")
        open_connections: list[socket.socket] = []

        def serve(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                request = b""
                while b"\r\n\r\n" not in request and (piece := connection.recv(65536)):
                    request += piece
                server.requests.append(request.partition(b"\r\n")[0].decode())
                respond(connection)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                open_connections.append(connection)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield server
        finally:
            # Closing alone does not end the thread: it would accept for whichever socket gets the same number next.
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for connection in open_connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()
