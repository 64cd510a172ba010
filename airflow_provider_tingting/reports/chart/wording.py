"""How the page words figures, statuses and carriers, in English and Nepali."""

from __future__ import annotations

from html import escape
from typing import Final

from airflow_provider_tingting.reports.summary import OTHER

# TingTing's words for what became of a call → what a board calls it, in both languages.
_STATUSES: Final = {
    "completed": ("Completed", "पूरा भयो"),
    "hungup": ("Hung up", "बीचमै काटियो"),
    "unanswered": ("Unanswered", "फोन उठाइएन"),
    "failed": ("Failed", "असफल"),
    "terminated": ("Terminated", "रोकियो"),
    "not started": ("Not started", "सुरु भएन"),
    "dialing": ("Dialling", "डायल हुँदै"),
    "ringing": ("Ringing", "घण्टी बज्दै"),
    "answered": ("Talking", "कुरा हुँदै"),
}


def carrier(name: str) -> str:
    """Write the name of a carrier."""
    return "Other" if name == OTHER else name


def worded(status: str) -> tuple[str, str]:
    """Write a status in both languages."""
    return _STATUSES.get(status, (status.capitalize(), ""))


def both(name: str, nepali: str) -> str:
    """Write a name in English with the Nepali one beside it, as HTML."""
    return f'{escape(name)} <span lang="ne">{nepali}</span>'


def part(count: float, total: float) -> float:
    """Return what part of a total something is, from 0 to 1."""
    return count / total if total else 0.0


def share(count: float, total: float) -> str:
    """Write a share in percent: never 100 or 0 when it is not quite."""
    if not total:
        return "–"
    percent = 100 * count / total
    if 0 < percent < 0.5:
        return "<1 %"
    if 99.5 <= percent < 100:
        return ">99 %"
    return f"{percent:.0f} %"


def amount(credits: float) -> str:
    """Write an amount of credits."""
    return f"{credits:,.2f}".rstrip("0").rstrip(".")


def hours(seconds: float) -> str:
    """Write a length of time."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60} min"


def clock(seconds: int) -> str:
    """Write the length of a call as minutes:seconds."""
    return f"{seconds // 60}:{seconds % 60:02}"
