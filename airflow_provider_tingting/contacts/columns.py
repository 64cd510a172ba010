"""Knows columns by their names: which ones hold the numbers, and which one a misspelt name means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

from airflow_provider_tingting.contacts.message import same_name
from airflow_provider_tingting.errors import TingTingContactsError
from airflow_provider_tingting.masking import mask_text

#: Headers that say "phone number", as `_key` writes them. Spaces, punctuation and case do not count, nor how Nepali
#: spells long and short vowels and nasals.
_CERTAIN = (
    "number numbers phone phones mobile mobiles phonenumber phonenumbers phoneno phonenos phonenum mobilenumber "
    "mobilenumbers mobileno mobilenos mobilenum mobilephone mobilephonenumber mobilephoneno cellphone cellphonenumber "
    "cellnumber cellno contactnumber contactnumbers contactno contactnos contactphone contactmobile contactphonenumber "
    "telephonenumber telephoneno telephone telno phno mobno whatsappnumber whatsappno "
    "नम्बर नम्बरहरु फोन फोननम्बर फोननं मोबाइल मोबाइलनम्बर मोबाइलनं सम्पर्कनम्बर सम्पर्कनं सम्पर्कफोन सम्पर्कमोबाइल "
    "मोनं मोन मोबाइलन फोनन सम्पर्कन टेलिफोनन टेलिफोन टेलिफोननम्बर टेलिफोननं दुरभाष दुरभाषनम्बर दुरभाषनं"
)
#: Headers that may say so, but also other things; looked for only where none of the above is found.
_POSSIBLE = "contact contacts cell tel ph mob msisdn whatsapp सम्पर्क"
#: Headers of a column that counts the rows.
_SERIAL = "sn sno sl slno sr srno serial serialno serialnumber no क्रसं क्र क्रमसंख्या सिनं सिनम्बर"
#: What a second column of numbers is called: `Mobile 2`, `Alternate No`.
_ANOTHER = re.compile(
    r"(?:alternate|alternative|alt|other|another|second|secondary|2nd)(?:no|num|number)\d*|(?:alternate|alternative|alt|other|another|second|secondary|2nd|home|office|work|parents?|guardians?|father|"
    r"mother|spouse|emergency|वैकल्पिक|अर्को|अन्य)?(?P<name>.+?)\d*"
)

_NOTES = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_HAS_PARTS = re.compile(r"[(\[/|\n]")
_LANGUAGES = re.compile(r"[/|\n]")
_NOT_IN_KEY = re.compile(r"[\s._\-/()#:*,;'\"\[\]\u0964]+")
#: How one Nepali word is spelt on different keyboards: `मोवाइल`, `मोबाईल`; `नम्वर`, `नंबर`, `नम्बर`; `सम्पर्क`, `संपर्क`.
_SPELLINGS = str.maketrans({"ई": "इ", "ी": "ि", "ऊ": "उ", "ू": "ु", "व": "ब", "ँ": "ं"})
_NASALS = (("म्ब", "ंब"), ("म्प", "ंप"), ("मबर", "ंबर"))
_SHOWN = 20
_MASKED_NUMBER = re.compile(r"\d\*{2}|\*{2}\d")


def clean_header(value: object) -> str:
    """Return a header cell's text without invisible characters and superfluous spaces.

    :param value: the cell.
    """
    text = "".join(char for char in str(value) if unicodedata.category(char) != "Cf" or char in "\u200c\u200d")
    return " ".join(text.split())


def is_number_header(value: object) -> bool:
    """Return whether a cell's text is one of the usual names of a column of numbers.

    :param value: the cell.
    """
    return isinstance(value, str) and _says(value, _CERTAIN_KEYS)


def is_serial_header(name: str) -> bool:
    """Return whether a header says "serial number": `S.N.`, `Sr. No.`, `#`, `क्र.सं.`.

    :param name: the header.
    """
    return name.strip() == "#" or _key(name) in _SERIAL_KEYS


def find_column(wanted: str, columns: Collection[str]) -> str | None:
    """Return the column of a name; None when there is none, or several.

    An exact name comes first, then one that looks the same (composed or decomposed letters, joiners), then one that
    differs in case and punctuation only.

    :param wanted: the name.
    :param columns: all names.
    """
    if wanted in columns:
        return wanted
    for key in (same_name, _key):
        alike = [column for column in columns if key(column) == key(wanted)]
        if len(alike) == 1:
            return alike[0]
    return None


def find_number_column(columns: Sequence[str], source: str) -> str:
    """Return the column that holds the numbers, by its name.

    :param columns: all names.
    :param source: what the columns belong to, for the error.
    :raises TingTingContactsError: when no name says "number", or more than one does.
    """
    spellings = [(column, _spellings(column)) for column in columns]
    # A name without notes takes precedence, so that `Mobile` is found beside `Mobile (office)`.
    for keys, most in ((_CERTAIN_KEYS, 1), (_CERTAIN_KEYS, None), (_POSSIBLE_KEYS, 1), (_POSSIBLE_KEYS, None)):
        found = [column for column, those in spellings if not keys.isdisjoint(those[:most])]
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


def number_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """Return all columns whose names say that they hold numbers, such as `Mobile`, `Mobile 2` and `Alternate No`.

    :param columns: all names.
    """
    certain = _CERTAIN_KEYS | _POSSIBLE_KEYS - _OF_PERSONS
    sure = tuple(column for column in columns if _says(column, certain))
    others = tuple(column for column in columns if column not in sure and any(map(_names_another, _spellings(column))))
    return sure + others or tuple(column for column in columns if _says(column, _POSSIBLE_KEYS))


def closest(wanted: str, columns: Iterable[str]) -> str | None:
    """Return the column whose name is most like the wanted one, or None when none is or none may be shown.

    :param wanted: the name that no column has.
    :param columns: all names.
    """
    columns = tuple(columns)
    if are_personal(columns):
        return None
    # TingTing's samples write tags as {tags_name} where lists name the column "name".
    keys = {_key(column): column for column in columns}
    for guess in (_key(wanted), _key(wanted).removeprefix("tags")):
        near = get_close_matches(guess, keys, n=1, cutoff=0.6)
        if near:
            return keys[near[0]]
    return None


def listed(columns: Iterable[str]) -> str:
    """Return names for a sentence, the first twenty of them; none of them when they may be a contact's data.

    :param columns: the names.
    """
    columns = tuple(columns)
    if are_personal(columns):
        return "not shown, because one of them looks like a phone number"
    names = [f"'{column}'" for column in columns]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) or "none") + more


def are_personal(columns: Iterable[str]) -> bool:
    """Return whether names are probably the data of a contact, as in a file without a header: one holds a number.

    :param columns: all names.
    """
    return any(mask_text(column) != column or _MASKED_NUMBER.search(column) for column in columns)


def _names_another(key: str) -> bool:
    found = _ANOTHER.fullmatch(key)
    if found is None or found["name"] == key:
        return False
    return found["name"] is None or found["name"] in _CERTAIN_KEYS | _POSSIBLE_KEYS


def _says(header: str, keys: frozenset[str]) -> bool:
    return not keys.isdisjoint(_spellings(header))


def _spellings(header: str) -> tuple[str, ...]:
    """Return a header's keys: whole, without its notes (`Mobile (required)`), and of each language (`Phone / फोन`)."""
    whole = _key(header)
    if _HAS_PARTS.search(header) is None:
        return (whole,)
    bare = _NOTES.sub(" ", header)
    return (whole, *filter(None, map(_key, (bare, *_LANGUAGES.split(bare)))))


def _key(header: str) -> str:
    key = _NOT_IN_KEY.sub("", unicodedata.normalize("NFKC", same_name(clean_header(header))).casefold())
    if key.isascii():
        return key
    key = key.translate(_SPELLINGS)
    for written, nasal in _NASALS:
        key = key.replace(written, nasal)
    return key


_CERTAIN_KEYS = frozenset(_key(name) for name in _CERTAIN.split())
_SERIAL_KEYS = frozenset(_key(name) for name in _SERIAL.split())
_POSSIBLE_KEYS = frozenset(_key(name) for name in _POSSIBLE.split())
#: What a header may say of a contact person, too.
_OF_PERSONS = frozenset(map(_key, ("contact", "contacts", "सम्पर्क")))
