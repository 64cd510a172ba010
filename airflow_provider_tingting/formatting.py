"""How figures are written in logs, errors, tables and pages."""

from __future__ import annotations


def amount(value: float) -> str:
    """Return an amount such as credits with up to six decimals, in groups of three, without `.0`.

    :param value: the amount; one that is not zero is never written as zero.
    """
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    if text in ("0", "-0"):
        return f"{value:.0e}" if value else "0"
    return text


def counted(count: int, what: str) -> str:
    """Return a count with its noun, whose plural has an s: `2,000 calls`.

    :param count: how many.
    :param what: the noun in the singular.
    """
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def percent(value: float) -> str:
    """Return a percentage without decimals; never 0 or 100 when it is not quite: `<1 %`, `>99 %`.

    :param value: 0 to 100.
    """
    if 0 < value < 0.5:
        return "<1 %"
    if 99.5 <= value < 100:
        return ">99 %"
    return f"{value:.0f} %"


def share(count: float, total: float) -> str:
    """Return a part of a total as a percentage; `–` of a total of zero.

    :param count: the part.
    :param total: the whole.
    """
    return percent(100 * count / total) if total else "–"


def duration(seconds: float) -> str:
    """Return a length of time in the largest units that matter: `12 s`, `5 min`, `1 h 40 min`.

    :param seconds: the length in seconds.
    """
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60} min"


def call_length(seconds: int) -> str:
    """Return the length of a call as `minutes:seconds`.

    :param seconds: the length in whole seconds.
    """
    return f"{seconds // 60}:{seconds % 60:02}"
