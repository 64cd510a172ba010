"""Numbers that must not be contacted: a do-not-call list, last week's audience. Imports this package only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from airflow_provider_tingting.contacts import numbers
from airflow_provider_tingting.contacts.columns import find_column, find_number_column, listed
from airflow_provider_tingting.contacts.contact import Row
from airflow_provider_tingting.contacts.number_set import NumberSet
from airflow_provider_tingting.errors import TingTingContactsError
from airflow_provider_tingting.masking import mask_number, mask_text

#: An entry like these may stand for anybody, so that nobody could be sure that the right people are left out.
_MAY_BE_ANYBODY = frozenset({"lost_digits", "several_numbers"})


# A mobile among other things, however it is spaced, bracketed and prefixed.
_S = r"[\s().\[\]{}_/-]*"
_MOBILE = re.compile(rf"(?<!\d)(?:(?:00)?977{_S})?(?:0{_S})?(9{_S}[678](?:{_S}\d){{8}})(?!\d)", re.ASCII)
# `9841234567/68` stands for a second mobile, whose first digits are those of the one before it.
_SHARED = re.compile(rf"{_MOBILE.pattern}\s*/\s*\d{{1,6}}(?!\d)", re.ASCII)
# The digits of what may be a mobile, wherever they begin.
_LIKE_A_MOBILE = re.compile(r"(?=(9[678]\d{8}))", re.ASCII)
_SHORTEST_NUMBER = 7


class Exclusion:
    """The numbers that `exclude=` names, in the little memory of `NumberSet`.

    :param number_policy: as the audience's: `nepal_mobile` or `as_is`.
    :param number_column: the audience's own; taken where an excluding source has a column of that name too.
    :ivar size: how many different numbers there are.
    :ivar unusable: entries that hold no number which could be in the audience: a landline, a blank cell.
    """

    def __init__(self, *, number_policy: str = "nepal_mobile", number_column: str | None = None) -> None:
        self._key_of = numbers.normalise if number_policy == "nepal_mobile" else _same_in_all_forms
        self._number_column = number_column
        self._numbers = NumberSet()
        self.size = 0
        self.unusable = 0

    def __bool__(self) -> bool:
        return self.size > 0

    def __contains__(self, number: str) -> bool:
        if self._key_of is numbers.normalise:
            # The audience's numbers are canonical already.
            return number in self._numbers
        return self._key_of(number) in self._numbers

    def matches(self, number: object) -> bool:
        """Whether it names a number, in whichever form that is written."""
        try:
            return self._key_of(number) in self._numbers
        except numbers.InvalidNumberError:
            return False

    def add(self, rows: Iterable[Row], *, number_column: str | None = None) -> None:
        """Read a source to its end.

        The column of the numbers is the one named here, else the audience's where there is one of that name, else
        found by the usual names; a source with a single column needs no name.

        :param rows: from `read_rows`.
        :param number_column: the column of the numbers in this source.
        :raises TingTingContactsError: when the source cannot be read, has no column of numbers, has rows but not a
            single number (so the wrong column was read), or when an entry may stand for anybody: a number that lost its
            digits, several in one cell (`9841234567/68` too), digits that cannot be told apart, or none in a row with
            too many cells.
        """
        usable = total = 0
        columns: dict[tuple[str, ...], str] = {}
        source = ""
        for row in rows:
            total += 1
            source = row.place.source
            value = row.values.get(self._column_of(row, number_column, columns))
            try:
                self.size += self._numbers.add(self._key_of(value))
                usable += 1
            except numbers.InvalidNumberError as error:
                if error.reason in _MAY_BE_ANYBODY or row.problem:
                    raise _not_safe(row, error) from None
                if isinstance(value, str) and _SHARED.search(numbers.readable(value)):
                    several = numbers.InvalidNumberError("several_numbers", mask_number(value))
                    raise _not_safe(row, several) from None
                # To leave out one too many does less harm than to call whoever wrote a word beside the number.
                if within := _mobiles_in(value):
                    self.size += sum(self._numbers.add(number) for number in within)
                    usable += 1
                elif error.reason == "not_a_number" and self._may_name_somebody(value):
                    raise _not_safe(row, error) from None
                else:
                    self.unusable += 1
        if total and not usable:
            raise TingTingContactsError(
                f"exclude: {source} has {total} rows, but not one number that could be called, so it would leave "
                "nobody out. Check which column holds the numbers."
            )

    def _may_name_somebody(self, value: object) -> bool:
        """Whether a text that cannot be read holds digits enough for a number that is in the audience."""
        digits = "".join(re.findall(r"[0-9]", numbers.readable(str(value))))
        if self._key_of is numbers.normalise:
            return any(map(_is_mobile, _LIKE_A_MOBILE.findall(digits)))
        return len(digits) >= _SHORTEST_NUMBER

    def _column_of(self, row: Row, wanted: str | None, known: dict[tuple[str, ...], str]) -> str:
        if isinstance(row.values.get("other_variables"), Mapping):
            return "number"
        columns = row.columns or tuple(row.values)
        found = known.get(columns)
        if found is None:
            found = self._find(columns, row.place.source, wanted)
            if len(known) < 1_000:
                known[columns] = found
        return found

    def _find(self, columns: tuple[str, ...], source: str, wanted: str | None) -> str:
        named = find_column(wanted or self._number_column or "", columns)
        if named is None and wanted:
            raise TingTingContactsError(
                f"exclude: {source} has no column '{wanted}' (number_column). The columns are {listed(columns)}."
            )
        return named or (columns[0] if len(columns) == 1 else find_number_column(columns, source))


def _mobiles_in(value: object) -> list[str]:
    """Return the mobiles of Nepal that a text holds among other things, such as `9841234567 (Sita)`."""
    if not isinstance(value, str):
        return []
    found = ("".join(filter(str.isdigit, one)) for one in _MOBILE.findall(numbers.readable(value)))
    return list(filter(_is_mobile, found))


def _is_mobile(digits: str) -> bool:
    """Whether ten digits that begin like a mobile of Nepal are one."""
    try:
        return numbers.normalise(digits) == digits
    except numbers.InvalidNumberError:
        return False


def _not_safe(row: Row, error: numbers.InvalidNumberError) -> TingTingContactsError:
    return TingTingContactsError(
        mask_text(
            f"exclude: {row.place}: {str(error).rstrip('.')}. An entry that may stand for anybody cannot be left out "
            "safely: correct or remove that row."
        )
    )


def _same_in_all_forms(value: object) -> str:
    """Return one text for a number however it is written: with and without its country code's `+`, `00` and Nepal's."""
    try:
        return numbers.normalise(value)
    except numbers.InvalidNumberError:
        return numbers.as_is(value).removeprefix("+").removeprefix("00")
