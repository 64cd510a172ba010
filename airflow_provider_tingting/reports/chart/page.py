"""The page around the charts: HTML that is complete in itself, in English with Nepali beside it."""

from __future__ import annotations

from datetime import datetime
from html import escape

from airflow_provider_tingting.formatting import amount, counted, duration, share
from airflow_provider_tingting.reports.chart.figures import HEARD_FROM, ChartFigures
from airflow_provider_tingting.reports.chart.sections import SECTIONS
from airflow_provider_tingting.reports.chart.style import page
from airflow_provider_tingting.timezones import NEPAL


def page_of(figures: ChartFigures, *, title: str, subtitle: str = "", estimate: float | None = None) -> str:
    """Make the page.

    :param figures: what it shows.
    :param title: the campaign's name.
    :param subtitle: a line below it.
    :param estimate: the credits that were estimated, or None.
    """
    charts = [section(figures) for section in SECTIONS]
    when = _period(figures.first, figures.last)
    lines = [line for line in (subtitle, when) if line]
    content = f"""<header>
<h1 dir="auto">{escape(title)}</h1>
{"".join(f"<p>{escape(line)}</p>" for line in lines)}
</header>
{_tiles(figures, estimate)}
<div class="charts">
{"".join(charts)}
</div>
<footer>
<p>Reached: the call was taken (completed or hung up){" or the SMS delivered" if figures.summary.credits_sms else ""}.
Not reached: unanswered, failed or terminated. Open: no outcome yet. Heard to the end: {HEARD_FROM} % of the message or
more. From TingTing's report; every contact counts once.</p>
</footer>"""
    return page(title, content)


def _tiles(figures: ChartFigures, estimate: float | None) -> str:
    summary = figures.summary
    each = f"{summary.credits / summary.reached:.2f} for each reached" if summary.reached else "no contact was reached"
    if estimate is not None:
        each = f"{amount(estimate)} estimated, {each}"
    tiles = [
        ("Contacts", "सम्पर्क", f"{summary.contacts:,}", f"{figures.dialled:,} dialled"),
        ("Reached", "पुगियो", share(summary.reached, summary.contacts), counted(summary.reached, "contact")),
        ("Credits", "क्रेडिट", amount(summary.credits), each),
        ("Talk time", "कुराकानी समय", duration(summary.seconds_talked), _mean_call(figures)),
    ]
    if figures.heard is not None:
        heard = share(figures.heard, summary.reached)
        tiles.insert(2, ("Heard to the end", "अन्त्यसम्म सुने", heard, "of those reached"))
    return (
        '<dl class="tiles">'
        + "".join(
            f'<div><dt>{name} <span lang="ne">{nepali}</span></dt><dd>{value}<small>{note}</small></dd></div>'
            for name, nepali, value, note in tiles
        )
        + "</dl>"
    )


def _period(first: datetime | None, last: datetime | None) -> str:
    if first is None or last is None:
        return ""
    first, last = first.astimezone(NEPAL), last.astimezone(NEPAL)
    if first.date() == last.date():
        return f"{first.day} {first:%B %Y}, {first:%H:%M} to {last:%H:%M}, Nepal time"
    return f"{first.day} {first:%B %Y} to {last.day} {last:%B %Y}, Nepal time"


def _mean_call(figures: ChartFigures) -> str:
    calls = sum(figures.durations)
    return f"{figures.summary.seconds_talked / calls:.0f} s a call" if calls else "no calls"
