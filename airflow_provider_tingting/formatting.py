"""How figures are written for people."""

from __future__ import annotations


def amount(value: float) -> str:
    """Write an amount such as credits: all its digits, in groups of three, and no `.0`."""
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def counted(count: int, what: str) -> str:
    """Write a count with its noun, whose plural has an s."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
