"""The ways in which real TingTing servers differ, each a switch, so that a client can be driven through every one.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from airflow_provider_tingting.sandbox.refusals import ERROR_SHAPES


def _one_of(*choices: str, meaning: str) -> Any:
    return field(default=choices[0], metadata={"choices": choices, "meaning": meaning})


@dataclass(frozen=True)
class Dialect:
    """What the sandbox does where sources about TingTing differ; the first choice of each switch is the usual.

    Every switch, its choices and its meaning stand in `Dialect.table()`, which the command line's `--help` and the
    documentation show. Source of the variants: the API page, and the vendor's other public material.

    :raises ValueError: a choice that a switch does not have.
    """

    report_path: str = _one_of(
        "both",
        "seed",
        "old",
        meaning="campaign report at download/ID/report/ (seed), download/report/ID/ (old), or both",
    )
    report_layout: str = _one_of(
        "preamble", "plain", meaning="campaign report with a summary above the table, or the table alone"
    )
    empty_report: str = _one_of("table", "500", meaning="report of a campaign without contacts")
    errors: str = _one_of(*ERROR_SHAPES, meaning="shape of a refusal; envelope-200 says it with HTTP 200")
    replies: str = _one_of("bare", "envelope", meaning='good JSON answers as they are, or as "data" of an envelope')
    add_errors: str = _one_of("list", "null", meaning="`errors` of add-contact when there are none")
    add_rows: str = _one_of("numbers", "ids", meaning="`contacts` of add-contact without or with ids")
    single_add: str = _one_of("message", "row", meaning="answer to adding one contact")
    number_form: str = _one_of("text", "integer", meaning="phone numbers in answers")
    numbers: str = _one_of("nepal", "any", meaning="which numbers are accepted: Nepal's mobiles, or 7 to 15 digits")
    upload: str = _one_of(
        "add",
        "replace",
        "preview",
        "repeat",
        meaning="an uploaded workbook adds its rows, replaces all contacts, changes nothing, or adds its rows even "
        "where the campaign has their numbers",
    )
    upload_samples: str = _one_of("text", "list", meaning="`sample` of an uploaded column")
    preview: str = _one_of("json", "form", meaning="form: a voice preview asked for in JSON answers 500")
    message_call: str = _one_of(
        "patch", "strict", meaning="strict: setting voice and category requires message (and sms_message for SMS)"
    )
    create_voice: str = _one_of("number", "object", "refused", meaning="how `voice` is accepted when creating")
    delete: str = _one_of("204", "200", meaning="answer to deleting a campaign")
    rerun: str = _one_of(
        "dial", "refuse", meaning="running a campaign that was run: everybody is dialled again, or it is refused"
    )
    search: str = _one_of("on", "ignored", meaning="the `search` filter of the campaign list")
    terminated_progress: str = _one_of("share", "100", meaning="`progress_percent` of a terminated campaign")
    stop: str = _one_of("on", "404", "405", meaning="whether the stop call exists")
    #: `next` and `previous` name this address instead of the sandbox's own.
    next_host: str | None = field(default=None, metadata={"meaning": "address that `next` and `previous` name"})
    #: More contacts in one request are refused with 413.
    max_batch: int | None = field(default=None, metadata={"meaning": "contacts in one request before it answers 413"})

    def __post_init__(self) -> None:
        for switch in fields(self):
            value, choices = getattr(self, switch.name), switch.metadata.get("choices")
            if choices and value not in choices:
                raise ValueError(f"dialect {switch.name}={value!r} does not exist; there are {', '.join(choices)}")
        if self.max_batch is not None and self.max_batch < 1:
            raise ValueError("dialect max_batch must be at least 1")

    @classmethod
    def of(cls, switches: Mapping[str, Any] | Dialect | None) -> Dialect:
        """Make a dialect from switches by name; values may be texts.

        :raises ValueError: an unknown switch or choice; the text lists those that there are.
        """
        if isinstance(switches, Dialect):
            return switches
        known = {switch.name for switch in fields(cls)}
        given: dict[str, Any] = {}
        for name, value in (switches or {}).items():
            key = name.replace("-", "_")
            if key not in known:
                raise ValueError(f"there is no dialect switch {name!r}; there are {', '.join(sorted(known))}")
            if value is not None and key == "max_batch":
                given[key] = int(value)
            else:
                given[key] = None if value is None else str(value)
        return cls(**given)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Dialect:
        """Make a dialect from `name=value` texts, as the command line gives them.

        :raises ValueError: a text without `=`, or what `of` refuses.
        """
        pairs = [text.partition("=") for text in texts]
        for name, equals, _ in pairs:
            if not equals:
                raise ValueError(f"a dialect switch is written name=value, not {name!r}")
        return cls.of({name.strip(): value.strip() for name, _, value in pairs})

    @classmethod
    def table(cls) -> list[tuple[str, str, str]]:
        """Return every switch as (name, choices, meaning), for help and documentation."""
        return [
            (switch.name, " | ".join(switch.metadata.get("choices", ("a value",))), switch.metadata["meaning"])
            for switch in fields(cls)
        ]
