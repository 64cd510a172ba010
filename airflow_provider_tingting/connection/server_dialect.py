"""What is known about the TingTing server of an account, as the connection's extra `dialect` keeps it.

`doctor --probe --save` writes it. Without it the client finds out by itself, request by request.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from airflow_provider_tingting.errors import TingTingConfigError

#: The values of each entry that is a word.
CHOICES = {
    "report_path": ("page", "other"),
    "upload": ("add", "replace", "nothing", "repeat"),
    "search": ("reliable", "unreliable"),
}
_EXAMPLE = "report_path=other, page_size=10"


@dataclass(frozen=True)
class ServerDialect:
    """What is known about a server; None for what is not.

    :param report_path: which path the campaign report has: the API page's, or the other one.
    :param upload: what an uploaded workbook does: `add` (new numbers are added, existing ones skipped), `replace` (the
        contacts are replaced), `nothing`, or `repeat` (numbers are added a second time).
    :param search: whether a search finds every campaign, new ones included, and no others.
    :param page_size: the most rows of a page of a list.
    """

    report_path: str | None = None
    upload: str | None = None
    search: str | None = None
    page_size: int | None = None

    @classmethod
    def read(cls, text: str | None) -> ServerDialect:
        """Return a dialect from its text, such as `report_path=other, page_size=10`.

        :param text: entries of the form `name=value`, separated by commas; None or an empty text for none.
        :raises TingTingConfigError: an entry is unknown, or has a value that it does not take.
        """
        values: dict[str, Any] = {}
        for entry in filter(str.strip, (text or "").split(",")):
            name, _, value = (part.strip() for part in entry.partition("="))
            if name == "page_size" and value.isascii() and value.isdecimal() and int(value) > 0:
                values[name] = int(value)
            elif value in CHOICES.get(name, ()):
                values[name] = value
            else:
                known = "; ".join(f"{choice}={'|'.join(words)}" for choice, words in CHOICES.items())
                raise TingTingConfigError(
                    f"Extra 'dialect' of the connection has the entry {entry.strip()!r}. Write entries such as "
                    f"{_EXAMPLE}; known are {known}; page_size=NUMBER."
                )
        return cls(**values)

    def __str__(self) -> str:
        known = ((one.name, getattr(self, one.name)) for one in fields(self))
        return ", ".join(f"{name}={value}" for name, value in known if value is not None)
