"""Scripted faults: the kind of fault, the call that it affects, and how often. The middleware applies them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from airflow_provider_tingting.sandbox.calls import calls_named


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    :param meaning: what happens, in one line.
    :param after: whether the request is processed before the fault.
    :param value: what `value` means and its default, for the kinds that take one.
    """

    meaning: str
    after: bool = False
    value: str | None = None


KINDS = {
    "cut-before": Kind("connection closed, request not processed"),
    "lose-reply": Kind("request processed, connection closed without a response", after=True),
    "late-commit": Kind("connection closed at once, request processed VALUE seconds later", value="2"),
    "500": Kind("HTTP 500 with JSON, request not processed"),
    "500-after-commit": Kind("request processed, HTTP 500 with JSON", after=True),
    "502-empty": Kind("HTTP 502 without a body, request not processed"),
    "502-after-commit": Kind("request processed, HTTP 502 without a body", after=True),
    "503-html": Kind("HTTP 503 with an HTML page, request not processed"),
    "503-after-commit": Kind("request processed, HTTP 503 with an HTML page", after=True),
    "429": Kind("HTTP 429 with Retry-After in seconds, request not processed", value="1"),
    "429-date": Kind("HTTP 429 with Retry-After as a date VALUE seconds ahead, request not processed", value="1"),
    "413": Kind("HTTP 413 with an HTML page, request not processed"),
    "slow": Kind("response VALUE seconds later", value="2"),
    "stuck": Kind("no response for VALUE seconds (default: without end), request not processed", value=""),
    "stuck-after-commit": Kind("request processed, no response for VALUE seconds (default: without end)", True, ""),
    "truncate": Kind("request processed, connection closed in the middle of the response", after=True),
    "garbage": Kind("request processed, HTTP 200 with an HTML page (html) or half of the JSON (json)", True, "html"),
    "redirect": Kind("HTTP 302 to the address VALUE, request not processed", value="https://login.tingting.example/"),
    "rotate-token": Kind("API token replaced by VALUE (default: a random one) before the request", value=""),
    "partial": Kind("every second contact added, the others reported with HTTP 207 (or 200)", value="207"),
    "partial-silent": Kind("every second contact added, all reported as added"),
}
_NUMERIC = frozenset({"429", "429-date", "slow", "late-commit", "stuck", "stuck-after-commit"})


@dataclass
class Fault:
    """One scripted fault.

    :param kind: one of `KINDS`.
    :param call: a call's name or alias, `read`, `write` or `*`.
    :param times: how many requests it affects; None means all.
    :param value: seconds or a text, for the kinds that take one.
    :param skip: how many matching requests it leaves unaffected first.
    :param applied: how many requests it has affected.
    :param removed: whether it was removed, which ends the wait of the requests that it holds.
    """

    id: int
    kind: str
    call: str
    times: int | None
    value: str
    skip: int
    applied: int = 0
    removed: bool = False

    @property
    def seconds(self) -> float:
        """The value in seconds; infinity without one."""
        return float(self.value or "inf")

    def as_json(self) -> dict[str, Any]:
        """Return it as the control endpoint shows it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "call": self.call,
            "times": "*" if self.times is None else self.times,
            "value": "***" if self.kind == "rotate-token" and self.value else self.value,
            "skip": self.skip,
            "applied": self.applied,
        }


class Faults:
    """The pending faults, oldest first. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[tuple[Fault, frozenset[str]]] = []
        self._ids = count(1)

    def add(
        self, kind: str, *, call: str = "*", times: int | str | None = 1, value: object = None, skip: int = 0
    ) -> Fault:
        """Script a fault and return it.

        :param kind: one of `KINDS`.
        :param call: a call's name or alias, `read`, `write` or `*`.
        :param times: how many requests it affects; `"*"` or None means all.
        :param value: seconds, an address or a word, as `KINDS` says; None means the default.
        :param skip: how many matching requests it leaves unaffected first.
        :raises ValueError: an unknown kind or call, or a value that the kind does not take; the text lists the choices.
        """
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}; choose from {', '.join(KINDS)}")
        limit = None if times in ("*", None) else int(times)
        if (limit is not None and limit < 1) or skip < 0:
            raise ValueError("times of a fault is at least 1, and skip at least 0")
        if value is not None and KINDS[kind].value is None:
            raise ValueError(f"the fault {kind!r} takes no value")
        calls = calls_named(call) & kind_calls(kind)
        if not calls:
            raise ValueError(f"the fault {kind!r} affects only {' and '.join(sorted(kind_calls(kind)))}")
        text = str(value) if value is not None else KINDS[kind].value or ""
        _check_value(kind, text)
        fault = Fault(next(self._ids), kind, call, limit, text, skip)
        with self._lock:
            self._pending.append((fault, calls))
        return fault

    def parse(self, text: str) -> Fault:
        """Script a fault from `KIND[=VALUE][:CALL[:TIMES[:SKIP]]]`, such as `lose-reply:run` or `slow=5:add:*`.

        :param text: one or more faults, as on the command line: `503-html:read:3`.
        :raises ValueError: as for `add`.
        """
        kind, equals, rest = text.partition("=")
        if equals and kind in KINDS:
            # A colon ends the value, except in the `://` of an address.
            value, _, tail = rest.replace("://", "\0").partition(":")
            value, parts = value.replace("\0", "://"), tail.split(":") if tail else []
        else:
            kind, *parts = text.split(":")
            value = ""
        if len(parts) > 3:
            raise ValueError(f"a fault is written KIND[=VALUE][:CALL[:TIMES[:SKIP]]], not {text!r}")
        call, times, skip = [*parts, "", "", ""][:3]
        if not ((times in ("", "*") or times.isdecimal()) and (not skip or skip.isdecimal())):
            raise ValueError(f"times and skip of a fault are whole numbers, times also * for always; got {text!r}")
        return self.add(kind, call=call or "*", times=times or 1, value=value or None, skip=int(skip or 0))

    def take(self, call: str) -> Fault | None:
        """Return the fault that applies to a request, and count it; None when there is none.

        :param call: the name of the call of a request.
        """
        with self._lock:
            for fault, calls in self._pending:
                if call not in calls:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.applied += 1
                if fault.times is not None and fault.applied >= fault.times:
                    self._pending = [other for other in self._pending if other[0] is not fault]
                return fault
        return None

    def remove(self, fault_id: int) -> bool:
        """Remove a fault; requests that it holds wait no longer. False when no pending fault has that id.

        :param fault_id: its id.
        """
        return self._remove(lambda fault: fault.id == fault_id) > 0

    def clear(self) -> None:
        """Remove every fault; requests that they hold wait no longer."""
        self._remove(lambda fault: True)

    def _remove(self, matches: Callable[[Fault], bool]) -> int:
        with self._lock:
            doomed = [fault for fault, _ in self._pending if matches(fault)]
            self._pending = [entry for entry in self._pending if not matches(entry[0])]
        for fault in doomed:
            fault.removed = True
        return len(doomed)

    def __iter__(self) -> Iterator[Fault]:
        with self._lock:
            return iter([fault for fault, _ in self._pending])

    def __len__(self) -> int:
        with self._lock:
            return len(self._pending)


def kind_calls(kind: str) -> frozenset[str]:
    """Return the names of the calls that a kind of fault can affect.

    :param kind: the kind of a call: `read`, `write` or `*`.
    """
    return frozenset({"add_contacts", "upload_contacts"}) if kind.startswith("partial") else calls_named("*")


def _check_value(kind: str, text: str) -> None:
    if kind in _NUMERIC and (text or KINDS[kind].value):
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
