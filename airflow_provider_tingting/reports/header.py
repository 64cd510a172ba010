"""Where the table of a campaign report begins, and what the lines above it say.

The header is found by its cells: a row with a column for the number and one for the status, in any order, case and
spacing. What stands above it is the preamble.

Source: Campaign API, "Download report" (no layout is documented); layouts seen: plain, and with a preamble.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from airflow_provider_tingting.masking import HIDDEN, mask_text
from airflow_provider_tingting.reports import CONTACT_STATUSES
from airflow_provider_tingting.reports.cells import (
    UNREADABLE,
    read_number,
    read_percent,
    read_status,
)

# Field of a row → the names its column goes by, best first.
COLUMN_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "number": (
        "number",
        "numbers",
        "phone number",
        "phone",
        "phone no",
        "mobile number",
        "mobile",
        "contact number",
        "contact",
        "recipient",
    ),
    "status": ("status", "call status", "contact status"),
    "duration_seconds": (
        "duration seconds",
        "duration in seconds",
        "duration sec",
        "duration s",
        "duration",
        "call duration seconds",
        "call duration",
    ),
    "playback_percent": ("playback", "playback percent", "playback percentage"),
    "credit_consumed": ("credit consumed", "credits consumed", "credit", "credits", "call credit consumed"),
    "credit_consumed_sms": ("credit consumed sms", "sms credit consumed", "sms credits consumed", "sms credit"),
    "other_info": ("other info", "other information", "other variables", "attributes", "variables"),
    "action_date": ("action date", "action time", "called at", "call date", "updated at", "date"),
    "carrier": ("carrier", "operator", "network"),
}
_FIELD_NAMES: Final = {
    "campaign name": "name",
    "name": "name",
    "service": "services",
    "total credits consumed": "total_credit_consumed",
}
_PROSE: Final = frozenset({"name", "message", "sms_message", "description", "services"})
_HIDDEN: Final = frozenset({"message", "sms_message"})


def plain_name(cell: str) -> str:
    """Return a column's or label's name without case, spacing and signs: `Duration (Seconds)` → `duration seconds`.

    :param cell: the text of the cell.
    """
    folded = unicodedata.normalize("NFKC", cell).casefold()
    return " ".join(re.sub(r"[\W_]+", " ", folded, flags=re.UNICODE).split()) or folded.strip()


def snake_name(cell: str) -> str:
    """Return the name as a column of a tidy table has it: `Ward No.` → `ward_no`.

    :param cell: the text of the cell.
    """
    return plain_name(cell).replace(" ", "_") or "column"


def find_columns(cells: Sequence[str]) -> dict[str, int] | None:
    """Return the position of each field in a header row, or None when the row is not a header.

    :param cells: the cells of the row.
    """
    names: dict[str, int] = {}
    for index, cell in enumerate(cells):
        names.setdefault(plain_name(cell), index)
    found = {
        field: next(names[alias] for alias in aliases if alias in names)
        for field, aliases in COLUMN_NAMES.items()
        if any(alias in names for alias in aliases)
    }
    return found if "number" in found and "status" in found else None


def unique_names(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Make every name different from the others and from the taken ones, in any case: the second `a` becomes `a_2`.

    :param names: the names, in their order.
    :param taken: names that are used already.
    """
    used = {name.casefold() for name in taken}
    counts: dict[str, int] = {}
    result = []
    for name in names:
        unique = name
        while unique.casefold() in used:
            counts[name] = counts.get(name, 1) + 1
            unique = f"{name}_{counts[name]}"
        used.add(unique.casefold())
        result.append(unique)
    return result


def variable_columns(names: Iterable[str], taken: Iterable[str]) -> list[str]:
    """Return the name of a column for each of the contacts' variables: its own name, for it is the tag of a message.

    A variable that is called like another column becomes `variable_…`, one without a name `variable`. No two names are
    alike, not even in another case.

    :param names: the variables, in their order.
    :param taken: the names of the other columns.
    """
    others = {name.casefold() for name in taken}
    named = (name if name.strip() else "variable" for name in names)
    return unique_names([f"variable_{name}" if name.casefold() in others else name for name in named], others)


class ReportFields(dict[str, object]):
    """What the preamble says; its `repr` hides the message and masks numbers."""

    def __repr__(self) -> str:
        """Show the fields without the message."""
        return mask_text(repr({key: HIDDEN if key in _HIDDEN else value for key, value in self.items()}))


def read_preamble(records: Iterable[Sequence[str]]) -> ReportFields:
    """Read the rows above the header.

    :param records: the cells of those rows.
    :returns: `name`, `services`, `message`, `description`, `status` as text; `total_numbers` as a number;
        `statuses` as status → `{"percent", "count"}`; `success_rate`, `failure_rate` as `{"percent", "count"}`;
        `total_credit_consumed` as a number; any other label in snake case.
    """
    fields = ReportFields()
    statuses: dict[str, object] = {}
    prose = ""
    for cells in records:
        label, values = (cells[0] if cells else ""), list(cells[1:])
        if not any(map(str.strip, cells)):
            continue
        while len(values) > 1 and not values[-1].strip():
            values.pop()
        if len(cells) == 1 and prose:
            # A line break inside a text that the server did not quote.
            fields[prose] = f"{fields[prose]}\n{label}"
            continue
        key = _FIELD_NAMES.get(plain_name(label), snake_name(label))
        status = read_status(label)
        if status in CONTACT_STATUSES and len(values) == 2:
            statuses[status] = _read_share(values)
            continue
        prose = key if key in _PROSE and key not in fields else ""
        unique = unique_names([key], fields)[0]
        fields[unique] = ",".join(values) if key in _PROSE or key == "status" else _read_share(values)
    if statuses:
        fields["statuses"] = statuses
    return fields


def _read_share(values: list[str]) -> object:
    """Read `n` as a number, `p%,n` as percent and count, anything else as text."""
    if len(values) == 2 and values[0].strip().endswith("%"):
        percent, count = read_percent(values[0]), read_number(values[1])
        if isinstance(percent, float) and isinstance(count, float):
            return {"percent": percent, "count": int(count)}
    if len(values) == 1:
        amount = read_number(values[0])
        if amount is not UNREADABLE:
            return int(amount) if amount is not None and amount.is_integer() else amount
    return ",".join(values)
