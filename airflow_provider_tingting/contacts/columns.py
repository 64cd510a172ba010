"""Knows columns by their names: which one holds the numbers, and which one a misspelt name meant.

Imports the standard library and this package's errors only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

from airflow_provider_tingting.errors import TingTingContactsError

#: Headers that say "phone number", as `_key` writes them. Spaces, dots, dashes, underscores and case do not count.
_SURELY = (
    "number numbers phone phones mobile mobiles phonenumber phonenumbers phoneno phonenos phonenum mobilenumber "
    "mobilenumbers mobileno mobilenos mobilenum mobilephone mobilephonenumber cellphone cellphonenumber cellnumber "
    "contactnumber contactnumbers contactno contactnos contactphone contactmobile telephonenumber telephone "
    "नम्बर नंबर नम्बरहरू फोन फोननम्बर फोननंबर फोननं मोबाइल मोबाईल मोबाइलनम्बर मोबाईलनम्बर मोबाइलनंबर मोबाइलनं मोबाईलनं "
    "सम्पर्कनम्बर सम्पर्कनंबर सम्पर्कनं सम्पर्कफोन टेलिफोन टेलिफोननम्बर दूरभाष"
)
#: Headers that may say so, but also other things; asked only where none of the above is found.
_PERHAPS = "contact contacts cell tel ph mob msisdn whatsapp सम्पर्क"

_NOT_IN_KEY = re.compile(r"[\s._\-/()#:\u200c\u200d]+")
_SHOWN = 20


def clean_header(value: object) -> str:
    """Return a header cell's text without invisible characters and superfluous spaces."""
    text = "".join(char for char in str(value) if unicodedata.category(char) != "Cf" or char in "\u200c\u200d")
    return " ".join(text.split())


def is_number_header(value: object) -> bool:
    """Whether a cell's text is one of the usual names of a column of numbers."""
    return isinstance(value, str) and _key(value) in _SURELY.split()


def find_column(wanted: str, columns: Collection[str]) -> str | None:
    """Return the column of this name, exactly or but for case and punctuation; None when there is none, or several."""
    if wanted in columns:
        return wanted
    alike = [column for column in columns if _key(column) == _key(wanted)]
    return alike[0] if len(alike) == 1 else None


def find_number_column(columns: Sequence[str], source: str) -> str:
    """Return the column that holds the numbers, by its name.

    :param columns: all names.
    :param source: what the columns belong to, for the error.
    :raises TingTingContactsError: when no name says "number", or more than one does.
    """
    for headers in (_SURELY, _PERHAPS):
        found = [column for column in columns if _key(column) in headers.split()]
        if len(found) == 1:
            return found[0]
        if found:
            raise TingTingContactsError(
                f"{source}: the columns {listed(found)} may all hold the phone numbers. "
                f"Say which one does, for example number_column='{found[0]}'."
            )
    raise TingTingContactsError(
        f"{source}: no column is named like a phone number. The columns are {listed(columns)}. Name the one that "
        "holds the numbers with number_column=, or check that the first row is the header."
    )


def closest(wanted: str, columns: Iterable[str]) -> str | None:
    """Return the column whose name is most like the wanted one, or None when none is."""
    # TingTing's samples write tags as {tags_name} where people name the column "name".
    keys = {_key(column): column for column in columns}
    for guess in (_key(wanted), _key(wanted).removeprefix("tags")):
        near = get_close_matches(guess, keys, n=1, cutoff=0.6)
        if near:
            return keys[near[0]]
    return None


def listed(columns: Iterable[str]) -> str:
    """Return names for a sentence, the first twenty of them."""
    names = [f"'{column}'" for column in columns]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) or "none") + more


def _key(header: str) -> str:
    return _NOT_IN_KEY.sub("", unicodedata.normalize("NFKC", clean_header(header)).casefold())
