"""A raw row of a source, before anybody judges it. Imports msgspec and this package."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from airflow_provider_tingting.contacts.contact import Place


class Row(msgspec.Struct, frozen=True):
    """One row as it was read.

    :param place: where it was.
    :param values: what it held, by column; values as the format gives them.
    :param columns: the header, when the source is a table: one and the same tuple for all its rows. None when each
        row names its own values (JSON lines, Python dicts).
    :param problem: why the row itself cannot be read rightly, such as `too_many_cells`; None for a sound row.
    """

    place: Place
    values: Mapping[str, object]
    columns: tuple[str, ...] | None = None
    problem: str | None = None

    def __repr__(self) -> str:
        return f"<Row {self.place}, columns {', '.join(map(str, self.values)) or 'none'}>"
