"""A TingTing that takes its time: 50 ms a request and 0.1 ms a contact. A process of its own, and cheap to run.

It speaks just enough HTTP for the two clients. It counts contacts and does not keep them.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

A_REQUEST = 0.05
A_CONTACT = 0.0001


def best_rate(connections: int, batch: int) -> float:
    """How many contacts a second this server can take."""
    return connections * batch / (A_REQUEST + A_CONTACT * batch)


@contextmanager
def slow_server() -> Iterator[str]:
    """Start one; give its root address."""
    process = subprocess.Popen([sys.executable, str(Path(__file__))], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


class _Server:
    def __init__(self) -> None:
        self.contacts = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method = head.split(b" ", 1)[0]
                length = 0
                for line in head.lower().split(b"\r\n"):
                    if line.startswith(b"content-length:"):
                        length = int(line[15:])
                body = await reader.readexactly(length)
                answer = self._campaign() if method == b"GET" else await self._take(body)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                    % (len(answer), answer)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _take(self, body: bytes) -> bytes:
        count = body.count(b'"number":')
        await asyncio.sleep(A_REQUEST + A_CONTACT * count)
        self.contacts += count
        if b'"contacts":' not in body:
            return b'{"id": 1, "number": "9841234567", "status": "not started"}'
        return b'{"message": "ok", "created": %d, "skipped": 0, "errors": []}' % count

    def _campaign(self) -> bytes:
        shown = {"id": 79, "name": "Water notice", "status": "Not Started", "campaign_action_count": self.contacts}
        return json.dumps(shown).encode()


async def _main() -> None:
    server = await asyncio.start_server(_Server().serve, "127.0.0.1", 0, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_main())
