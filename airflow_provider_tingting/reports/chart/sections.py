"""The sections of the page: each is a chart with a heading, a sentence and a table of its figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from airflow_provider_tingting.formatting import amount, call_length, percent, share
from airflow_provider_tingting.reports.chart.drawing import (
    BAD,
    GOOD,
    OPEN,
    PALE,
    draw_bars,
    draw_histogram,
)
from airflow_provider_tingting.reports.chart.figures import HEARD_FROM, LONGEST_CALL, ChartFigures, outcome_of
from airflow_provider_tingting.reports.summary import OTHER

# A contact's status → its label in English and Nepali.
_STATUS_LABELS: Final = {
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
_OUTCOMES: Final = (("Reached", "पुगियो", GOOD), ("Not reached", "पुगिएन", BAD), ("Open", "बाँकी", OPEN))
_COLOUR_OF: Final = {"reached": GOOD, "not_reached": BAD, "open": OPEN}
# Widths of the bars of the lengths of calls, in seconds: the first that needs few enough bars is taken.
_WIDTHS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
_MAX_BARS: Final = 12


def _reach(figures: ChartFigures) -> str:
    contacts = figures.summary.contacts
    steps = [
        ("Contacts", "सम्पर्क", contacts),
        ("Dialled", "फोन गरियो", figures.dialled),
        ("Answered", "फोन उठाए", figures.answered),
    ]
    if figures.heard is not None:
        steps.append(("Heard to the end", "अन्त्यसम्म सुने", figures.heard))
    rows = [
        (name, f"{count:,} · {share(count, contacts)}", [(_part(count, contacts), GOOD)]) for name, _, count in steps
    ]
    return _figure(
        "reach",
        "From contact to message heard",
        "सम्पर्कदेखि सन्देशसम्म",
        draw_bars(rows, name="reach"),
        ("Step", "Contacts", "Of all"),
        [(_bilingual(name, nepali), f"{count:,}", share(count, contacts)) for name, nepali, count in steps],
        f"{share(figures.answered, contacts)} of {contacts:,} contacts answered.",
    )


def _carriers(figures: ChartFigures) -> str:
    rows = []
    for name, counts in figures.carriers.items():
        total = sum(counts)
        parts = [(_part(count, total), colour) for count, (_, _, colour) in zip(counts, _OUTCOMES, strict=True)]
        rows.append((_carrier(name), f"{share(counts[0], total)} of {total:,}", parts))
    table = [
        (escape(_carrier(name)), *(f"{count:,}" for count in counts), share(counts[0], sum(counts)))
        for name, counts in figures.carriers.items()
    ]
    best = max(figures.carriers.items(), key=lambda item: _part(item[1][0], sum(item[1])), default=None)
    sentence = (
        f"{_carrier(best[0])} has the highest reach rate: {share(best[1][0], sum(best[1]))}."
        if best
        else "No carrier is known."
    )
    return _figure(
        "carriers",
        "Outcomes by carrier",
        "सेवा प्रदायकअनुसार नतिजा",
        draw_bars(rows, name="carriers") if rows else "",
        ("Carrier", *(name for name, _, _ in _OUTCOMES), "Reached of all"),
        table,
        sentence,
        legend=True,
    )


def _playback(figures: ChartFigures) -> str:
    # 100 percent belongs to the last tenth.
    counts = [sum(figures.playback[start : start + 10]) for start in range(0, 90, 10)] + [sum(figures.playback[90:])]
    total = sum(counts)
    median = figures.summary.median_playback
    labels = [f"{percent}" for percent in range(0, 101, 10)]
    drawing = draw_histogram(
        counts,
        labels,
        strong=[percent >= HEARD_FROM for percent in range(0, 100, 10)],
        mark=None if median is None else (min(median / 10, 9.97), f"median {percent(median)}"),
        name="playback",
    )
    return _figure(
        "playback",
        "How much of the message was heard",
        "सन्देश कति सुने",
        drawing if total else "",
        ("Percent heard", "People", "Of those reached"),
        [
            (f"{start} to {start + 10 if start == 90 else start + 9}", f"{count:,}", share(count, total))
            for start, count in zip(range(0, 100, 10), counts, strict=True)
        ],
        _heard(median),
        axis="Contacts by percent of the message played",
    )


def _heard(median: float | None) -> str:
    if median is None:
        return "No contact heard the message."
    return f"Half of the reached contacts heard {f'{percent(median)} or more' if median < 100 else 'all of it'}."


def _durations(figures: ChartFigures) -> str:
    counts = figures.durations
    total = sum(counts)
    longest = _quantile(counts, 0.995)
    width = next((width for width in _WIDTHS if (longest + 1) / width <= _MAX_BARS), _WIDTHS[-1])
    starts = list(range(0, longest + 1, width))
    bars = [sum(counts[start : start + width]) for start in starts]
    bars[-1] += sum(counts[starts[-1] + width :])
    median = _quantile(counts, 0.5)
    over = longest < LONGEST_CALL and any(counts[starts[-1] + width :])
    labels = [call_length(start) for start in [*starts, starts[-1] + width]]
    if over:
        labels[-1] += "+"
    drawing = draw_histogram(
        bars,
        labels,
        strong=[False] * len(bars),
        mark=(min((median + 0.5) / width, len(bars) - 0.03), f"median {call_length(median)}") if total else None,
        name="durations",
    )
    return _figure(
        "durations",
        "How long the calls were",
        "कलको अवधि",
        drawing if total else "",
        ("Minutes and seconds", "Calls", "Of all calls"),
        [
            (
                call_length(start)
                + (" and more" if over and start == starts[-1] else f" to {call_length(start + width - 1)}"),
                f"{count:,}",
                share(count, total),
            )
            for start, count in zip(starts, bars, strict=True)
        ],
        f"Half of the calls lasted {call_length(median)} (minutes:seconds) or more." if total else "There was no call.",
        axis="Calls by minutes and seconds",
    )


def _statuses(figures: ChartFigures) -> str:
    total = figures.summary.contacts
    rows = [
        (_labels(status)[0], f"{count:,} · {share(count, total)}", [(_part(count, total), _colour(status))])
        for status, count in figures.statuses.items()
    ]
    not_reached, open_ = figures.summary.not_reached, total - figures.summary.reached - figures.summary.not_reached
    return _figure(
        "statuses",
        "Outcome of each contact",
        "प्रत्येक सम्पर्कको नतिजा",
        draw_bars(rows, name="statuses") if rows else "",
        ("Outcome", "Contacts", "Of all"),
        [
            (_bilingual(*_labels(status)), f"{count:,}", share(count, total))
            for status, count in figures.statuses.items()
        ],
        f"{not_reached:,} were not reached, {open_:,} {'is' if open_ == 1 else 'are'} open.",
        legend=True,
    )


def _credits(figures: ChartFigures) -> str:
    summary = figures.summary
    total = sum(figures.credits.values())
    rows = [
        (
            _labels(status)[0],
            f"{amount(spent)} · {share(spent, total)}",
            [(_part(spent, total), _colour(status))],
        )
        for status, spent in figures.credits.items()
    ]
    split = (
        f" {amount(summary.credits_calls)} for calls, {amount(summary.credits_sms)} for SMS."
        if summary.credits_sms
        else ""
    )
    return _figure(
        "credits",
        "Credits by outcome",
        "क्रेडिट खर्च",
        draw_bars(rows, name="credits") if rows else "",
        ("Outcome", "Credits", "Of all credits"),
        [
            (_bilingual(*_labels(status)), amount(spent), share(spent, total))
            for status, spent in figures.credits.items()
        ],
        f"Credits spent: {amount(total)}.{split}" if total else "No credit was spent.",
        legend=True,
    )


def _figure(
    name: str,
    title: str,
    nepali: str,
    drawing: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    sentence: str,
    *,
    axis: str = "",
    legend: bool = False,
) -> str:
    """Return one section; the drawing is an image with a description for screen readers."""
    picture = drawing.replace(
        "<svg ", f'<svg role="img" aria-label="{escape(f"{title}. {sentence} The table below has the figures.")}" ', 1
    )
    keys = "".join(f'<li><i style="background:{_variable(colour)}"></i>{text}</li>' for text, _, colour in _OUTCOMES)
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>' for first, *rest in rows
    )
    return (
        f'<section id="{name}"><h2>{title} <span lang="ne">{nepali}</span></h2>'
        f'<p dir="auto">{escape(sentence)}</p>'
        f"{f'<ul class=legend>{keys}</ul>' if legend and picture else ''}"
        f"{picture}{f'<p class=axis>{axis}</p>' if axis and picture else ''}"
        f"<details><summary>Figures as a table</summary><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></details></section>"
    )


def _variable(colour: str) -> str:
    return {GOOD: "var(--good)", BAD: "var(--bad)", OPEN: "var(--open)", PALE: "var(--pale)"}[colour]


def _colour(status: str) -> str:
    return _COLOUR_OF[outcome_of(status)]


def _quantile(counts: Sequence[int], share: float) -> int:
    wanted, seen = share * sum(counts), 0
    for value, times in enumerate(counts):
        seen += times
        if times and seen >= wanted:
            return value
    return 0


def _carrier(name: str) -> str:
    return "Other" if name == OTHER else name


def _labels(status: str) -> tuple[str, str]:
    return _STATUS_LABELS.get(status, (status.capitalize(), ""))


def _bilingual(name: str, nepali: str) -> str:
    return f'{escape(name)} <span lang="ne">{nepali}</span>'


def _part(count: float, total: float) -> float:
    return count / total if total else 0.0


SECTIONS: Final = (_reach, _carriers, _playback, _durations, _statuses, _credits)
