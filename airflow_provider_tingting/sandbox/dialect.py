"""The known differences between TingTing servers, each as a switch, so that tests can cover all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from airflow_provider_tingting.sandbox.refusals import ERROR_SHAPES


def _one_of(*choices: str, meaning: str) -> Any:
    return field(default=choices[0], metadata={"choices": choices, "meaning": meaning})


@dataclass(frozen=True)
class Dialect:
    """The behaviour of the sandbox where sources about TingTing differ. The first choice of each switch is the default.

    `Dialect.table()` lists every switch with its choices and its meaning; the command line's `--help` and the
    documentation show it. Sources: the API page, and the vendor's other public material.

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
    empty_report: str = _one_of("table", "500", meaning="the report of a campaign without contacts")
    errors: str = _one_of(*ERROR_SHAPES, meaning="the shape of error responses; envelope-200 has HTTP status 200")
    replies: str = _one_of("bare", "envelope", meaning='successful JSON responses bare, or as "data" of an envelope')
    add_errors: str = _one_of("list", "null", meaning="`errors` of add-contact when there is no error")
    add_rows: str = _one_of("numbers", "ids", meaning="`contacts` of add-contact without or with ids")
    single_add: str = _one_of(
        "message", "row", "full", meaning="the response to adding one contact: a message, its id and number, or its row"
    )
    number_form: str = _one_of("text", "integer", meaning="phone numbers in responses")
    numbers: str = _one_of("nepal", "any", meaning="which numbers are accepted: Nepal's mobiles, or 7 to 15 digits")
    upload: str = _one_of(
        "add",
        "replace",
        "preview",
        "repeat",
        meaning="an uploaded file adds its rows, replaces all contacts, changes nothing, or adds its rows even "
        "if the campaign has their numbers",
    )
    upload_csv: str = _one_of("refused", "accepted", meaning="an uploaded .csv file")
    upload_samples: str = _one_of("text", "list", meaning="`sample` of an uploaded column")
    preview: str = _one_of("json", "form", meaning="form: a voice preview requested with JSON gets HTTP 500")
    preview_url: str = _one_of("http", "https", meaning="scheme of a preview's address; https cannot be loaded")
    message_call: str = _one_of(
        "patch", "strict", meaning="strict: setting voice and category requires message (and sms_message for SMS)"
    )
    create_voice: str = _one_of(
        "number", "object", "any", "refused", meaning="the accepted type of `voice` when creating a campaign"
    )
    user_phone: str = _one_of("required", "optional", meaning="an empty `user_phone` when creating a campaign")
    credit_limit: str = _one_of("limit", "no-limit", meaning="`credit_limit` 0: no credits, or no limit")
    create_reply: str = _one_of(
        "full", "short", meaning="the response to creating a campaign; short has no `campaign_action_count`"
    )
    failover: str = _one_of(
        "accept", "ignore", "refuse", meaning="`failover_target` when updating a campaign, which is not on the API page"
    )
    category: str = _one_of("null", "empty", meaning='`category` before it is set: null or ""')
    contact_rows: str = _one_of(
        "page", "vendor", meaning="contact rows as on the API page, or with the additional fields of newer servers"
    )
    delete: str = _one_of("204", "200", meaning="HTTP status of deleting a campaign")
    rerun: str = _one_of(
        "dial", "refuse", meaning="running a campaign again: all contacts are dialled again, or HTTP 400"
    )
    search: str = _one_of("on", "ignored", meaning="the `search` filter of the campaign list")
    terminated_progress: str = _one_of("share", "100", meaning="`progress_percent` of a terminated campaign")
    stop: str = _one_of("on", "404", "405", meaning="whether the stop call exists")
    dashboard: str = _one_of("on", "403", meaning="403: the dashboard, with the balance, is for company accounts only")
    account: str = _one_of(
        "page", "vendor", meaning="voices, caller numbers and first campaign id: the API page's, or the vendor client's"
    )
    next_host: str | None = field(
        default=None, metadata={"meaning": "the host in `next` and `previous`, instead of the sandbox's own"}
    )
    max_batch: int | None = field(
        default=None, metadata={"meaning": "the most contacts of one request; more get HTTP 413"}
    )

    def __post_init__(self) -> None:
        for switch in fields(self):
            value, choices = getattr(self, switch.name), switch.metadata.get("choices")
            if choices and value not in choices:
                raise ValueError(
                    f"unknown choice {switch.name}={value!r} of the dialect; choose from {', '.join(choices)}"
                )
        if self.max_batch is not None and self.max_batch < 1:
            raise ValueError("dialect max_batch must be at least 1")

    @classmethod
    def of(cls, switches: str | Mapping[str, Any] | Dialect | None) -> Dialect:
        """Return a dialect from switches by name; values can be texts.

        :param switches: the switches, the name of a preset (`vendor`), or None for the default choices.
        :raises ValueError: an unknown switch or choice; the text lists the choices.
        """
        if isinstance(switches, Dialect):
            return switches
        if isinstance(switches, str):
            if switches not in PRESETS:
                raise ValueError(f"unknown dialect {switches!r}; choose from {', '.join(PRESETS)}, or give name=value")
            switches = PRESETS[switches]
        known = {switch.name for switch in fields(cls)}
        given: dict[str, Any] = {}
        for name, value in (switches or {}).items():
            key = name.replace("-", "_")
            if key not in known:
                raise ValueError(f"unknown dialect switch {name!r}; choose from {', '.join(sorted(known))}")
            if value is not None and key == "max_batch":
                given[key] = int(value)
            else:
                given[key] = None if value is None else str(value)
        return cls(**given)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Dialect:
        """Return a dialect from `name=value` texts and names of presets, as on the command line.

        :param texts: the switches, as `upload=replace`.
        :raises ValueError: an unknown preset, switch or choice; the text lists the choices.
        """
        switches: dict[str, Any] = {}
        for text in texts:
            name, equals, value = text.partition("=")
            if equals:
                switches[name.strip().replace("-", "_")] = value.strip()
            elif name.strip() in PRESETS:
                switches |= PRESETS[name.strip()]
            else:
                raise ValueError(f"unknown dialect {name!r}; choose from {', '.join(PRESETS)}, or give name=value")
        return cls.of(switches)

    @classmethod
    def table(cls) -> list[tuple[str, str, str]]:
        """Return every switch as (name, choices, meaning), for help and documentation."""
        return [
            (switch.name, " | ".join(switch.metadata.get("choices", ("a value",))), switch.metadata["meaning"])
            for switch in fields(cls)
        ]


#: Named sets of switches. `vendor` has the shapes that the vendor's own Python client 1.0.1 expects.
PRESETS: Mapping[str, Mapping[str, str]] = {
    "vendor": {
        "report_path": "old",
        "add_rows": "ids",
        "single_add": "full",
        "numbers": "any",
        "upload_csv": "accepted",
        "preview_url": "https",
        "create_voice": "any",
        "user_phone": "optional",
        "credit_limit": "no-limit",
        "create_reply": "short",
        "category": "empty",
        "contact_rows": "vendor",
        "dashboard": "403",
        "account": "vendor",
    }
}
