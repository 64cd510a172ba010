"""Numbers that must not be contacted: a do-not-call list, last week's audience."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from airflow_provider_tingting.contacts import numbers
from airflow_provider_tingting.contacts.columns import find_column, find_number_column, listed, number_columns
from airflow_provider_tingting.contacts.contact import Row
from airflow_provider_tingting.contacts.number_set import NumberSet
from airflow_provider_tingting.contacts.number_text import digits_beside
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError
from airflow_provider_tingting.masking import mask_number, mask_text

#: Entries that certainly name no mobile; every other entry that cannot be read may be a contact of the audience.
HARMLESS = frozenset({"empty", "landline", "foreign"})
#: Zeros at the end of a number of which a spreadsheet has left two or three digits: 9840000000.
_CERTAINLY_ROUNDED = 7
#: Zeros at the end of a number that may be rounded, if several rows have it.
_POSSIBLY_ROUNDED = 4
_DIGITS = 10
_MAX_HEADERS = 1_000


@dataclass(frozen=True, slots=True)
class _NumberColumns:
    """Where the numbers of one header are.

    :param named: columns that hold numbers by their name; each of their cells must be readable.
    :param others: columns whose cells count only where they hold mobile numbers and nothing else.
    """

    named: tuple[str, ...]
    others: tuple[str, ...]


class Exclusion:
    """The numbers that `exclude=` or a do-not-call list names, in the little memory of `NumberSet`.

    :param number_policy: as the audience's: `nepal_mobile` or `as_is`.
    :param number_column: the audience's own; used where a source has a column of that name too.
    :param on_invalid: `fail` refuses a source with an entry that cannot be read; `skip` counts the entry.
    :param several_numbers: `refuse` refuses a cell with several numbers; otherwise all of them are excluded.
    :param name: what errors call the list: an argument or a field.
    :param remedy: how to pass over entries that cannot be read, for errors; empty when that is not possible.
    :ivar name: what errors call the list.
    :ivar number_policy: how its numbers are read.
    :ivar entries: how many rows were read.
    :ivar size: how many different numbers there are.
    :ivar passed_over: how many entries name no number to exclude, by reason.
    :raises TingTingConfigError: `on_invalid` is unknown.
    """

    def __init__(
        self,
        *,
        number_policy: str = "nepal_mobile",
        number_column: str | None = None,
        on_invalid: str = "fail",
        several_numbers: str = "refuse",
        name: str = "exclude",
        remedy: str = "pass over such rows with on_invalid_exclude='skip'",
    ) -> None:
        if on_invalid not in {"fail", "skip"}:
            raise TingTingConfigError(f"on_invalid_exclude='{on_invalid}' is not known: use 'fail' or 'skip'.")
        self._is_canonical = number_policy == "nepal_mobile"
        self._key_of = numbers.normalise if self._is_canonical else numbers.same_in_all_forms
        self._number_column = number_column
        self._skips_invalid = on_invalid == "skip"
        self._takes_several = several_numbers != "refuse"
        self.name = name
        self.number_policy = number_policy
        self._remedy = f", or {remedy}" if remedy else ""
        self._numbers = NumberSet()
        self._rounded: dict[str, tuple[Mapping[str, object], ...]] = {}
        self.size = 0
        self.entries = 0
        self.passed_over: dict[str, int] = {}

    @property
    def unusable(self) -> int:
        """How many entries name no number to exclude."""
        return sum(self.passed_over.values())

    def __bool__(self) -> bool:
        return self.size > 0

    def __contains__(self, number: str) -> bool:
        # The audience's numbers are canonical already.
        return (number if self._is_canonical else self._key_of(number)) in self._numbers

    def matches(self, number: object) -> bool:
        """Return whether a number, in whichever form it is written, is excluded.

        :param number: a number as a server or a list writes it.
        """
        try:
            return self._key_of(number) in self._numbers
        except numbers.InvalidNumberError:
            return False

    def add(self, rows: Iterable[Row], *, number_column: str | None = None) -> None:
        """Read a source to its end.

        Numbers are read from the column that is named here; otherwise from all columns whose names say so, from the
        audience's column where there is one of that name, and from cells of other columns that hold nothing but
        mobile numbers. Of a row without a number there, the mobiles within other texts count. A source with a single
        column needs no name.

        :param rows: from `read_rows`.
        :param number_column: the only column of numbers in this source.
        :raises TingTingContactsError: when the source cannot be read, has no column of numbers, or has rows but not a
            single number (so the wrong column was read); and, unless invalid entries are skipped, when an entry cannot
            be read and is not certainly harmless: lost digits, too many digits, several numbers, a word.
        """
        headers: dict[tuple[str, ...], _NumberColumns] = {}
        total = usable = 0
        source = ""
        for row in rows:
            total += 1
            source = row.place.source
            values, passed_over = _values_of(row), self.unusable
            columns = self._columns_of(row, values, number_column, headers)
            found = [number for column in columns.named for number in self._read(row, values.get(column))]
            others = [values.get(column) for column in columns.others]
            if row.problem and not number_column:
                # Cells beyond the header.
                others += [value for column, value in values.items() if column not in (row.columns or ())]
            found += [number for value in others for number in _numbers_in(value)]
            if not found:
                # A remark may hold the number that the column lacks.
                found = [number for value in others for number in numbers.mobiles_in(value)]
            for number in found:
                self.size += self._numbers.add(number)
            usable += bool(found)
            if not found and self.unusable == passed_over:
                self.passed_over["empty"] = self.passed_over.get("empty", 0) + 1
        self.entries += total
        if total and not usable:
            raise TingTingContactsError(
                f"{self.name}: {source} has {total} rows, but not one number that could be called, so it would exclude "
                "no contact. Check which column holds the numbers."
            )

    def _read(self, row: Row, value: object) -> list[str]:
        try:
            number = self._key_of(value)
        except numbers.InvalidNumberError as error:
            return self._read_invalid(row, value, error)
        if self._is_canonical and number.endswith("0" * _POSSIBLY_ROUNDED) and self._is_rounded(row, number):
            return self._pass_over(row, numbers.InvalidNumberError("lost_digits", mask_number(number)))
        return [number]

    def _read_invalid(self, row: Row, value: object, error: numbers.InvalidNumberError) -> list[str]:
        if error.reason == "not_a_number" or (error.reason == "several_numbers" and self._takes_several):
            # Excluding one number too many does less harm than calling a contact whose entry has a word beside the
            # number.
            found = numbers.mobiles_in(value)
            if found and digits_beside(value, found) < numbers.SHORTEST_NUMBER:
                return found
        return self._pass_over(row, error)

    def _pass_over(self, row: Row, error: numbers.InvalidNumberError) -> list[str]:
        is_harmless = error.reason in HARMLESS and not row.problem
        if error.reason == "empty" and is_harmless:
            # The number may be in another column of the row.
            return []
        if not is_harmless and not self._skips_invalid:
            raise TingTingContactsError(
                mask_text(
                    f"{self.name}: {row.place}: {str(error).rstrip('.')}. The entry may name a contact: correct or "
                    f"remove that row{self._remedy}."
                )
            )
        self.passed_over[error.reason] = self.passed_over.get(error.reason, 0) + 1
        return []

    def _is_rounded(self, row: Row, number: str) -> bool:
        """Return whether a spreadsheet has probably rounded a number that ends in four zeros or more."""
        zeros = numbers.trailing_zeros(number)
        if zeros >= _CERTAINLY_ROUNDED:
            return True
        earlier = self._rounded.setdefault(number, (row.values,))[0]
        # A repeated row is one contact; two different rows with such a number have rounded numbers.
        return earlier is not row.values and earlier != row.values

    def _columns_of(
        self,
        row: Row,
        values: Mapping[str, object],
        wanted: str | None,
        known: dict[tuple[str, ...], _NumberColumns],
    ) -> _NumberColumns:
        columns = row.columns or tuple(values)
        found = known.get(columns)
        if found is None:
            found = self._find_columns(columns, row.place.source, wanted)
            if len(known) < _MAX_HEADERS:
                known[columns] = found
        return found

    def _find_columns(self, columns: tuple[str, ...], source: str, wanted: str | None) -> _NumberColumns:
        if wanted:
            named = find_column(wanted, columns)
            if named is None:
                raise TingTingContactsError(
                    f"{self.name}: {source} has no column '{wanted}' (number_column). The columns are "
                    f"{listed(columns)}."
                )
            return _NumberColumns((named,), ())
        audiences = find_column(self._number_column, columns) if self._number_column else None
        found = dict.fromkeys(([audiences] if audiences else []) + list(number_columns(columns)))
        if not found:
            found = dict.fromkeys(
                [columns[0] if len(columns) == 1 else find_number_column(columns, f"{self.name}: {source}")]
            )
        others = tuple(column for column in columns if column not in found)
        return _NumberColumns(tuple(found), others)


def _values_of(row: Row) -> Mapping[str, object]:
    """Return a row's values; variables in the shape of the API stand beside the number."""
    nested = row.values.get("other_variables")
    return {**nested, "number": row.values.get("number")} if isinstance(nested, Mapping) else row.values


def _numbers_in(value: object) -> list[str]:
    """Return the mobiles of a cell whose column does not say that it holds numbers."""
    text = str(value) if isinstance(value, str | int | float) else ""
    if sum(map(str.isdigit, text)) < _DIGITS:
        return []
    try:
        return numbers.normalise_all(value)
    except numbers.InvalidNumberError:
        return []
