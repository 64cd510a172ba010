"""The fields of the TingTing connection's extra, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ExtraField:
    """One field of the connection's extra.

    :param name: its key in the extra's JSON.
    :param label: its label in the form.
    :param kind: the kind of its value; a `source` is a path, a URI, a JSON object or a JSON list of these.
    :param default: its value when absent, empty or null.
    :param help: one sentence for the form and the documentation.
    :param minimum: the lower bound of a number; default: none.
    :param exclusive: whether the number must be above `minimum`; default: it may be equal.
    :param maximum: the upper bound of a number; sockets take no time of more than 24 days.
    :param secret: whether it is never shown. Its name contains `secret` then, so that Airflow hides it too.
    """

    name: str
    label: str
    kind: Literal["number", "integer", "string", "web address", "boolean or path", "source", "object"]
    default: float | int | str | bool | None
    help: str
    minimum: float | None = None
    exclusive: bool = False
    maximum: float = 1_000_000
    secret: bool = False


EXTRA_FIELDS: tuple[ExtraField, ...] = (
    ExtraField(
        "timeout",
        "Timeout (seconds)",
        "number",
        60,
        "How long a whole request may take, to the last byte of the response; large batches and reports have more.",
        0,
        exclusive=True,
    ),
    ExtraField(
        "connect_timeout",
        "Connect timeout (seconds)",
        "number",
        10,
        "How long to wait for a connection.",
        0,
        exclusive=True,
    ),
    ExtraField(
        "download_timeout",
        "Download timeout (seconds)",
        "number",
        3600,
        "How long a whole report download, or a whole list, may take.",
        0,
        exclusive=True,
    ),
    ExtraField(
        "max_download_mib",
        "Largest download (MiB)",
        "number",
        2048,
        "A larger report is refused while it is downloaded.",
        0,
        exclusive=True,
    ),
    ExtraField(
        "max_expansion",
        "Largest expansion",
        "number",
        250,
        "How many times larger than received a compressed report may become.",
        0,
        exclusive=True,
    ),
    ExtraField(
        "max_retries",
        "Retries of a read",
        "integer",
        4,
        "How often a read is sent again after an error that may pass. A write whose outcome is unknown is not.",
        0,
        maximum=100,
    ),
    ExtraField(
        "rate_limit",
        "Rate limit (requests a second)",
        "number",
        None,
        "The most requests a second from one task or triggerer; empty for no limit.",
        0,
        exclusive=True,
    ),
    ExtraField(
        "verify",
        "Check the TLS certificate",
        "boolean or path",
        True,
        "true, false, or the path of a file of CA certificates.",
    ),
    ExtraField(
        "dialect",
        "What the probe found",
        "string",
        None,
        "Entries such as report_path=other, page_size=10, as doctor --probe --save writes them; empty to find out.",
    ),
    ExtraField(
        "campaign_url",
        "Campaign page",
        "web address",
        None,
        "URL of a campaign's page with {campaign_id} in it, for the link on the task; empty for no link.",
    ),
    ExtraField(
        "secret_salt",
        "Salt of hashed numbers",
        "string",
        None,
        "A long random text that prevents guessing hashed numbers; required for numbers='sha256' and a contact log.",
        secret=True,
    ),
    ExtraField(
        "do_not_call",
        "Do-not-call list",
        "source",
        None,
        'A path, a URI, or JSON such as {"sql": "SELECT mobile FROM do_not_call", "sql_conn_id": "crm"}: numbers that '
        "no task of this connection calls or texts; empty for none.",
    ),
    ExtraField(
        "contact_log",
        "Contact log",
        "object",
        None,
        'JSON such as {"sql_conn_id": "crm", "table": "contact_log"}: the table in which tasks record who was called; '
        "empty for none.",
    ),
    ExtraField(
        "daily_credit_limit",
        "Daily credit limit",
        "number",
        None,
        "The most credits of a day in Nepal: a campaign that would pass it is not run. Needs a contact log; empty for "
        "no limit.",
        0,
        exclusive=True,
        maximum=1e12,
    ),
)
