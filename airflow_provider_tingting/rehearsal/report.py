"""The report of a rehearsal, as JSON with stable keys; `docs/rehearse.md` describes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider_tingting.contacts.message import sms_size
from airflow_provider_tingting.masking import mask_number, mask_text, printable
from airflow_provider_tingting.rehearsal.airflow_run import FinishedRun
from airflow_provider_tingting.rehearsal.recorder import Recorder, TaskRecord
from airflow_provider_tingting.rehearsal.request import RehearsalRequest
from airflow_provider_tingting.rehearsal.tasks import PreparedDag, class_of
from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.sandbox.ledger import Dialled, RequestEntry
from airflow_provider_tingting.sandbox.records import Campaign
from airflow_provider_tingting.timezones import NEPAL

VERSION = 1
#: The most distinct texts of a campaign that a report holds.
MAX_TEXTS = 1_000


@dataclass
class ReportSources:
    """What a report is made from.

    :param request: the options.
    :param prepared: the DAG.
    :param finished: the DAG run.
    :param recorder: what the tasks did.
    :param sandbox: the TingTing of the rehearsal.
    :param began: the moment that was rehearsed.
    :param written: the folder for files.
    :param earlier: the ids of campaigns that existed before.
    :param replayed: the statuses of `--outcomes` by number.
    """

    request: RehearsalRequest
    prepared: PreparedDag
    finished: FinishedRun
    recorder: Recorder
    sandbox: Sandbox
    began: datetime
    written: Path
    earlier: Sequence[int] = ()
    replayed: Mapping[str, str] = field(default_factory=dict, repr=False)


def make_report(sources: ReportSources) -> dict[str, Any]:
    """Return the report.

    :param sources: what it is made from.
    """
    return _ReportMaker(sources).report()


class _ReportMaker:
    def __init__(self, sources: ReportSources) -> None:
        self._of = sources
        shown = sources.request.show_numbers
        self._number: Callable[[object], str] = str if shown else mask_number
        self._mask: Callable[[str], str] = (lambda text: text) if shown else mask_text
        with sources.sandbox.world.reading():
            self._dialled = [
                one for one in sources.sandbox.world.ledger.dialled if one.campaign_id not in sources.earlier
            ]
            self._requests = list(sources.sandbox.world.ledger.requests)
            self._campaigns = [one for one in sources.sandbox.world.campaigns.values() if one.id not in sources.earlier]

    def report(self) -> dict[str, Any]:
        of = self._of
        used = sum(one.credits for one in self._dialled)
        balance = of.request.balance
        return {
            "version": VERSION,
            "dag_id": of.prepared.dag.dag_id,
            "state": of.finished.state,
            "began": of.began.astimezone(NEPAL).isoformat(timespec="seconds"),
            "ended": of.sandbox.clock.now().isoformat(timespec="seconds"),
            "conf": self._masked(of.request.conf),
            "notes": list(dict.fromkeys(map(self._text, of.prepared.notes))),
            "campaigns": [self._campaign(one) for one in self._campaigns],
            "deleted_campaigns": self._deleted(),
            "credits": {
                "used": used,
                "balance": balance,
                "enough": None if balance is None else not self._credits_ran_out(),
            },
            "tasks": self._tasks(),
            "written": self._written(),
            "requests": dict(Counter(one.call for one in self._requests if one.status is not None)),
            "faults": self._faults(),
            "outcomes": self._outcomes(),
        }

    def _text(self, text: str) -> str:
        """Return a text without numbers, in which paths are those that the DAG names."""
        return self._mask(text.replace(str(self._of.written), ""))

    def _campaign(self, campaign: Campaign) -> dict[str, Any]:
        entries = [one for one in self._dialled if one.campaign_id == campaign.id]
        voice = self._of.sandbox.world.voices.get(campaign.voice or 0)
        now = self._of.sandbox.clock.time()
        requested = [one for one in self._requests if _is_about(one, campaign.id) and one.call.startswith("run_")]
        return {
            "id": campaign.id,
            "name": self._text(printable(campaign.name)),
            "services": campaign.services,
            "status": campaign.status,
            "voice": voice.display_name if voice else None,
            "schedule": _moment(campaign.schedule),
            "run_requested_at": _moment(requested[0].world_time) if requested else None,
            "first_at": _moment(min((one.seconds for one in entries), default=None)),
            "last_at": _moment(max((one.seconds for one in entries), default=None)),
            "contacts": len(campaign.contacts),
            "statuses": dict(campaign.statuses_at(now)),
            "credits": sum(one.credits for one in entries),
            "texts": self._texts(entries),
            "distinct_texts": len({(one.channel, one.text) for one in entries}),
            "calls": [self._call(one) for one in entries],
        }

    def _texts(self, entries: Sequence[Dialled]) -> list[dict[str, Any]]:
        counted = Counter((one.channel, one.text) for one in entries)
        texts = []
        for (channel, text), count in counted.most_common(MAX_TEXTS):
            size = sms_size(text) if channel == "sms" else None
            texts.append(
                {
                    "channel": channel,
                    "text": self._text(text),
                    "contacts": count,
                    "sms_parts": size.parts if size else None,
                }
            )
        return texts

    def _call(self, one: Dialled) -> dict[str, Any]:
        return {
            "number": self._number(one.number),
            "at": one.at.isoformat(timespec="seconds"),
            "channel": one.channel,
            "status": one.status,
            "credits": one.credits,
        }

    def _deleted(self) -> list[int]:
        """Return the ids of campaigns that were called or created and do not exist any more."""
        existing = {one.id for one in self._campaigns}
        gone = {one.campaign_id for one in self._dialled} - existing
        for one in self._requests:
            if one.call == "delete_campaign" and one.status and one.status < 300:
                gone.add(int(one.path.strip("/").split("/")[-1]))
        return sorted(gone)

    def _credits_ran_out(self) -> bool:
        return any(run.out_of_credits for one in self._campaigns for run in one.runs)

    def _tasks(self) -> list[dict[str, Any]]:
        of = self._of
        order = {task.task_id: place for place, task in enumerate(of.prepared.dag.topological_sort())}
        tasks = []
        for key in sorted(of.finished.states, key=lambda key: (order.get(key[0], 0), key[1])):
            record = of.recorder.tasks.get(key)
            task = of.prepared.dag.task_dict.get(key[0])
            tasks.append(
                {
                    "task_id": key[0],
                    "map_index": None if key[1] < 0 else key[1],
                    "operator": "" if task is None else class_of(task).__name__.lstrip("_"),
                    "state": "not run" if key[0] in of.prepared.skipped else of.finished.states[key],
                    "why_not_run": of.prepared.skipped.get(key[0]),
                    "began": _moment(record.began) if record else None,
                    "ended": _moment(record.ended) if record else None,
                    "tries": record.tries if record else 0,
                    "errors": [self._text(printable(text)) for text in record.errors] if record else [],
                    "result": self._masked(of.finished.results.get(key)),
                    "left_out": self._left_out(record),
                    "answer": self._masked(record.answer) if record else None,
                    "log": []
                    if record is None
                    else [
                        {"at": _moment(at), "level": level, "text": self._text(printable(text))}
                        for at, level, text in record.lines
                    ],
                }
            )
        return tasks

    def _left_out(self, record: TaskRecord | None) -> list[dict[str, Any]]:
        return [
            {"reason": reason, "row": str(place), "number": self._number(number) if number else None}
            for reason, place, number in (record.left_out if record else ())
        ]

    def _masked(self, value: object) -> Any:
        """Return a JSON value with every text masked, and every whole number that may be one of a phone."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int) and (masked := self._mask(str(value))) != str(value):
            return masked
        if isinstance(value, Mapping):
            return {self._text(str(key)): self._masked(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self._masked(one) for one in value]
        return value

    def _written(self) -> list[dict[str, Any]]:
        of = self._of
        found = []
        targets = {place: name for name, place in of.recorder.redirected.items() if not name.startswith("table ")}
        for path in sorted(of.written.rglob("*")):
            if path.is_file() and path.name != "tables.db":
                inside = path.relative_to(of.written)
                name = targets.get(path, f"/{inside}")
                found.append(
                    {"kind": "file", "name": self._text(name), "bytes": path.stat().st_size, "kept_at": str(path)}
                )
        for name in of.recorder.redirected:
            if name.startswith("table "):
                found.append({"kind": "table", "name": self._text(name.removeprefix("table "))})
        found += [
            {"kind": "asset", "name": self._text(uri)}
            for uri in dict.fromkeys(uri for uri, _ in of.finished.asset_events)
        ]
        return found

    def _faults(self) -> list[dict[str, Any]]:
        applied = Counter(one.fault.partition("=")[0] for one in self._requests if one.fault)
        faults = []
        for text in self._of.request.faults:
            kind = text.partition(":")[0].partition("=")[0]
            faults.append({"fault": text, "applied": applied.get(kind, 0)})
        return faults

    def _outcomes(self) -> dict[str, Any] | None:
        """Return how many called numbers the replayed report has; None without one."""
        if self._of.request.outcomes is None:
            return None
        called = {one.number[-10:] for one in self._dialled}
        return {
            "in_report": len(self._of.replayed),
            "called": len(called),
            "replayed": len(called & set(self._of.replayed)),
        }


def _is_about(request: RequestEntry, campaign_id: int) -> bool:
    return str(campaign_id) in request.path.strip("/").split("/")


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, NEPAL).isoformat(timespec="seconds")
