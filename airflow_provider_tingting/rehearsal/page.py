"""The report of a rehearsal as a page: one HTML file that loads nothing else, in the style of the campaign charts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from airflow_provider_tingting.formatting import amount, counted
from airflow_provider_tingting.rehearsal.digest import campaign_span, left_out_counts, period, short, task_remark
from airflow_provider_tingting.reports.chart.style import page

_STYLE: Final = """
section{margin-bottom:.75rem;display:block}
h2{margin-bottom:.4rem}
h3{font-size:1rem;margin:1rem 0 .2rem}
td,th{text-align:left;padding:.3rem .75rem .3rem 0;vertical-align:top;overflow-wrap:break-word}
td.n,th.n{text-align:right}
td time,td.t{white-space:nowrap}
.texts{list-style:none;margin:.3rem 0;padding:0}
.texts li{border-left:3px solid var(--good);padding:.15rem 0 .15rem .75rem;margin:.45rem 0}
.texts small,.notes{color:var(--soft)}
.state{display:inline-block;white-space:nowrap;border-radius:6px;padding:0 .45em;background:var(--track)}
.state.success{color:var(--good)}.state.failed,.state.upstream_failed{color:var(--bad)}
details{margin-top:.4rem;padding-top:.3rem}
.scroll{overflow-x:auto}
@media print{details{display:block}}
"""
_MAX_TEXTS: Final = 20
_MAX_CALLS: Final = 2_000


def rehearsal_page(report: Mapping[str, Any]) -> str:
    """Return the page.

    :param report: the report's JSON.
    """
    title = f"Rehearsal of {report['dag_id']}"
    sections = [
        *(_campaign(campaign) for campaign in report["campaigns"]),
        _left_out(report),
        _tasks(report),
        _written(report),
        _notes(report),
    ]
    content = f"""<header>
<h1>{escape(title)}</h1>
<p>{escape(period(report))} No real contact was called.</p>
</header>
{_tiles(report)}
{"".join(sections)}
<footer>
<p>{escape(_outcomes(report))} Prices are the sandbox's: one credit for each started 30 seconds of a call and for each
part of an SMS.</p>
</footer>"""
    return page(title, content, style=_STYLE)


def _tiles(report: Mapping[str, Any]) -> str:
    calls = [call for campaign in report["campaigns"] for call in campaign["calls"]]
    spoken, sent = (sum(call["channel"] == channel for call in calls) for channel in ("call", "sms"))
    left_out = sum(len(task["left_out"]) for task in report["tasks"])
    credits = report["credits"]
    balance = "balance unknown"
    if credits["balance"] is not None:
        balance = f"of {amount(credits['balance'])}" + ("" if credits["enough"] else ": too little")
    states = [task["state"] for task in report["tasks"]]
    tiles = [
        ("DAG run", report["state"], f"{states.count('success')} of {counted(len(states), 'task')} succeeded"),
        (
            "Campaigns",
            f"{len(report['campaigns'])}",
            f"{len(report['deleted_campaigns'])} deleted" if report["deleted_campaigns"] else "none deleted",
        ),
        ("Calls", f"{spoken:,}", f"{sent:,} SMS"),
        ("Left out", f"{left_out:,}", "rows of the audiences"),
        ("Credits", amount(credits["used"]), balance),
    ]
    return (
        '<dl class="tiles">'
        + "".join(
            f"<div><dt>{name}</dt><dd>{escape(value)}<small>{escape(note)}</small></dd></div>"
            for name, value, note in tiles
        )
        + "</dl>"
    )


def _campaign(campaign: Mapping[str, Any]) -> str:
    schedule = f" Scheduled for {_time(campaign['schedule'])}." if campaign["schedule"] else ""
    statuses = ", ".join(f"{status} {count}" for status, count in campaign["statuses"].items())
    voice = f", voice {escape(campaign['voice'])}" if campaign["voice"] else ""
    texts = campaign["texts"]
    shown = "".join(map(_text, texts[:_MAX_TEXTS]))
    rest = texts[_MAX_TEXTS:]
    if rest:
        shown += f"</ul><details><summary>{len(rest):,} more texts</summary><ul class=texts>{''.join(map(_text, rest))}"
        shown += "</ul></details><ul hidden>"
    calls = campaign["calls"][:_MAX_CALLS]
    rows = (
        (escape(one["number"]), _time(one["at"]), one["channel"], escape(one["status"]), amount(one["credits"]))
        for one in calls
    )
    more = len(campaign["calls"]) - len(calls)
    listed = f"{counted(len(campaign['calls']), 'call')} and SMS" + (
        f", the first {len(calls):,} of them" if more else ""
    )
    return f"""<section>
<h2>Campaign {campaign["id"]}: {escape(campaign["name"])}</h2>
<p>{escape(campaign["services"])}{voice}. {escape(campaign_span(campaign))}.{schedule}
It ends as {escape(campaign["status"])} ({escape(statuses) or "no contacts"}). Credits:
{amount(campaign["credits"])}.</p>
<h3>{counted(campaign["distinct_texts"], "text")}</h3>
<ul class="texts">{shown}</ul>
<details><summary>{listed}</summary>
{_table(("Number", "At", "Channel", "Ends as", "Credits"), rows)}
</details>
</section>
"""


def _text(text: Mapping[str, Any]) -> str:
    parts = f", {counted(text['sms_parts'], 'part')}" if text["sms_parts"] else ""
    return (
        f"<li dir=auto>{escape(text['text'])}<br><small>{text['channel']}, "
        f"{counted(text['contacts'], 'contact')}{parts}</small></li>"
    )


def _left_out(report: Mapping[str, Any]) -> str:
    rows = [
        (escape(task_id), escape(reason), f"{count:,}", escape(first))
        for task_id, reason, count, first in left_out_counts(report)
    ]
    if not rows:
        return ""
    each = (
        (escape(task["task_id"]), escape(row["reason"]), escape(row["row"]), escape(row["number"] or ""))
        for task in report["tasks"]
        for row in task["left_out"][:_MAX_CALLS]
    )
    return f"""<section>
<h2>Left out</h2>
{_table(("Task", "Reason", "Rows", "The first"), rows)}
<details><summary>Each row</summary>{_table(("Task", "Reason", "Row", "Number"), each)}</details>
</section>
"""


def _tasks(report: Mapping[str, Any]) -> str:
    rows = []
    for task in report["tasks"]:
        index = "" if task["map_index"] is None else f"[{task['map_index']}]"
        log = "".join(f"<li>{_time(line['at'])} {escape(line['text'])}</li>" for line in task["log"])
        log = f"<details><summary>Log</summary><ul class=texts>{log}</ul></details>" if log else ""
        rows.append(
            (
                f"{escape(task['task_id'])}{index}<br><small>{escape(task['operator'])}</small>",
                f'<span class="state {escape(task["state"])}">{escape(task["state"])}</span>',
                _time(task["began"]),
                _time(task["ended"]),
                f"{escape(task_remark(task))}{log}",
            )
        )
    return f"<section><h2>Tasks</h2>{_table(('Task', 'State', 'Begins', 'Ends', ''), rows)}</section>"


def _written(report: Mapping[str, Any]) -> str:
    rows = [
        (one["kind"], escape(one["name"]), f"{one['bytes']:,}" if "bytes" in one else "") for one in report["written"]
    ]
    return f"<section><h2>It would write</h2>{_table(('', 'Name', 'Bytes'), rows)}</section>" if rows else ""


def _notes(report: Mapping[str, Any]) -> str:
    faults = [f"Fault {one['fault']}: applied {one['applied']} times." for one in report["faults"]]
    notes = "".join(f"<li>{escape(note)}</li>" for note in [*report["notes"], *faults])
    return f"<section><h2>Notes</h2><ul class=notes>{notes}</ul></section>" if notes else ""


def _outcomes(report: Mapping[str, Any]) -> str:
    outcomes = report["outcomes"]
    if outcomes:
        return f"{outcomes['replayed']} of {outcomes['called']} called numbers end as in the report that was replayed."
    return "How each call ends is invented."


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{column}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _time(moment: str | None) -> str:
    return f'<time datetime="{moment}">{short(moment)}</time>' if moment else ""
