"""Scripted faults: what goes wrong, at which call, how often. `gate.py` carries them out. Standard library only."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from airflow_provider_tingting.sandbox.calls import calls_named


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    :param meaning: what happens, in a line.
    :param after: whether the request is carried out before.
    :param value: what `value` means and its default, for the kinds that take one.
    """

    meaning: str
    after: bool = False
    value: str | None = None


KINDS = {
    "cut-before": Kind("the connection is closed before anything is done"),
    "lose-reply": Kind("done, then the connection is closed without an answer", after=True),
    "late-commit": Kind("the connection is closed at once, and the request done so many seconds later", value="2"),
    "500": Kind("HTTP 500 as JSON, nothing done"),
    "500-after-commit": Kind("done, then HTTP 500 as JSON", after=True),
    "502-empty": Kind("HTTP 502 with no body, nothing done"),
    "502-after-commit": Kind("done, then HTTP 502 with no body", after=True),
    "503-html": Kind("HTTP 503 as an HTML page, nothing done"),
    "503-after-commit": Kind("done, then HTTP 503 as an HTML page", after=True),
    "429": Kind("HTTP 429 with Retry-After in seconds, nothing done", value="1"),
    "429-date": Kind("HTTP 429 with Retry-After as a date so many seconds ahead, nothing done", value="1"),
    "413": Kind("HTTP 413 as an HTML page, nothing done"),
    "slow": Kind("answers so many seconds later", value="2"),
    "stuck": Kind("never answers, nothing done"),
    "stuck-after-commit": Kind("done, but never answers", after=True),
    "truncate": Kind("done, then the answer breaks off in the middle", after=True),
    "garbage": Kind("done, then HTTP 200 with an HTML page (value html) or half a JSON (value json)", True, "html"),
    "redirect": Kind("HTTP 302 to another address, nothing done", value="https://login.tingting.example/"),
    "rotate-token": Kind(
        "the API token is replaced, then answers: 401 for the old one (value: the new token)", value=""
    ),
    "partial": Kind("takes every second contact only and says so with HTTP 207 (or the value, 200)", value="207"),
    "partial-silent": Kind("takes every second contact only and says that it took all"),
}
_NUMERIC = frozenset({"429", "429-date", "slow", "late-commit"})


@dataclass
class Fault:
    """One scripted fault.

    :param kind: one of `KINDS`.
    :param call: where: a call's name or alias, `read`, `write` or `*`.
    :param times: how often it strikes; None means always.
    :param value: seconds or a text, for the kinds that take one.
    :param skip: how many matching requests pass before it strikes.
    """

    id: int
    kind: str
    call: str
    times: int | None
    value: str
    skip: int
    struck: int = 0

    @property
    def seconds(self) -> float:
        """The value as seconds."""
        return float(self.value)

    def as_json(self) -> dict[str, Any]:
        """Write it for the control endpoint."""
        return {
            "id": self.id,
            "kind": self.kind,
            "call": self.call,
            "times": "*" if self.times is None else self.times,
            "value": "***" if self.kind == "rotate-token" and self.value else self.value,
            "skip": self.skip,
            "struck": self.struck,
        }


class Faults:
    """The faults that are still to strike, oldest first; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Fault, frozenset[str]]] = []
        self._ids = count(1)

    def add(
        self, kind: str, *, call: str = "*", times: int | str | None = 1, value: object = None, skip: int = 0
    ) -> Fault:
        """Script a fault and return it.

        :param kind: one of `KINDS`.
        :param call: a call's name or alias, `read`, `write` or `*`.
        :param times: how often it strikes; `"*"` or None means always.
        :param value: what the kind takes: seconds, an address or a word, see `KINDS`.
        :param skip: how many matching requests pass before it strikes.
        :raises ValueError: something of this does not exist; the text says what does.
        """
        if kind not in KINDS:
            raise ValueError(f"there is no fault {kind!r}; there are {', '.join(KINDS)}")
        often = None if times in ("*", None) else int(times)
        if (often is not None and often < 1) or skip < 0:
            raise ValueError("a fault strikes at least once, after skipping at least no request")
        if value is not None and KINDS[kind].value is None:
            raise ValueError(f"the fault {kind!r} takes no value")
        calls = calls_named(call) & kind_calls(kind)
        if not calls:
            raise ValueError(f"the fault {kind!r} strikes only {' and '.join(sorted(kind_calls(kind)))}")
        text = str(value) if value is not None else KINDS[kind].value or ""
        _check_value(kind, text)
        fault = Fault(next(self._ids), kind, call, often, text, skip)
        with self._lock:
            self._waiting.append((fault, calls))
        return fault

    def parse(self, text: str) -> Fault:
        """Script a fault from `KIND[=VALUE][:CALL[:TIMES[:SKIP]]]`, such as `lose-reply:run` or `slow=5:add:*`.

        :raises ValueError: as for `add`.
        """
        kind, equals, rest = text.partition("=")
        if equals and kind in KINDS:
            # The `://` of an address belongs to the value; any other colon ends it.
            value, _, tail = rest.replace("://", "\0").partition(":")
            value, parts = value.replace("\0", "://"), tail.split(":") if tail else []
        else:
            kind, *parts = text.split(":")
            value = ""
        if len(parts) > 3:
            raise ValueError(f"a fault is written KIND[=VALUE][:CALL[:TIMES[:SKIP]]], not {text!r}")
        call, times, skip = [*parts, "", "", ""][:3]
        if not ((times in ("", "*") or times.isdecimal()) and (not skip or skip.isdecimal())):
            raise ValueError(f"times and skip of a fault are whole numbers (or * for always), not in {text!r}")
        return self.add(kind, call=call or "*", times=times or 1, value=value or None, skip=int(skip or 0))

    def take(self, call: str) -> Fault | None:
        """Return the fault that strikes this request, if any, and count it."""
        with self._lock:
            for fault, calls in self._waiting:
                if call not in calls:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.struck += 1
                if fault.times is not None and fault.struck >= fault.times:
                    self._waiting = [other for other in self._waiting if other[0] is not fault]
                return fault
        return None

    def remove(self, fault_id: int) -> bool:
        """Forget one fault; False when there is none of that id."""
        with self._lock:
            before = len(self._waiting)
            self._waiting = [waiting for waiting in self._waiting if waiting[0].id != fault_id]
            return len(self._waiting) < before

    def clear(self) -> None:
        """Forget every fault."""
        with self._lock:
            self._waiting = []

    def __iter__(self) -> Iterator[Fault]:
        with self._lock:
            return iter([fault for fault, _ in self._waiting])

    def __len__(self) -> int:
        with self._lock:
            return len(self._waiting)


def kind_calls(kind: str) -> frozenset[str]:
    """Return the calls that a kind of fault can strike."""
    return frozenset({"add_contacts", "upload_contacts"}) if kind.startswith("partial") else calls_named("*")


def _check_value(kind: str, text: str) -> None:
    if kind in _NUMERIC:
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not (math.isfinite(seconds) and 0 <= seconds <= 86_400):
            raise ValueError(f"the fault {kind!r} takes a number of seconds, up to a day, not {text!r}")
    choices = {"garbage": ("html", "json"), "partial": ("207", "200")}.get(kind)
    if choices and text not in choices:
        raise ValueError(f"the fault {kind!r} takes {' or '.join(choices)}, not {text!r}")
    if not text.isprintable() or len(text) > 500:
        raise ValueError(f"the value of the fault {kind!r} must be a short text in one line")
