"""A TingTing that lists campaigns which run and end by the clock, and counts how often it is asked; cheap to run.

Each campaign's start and end are known to all processes, so that they need not exchange messages.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import Any

OTHERS = 300  # older campaigns of the account


def ends_at(campaign: int, began: float, lasts: float) -> float:
    """When a campaign ends: evenly spread over the time that one lasts, near ids far apart."""
    return began + lasts * ((campaign * 0.6180339887498949) % 1.0)


class Server:
    """A TingTing that can list campaigns and show one, and counts how often it was asked."""

    def __init__(self, waits: int, cap: int, lasts: float) -> None:
        self.cap, self.lasts = cap, lasts
        self.began = time.time()
        self.asked: Counter[str] = Counter()
        # When a walk through the list began, and how many requests there had been.
        self.walks: list[tuple[float, int]] = []
        self.ids = range(waits + OTHERS, 0, -1)
        message = "नमस्कार {name} जी, भोलि बिहान ६ देखि ९ बजेसम्म खानेपानी आउनेछैन।"
        self.rest = json.dumps(
            {
                "name": "Water notice",
                "services": "PHONE",
                "sms_message": "",
                "message": message,
                "description": "[tingting:0123456789abcdef]",
                "schedule": None,
                "audio_file": None,
                "bulk_file": None,
                "category": "Text",
                "user_phone": [12],
                "campaign_action_count": 500,
                "credit_limit": None,
                "voice": {"id": 5, "voice_display_name": "Shreegya", "voice_internal_name": "np_shreegya"},
                "draft": False,
                "failover_target": [],
                "length_factor": "1.00",
                "updated_at": None,
            }
        )[1:]

    def row(self, campaign: int, now: float) -> str:
        left = ends_at(campaign, self.began, self.lasts) - now if campaign > OTHERS else 0.0
        percent = min(100, int(100 - 100 * max(0.0, left) / self.lasts))
        if left > 0:
            return f'{{"id": {campaign}, "status": "Running", "progress_percent": {min(99, percent)}, {self.rest}'
        return f'{{"id": {campaign}, "status": "Completed", "progress_percent": 100, {self.rest}'

    def answer(self, path: str) -> str:
        if path == "/asked":
            return json.dumps({"total": self.asked.total(), "began": self.began, "walks": self.walks})
        where, _, query = path.partition("?")
        now = time.time()
        if query:
            asked = dict(part.split("=") for part in query.split("&"))
            if asked["offset"] == "0":
                self.walks.append((now, self.asked.total()))
            self.asked["list"] += 1
            offset, limit = int(asked["offset"]), min(self.cap, int(asked["limit"]))
            rows = ",".join(self.row(one, now) for one in self.ids[offset : offset + limit])
            more = f'"http://x/?limit={limit}&offset={offset + limit}"' if offset + limit < len(self.ids) else "null"
            return f'{{"count": {len(self.ids)}, "next": {more}, "results": [{rows}]}}'
        self.asked["get"] += 1
        return self.row(int(where.rstrip("/").rpartition("/")[2]), now)


class Http(asyncio.Protocol):
    """As little HTTP as there can be."""

    def __init__(self, server: Server) -> None:
        self.server, self.kept = server, b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.kept += data
        while (end := self.kept.find(b"\r\n\r\n")) >= 0:
            path = self.kept[:end].split(b" ", 2)[1].decode()
            self.kept = self.kept[end + 4 :]
            body = self.server.answer(path).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            self.transport.write(head.encode() + body)


async def serve(waits: int, cap: int, lasts: float) -> None:
    """Listen on a free port, which is printed, until the process is ended."""
    server = Server(waits, cap, lasts)
    listening = await asyncio.get_running_loop().create_server(lambda: Http(server), "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()
