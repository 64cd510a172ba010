"""The listing of contacts as a report: the same columns, for when TingTing's own report fails.

May import the standard library and this room only; a contact is known by its fields.

Source: API page, List contacts. It has everybody's outcome, but not their variables.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterable
from typing import Any, BinaryIO, Final

COLUMNS: Final = (
    "Number",
    "Status",
    "Duration (Seconds)",
    "Playback (%)",
    "Credit Consumed",
    "Credit Consumed SMS",
    "Other Info",
    "Action Date",
    "Carrier",
)


def write_listing(contacts: Iterable[Any], file: BinaryIO) -> int:
    """Write contacts as a report that `open_report` reads; return how many there are.

    :param contacts: contacts with the fields of `api.models.Contact`.
    :param file: a seekable binary file; what was in it is lost. Not closed.
    """
    file.seek(0)
    file.truncate()
    # A writer that asks its file for nothing but `write`: before Python 3.11 a spooled file can do no more.
    text = codecs.getwriter("utf-8")(file, "replace")
    write = csv.writer(text, lineterminator="\n").writerow
    write(COLUMNS)
    rows = 0
    for contact in contacts:
        variables = contact.other_variables
        write(
            (
                contact.number,
                str(contact.status.value),
                contact.call_duration,
                contact.playback,
                contact.credit_consumed,
                contact.credit_consumed_sms,
                json.dumps(dict(variables), ensure_ascii=False, default=str) if variables else None,
                contact.updated_at,
                contact.carrier,
            )
        )
        rows += 1
    return rows
