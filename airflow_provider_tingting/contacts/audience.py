"""Checks an audience before anything is sent: each row becomes a contact or is rejected with a reason.

```python
with check_audience(read_rows("people.xlsx"), AudienceOptions(required_tags=("tags_name",))) as audience:
    audience.raise_if_refused()
    for contact in audience.contacts(): ...
```

Contacts and rejected rows are kept on disk, so memory stays flat whatever the size.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Literal

from airflow_provider_tingting.contacts import NUMBER_POLICIES, ON_INVALID, SEVERAL_NUMBERS, numbers
from airflow_provider_tingting.contacts.column_mapping import ColumnMapper, ColumnMapping
from airflow_provider_tingting.contacts.contact import Row, are_texts, encode_contacts, plain_value
from airflow_provider_tingting.contacts.exclusion import Exclusion
from airflow_provider_tingting.contacts.frequency_cap import OverCap
from airflow_provider_tingting.contacts.legacy_font import has_sign, is_legacy_text
from airflow_provider_tingting.contacts.number_set import NumberSet
from airflow_provider_tingting.contacts.progress import with_progress
from airflow_provider_tingting.contacts.row_filter import Where, row_filter
from airflow_provider_tingting.contacts.row_observer import report_left_out
from airflow_provider_tingting.contacts.row_stream import RowBlock, RowStream
from airflow_provider_tingting.contacts.validated_audience import ValidatedAudience
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.masking import mask_number

__all__ = ["AudienceOptions", "ValidatedAudience", "check_audience"]

#: Texts that fill no tag.
_NOT_FILLED = numbers.FAILED_FORMULAS | numbers.PLACEHOLDERS
_NOT_FILLED_IN_ANY_CASE = frozenset(map(str.casefold, _NOT_FILLED))
_UNUSUAL_BEGINNING = re.compile(r"\n[\W_]|\n\Z")
#: Fewer rows are checked one by one.
_FEW_ROWS = 12
#: Zeros at the end of a number that a spreadsheet may have rounded: 9.84123E+09, saved again as 9841230000.
_ROUNDED = "0000"
#: With this many zeros at the end, two rows with the same number and no variables count as two rounded numbers.
_ROUNDED_WITHOUT_VARIABLES = 5


@dataclass(frozen=True)
class AudienceOptions:
    """The user's choices for an audience.

    :param number_column: the column of the numbers. By default it is found by the usual English and Nepali names.
    :param variables: variable to column, such as `{"tags_name": "Customer name"}`; then nothing else is sent. By
        default every other column is a variable of its own name.
    :param constants: variables with one value for all contacts; they take precedence over a column of the same name.
    :param on_invalid: `fail` refuses the whole audience when a row is bad, `skip` sends the good rows.
    :param required_tags: the tags of the message, each of which every contact must fill.
    :param number_policy: `nepal_mobile` accepts ten-digit Nepal mobiles, `as_is` accepts numbers as written.
    :param where: which rows belong to the audience: a function of a row's values, or a dict of column and value or
        values. The others are only counted.
    :param several_numbers: what a cell with several numbers gives: `refuse` rejects its row, `first_mobile` takes the
        first mobile, `all` makes a contact of each mobile.
    :raises TingTingConfigError: when two of these contradict each other, or a value is not one of the allowed.
    """

    number_column: str | None = None
    variables: Mapping[str, str] | None = None
    constants: Mapping[str, object] | None = None
    on_invalid: Literal["fail", "skip"] = "fail"
    required_tags: Collection[str] = ()
    number_policy: Literal["nepal_mobile", "as_is"] = "nepal_mobile"
    where: Where | None = None
    several_numbers: Literal["refuse", "first_mobile", "all"] = "refuse"

    def __post_init__(self) -> None:
        _check_choice("on_invalid", self.on_invalid, ON_INVALID)
        _check_choice("number_policy", self.number_policy, NUMBER_POLICIES)
        _check_choice("several_numbers", self.several_numbers, SEVERAL_NUMBERS)
        if isinstance(self.required_tags, str):
            raise TingTingConfigError("required_tags is a collection of tag names, not one text.")
        if self.variables is not None and not isinstance(self.variables, Mapping):
            raise TingTingConfigError("variables is a dict of variable and column, such as {'tags_name': 'Name'}.")
        if self.constants is not None and not isinstance(self.constants, Mapping):
            raise TingTingConfigError("constants is a dict of variable and value, such as {'tags_city': 'Pokhara'}.")
        both = sorted(set(self.variables or {}) & set(self.constants or {}))
        if both:
            raise TingTingConfigError(f"'{both[0]}' is given in variables and in constants; keep one of them.")


def check_audience(
    rows: Iterable[Row],
    options: AudienceOptions | None = None,
    *,
    exclude: Exclusion | None = None,
    do_not_call: Exclusion | None = None,
    over_cap: OverCap | None = None,
) -> ValidatedAudience:
    """Read all rows once and separate contacts from rejected rows; nothing is sent, and no row is kept in memory.

    A number that comes again is dropped and counted: the first good row of a number stays. When the dropped row had
    other variables, that is counted too.

    :param rows: from `read_rows`.
    :param options: the user's choices; the defaults when left out.
    :param exclude: numbers that must not be contacted: their rows are dropped and counted.
    :param do_not_call: the account's do-not-call list: the same, counted by itself.
    :param over_cap: numbers that were contacted as often as is allowed: their rows are counted and kept with the
        rejected ones.
    :return: the audience; close it, best as a context manager, to delete what is kept on disk.
    :raises TingTingContactsError: when the source cannot be read, has no column of numbers, or no row has what a tag
        of the message or an entry of `variables` needs. Bad rows alone do not raise; `raise_if_refused` does.
    """
    check = _AudienceCheck(options or AudienceOptions(), exclude, do_not_call, over_cap)
    try:
        parts = rows.parts() if isinstance(rows, RowStream) else rows
        for part in with_progress(parts, "The audience", "rows checked", size=_rows_in):
            if isinstance(part, Row):
                check.add_row(part)
            else:
                check.add_block(part)
        return check.finish()
    except BaseException:
        check.audience.close()
        raise


class _AudienceCheck:
    def __init__(
        self,
        options: AudienceOptions,
        exclude: Exclusion | None,
        do_not_call: Exclusion | None,
        over_cap: OverCap | None,
    ) -> None:
        try:
            self._constants = {tag: plain_value(value) for tag, value in (options.constants or {}).items()}
        except TypeError as error:
            raise TingTingConfigError(f"constants: {error}.") from None
        self._needed = tuple(options.required_tags)
        self._mapper = ColumnMapper(options.number_column, options.variables, self._needed, self._constants)
        self._read_number: Callable[[object], str] = numbers.READERS[options.number_policy]
        self._several_numbers = options.several_numbers
        self._is_wanted = row_filter(options.where)
        self._exclude = exclude if exclude else None
        self._do_not_call = do_not_call if do_not_call else None
        self._over_cap = over_cap
        self._checks_blocks = options.number_policy == "nepal_mobile" and options.where is None
        self._is_canonical = options.number_policy == "nepal_mobile"
        self._rounded: dict[str, tuple[Row, dict[str, object]] | None] = {}
        self._seen = NumberSet()
        forbidden = tuple(one for one in (self._do_not_call, self._exclude) if one is not None)
        self.audience = ValidatedAudience(on_invalid=options.on_invalid, tags=self._needed, forbidden=forbidden)

    def add_row(self, row: Row) -> None:
        audience = self.audience
        if self._is_wanted is not None and not self._is_wanted(row):
            audience.filtered_out += 1
            report_left_out("filtered out", row.place)
            return
        audience.total += 1
        mapping = self._mapper.mapping_for(row)
        if row.problem:
            audience.reject(row, row.problem)
            return
        value = row.values.get(mapping.number) if mapping.number is not None else None
        try:
            number = self._read_number(value)
        except numbers.InvalidNumberError as error:
            several = self._mobiles_of(value, error)
            if not several:
                audience.reject(row, error.reason, shown=str(error).rstrip("."))
                return
            # Each further mobile is a contact of its own and counts like a row.
            audience.total += len(several) - 1
            for mobile in several:
                self._add_number(row, mapping, mobile)
            return
        self._add_number(row, mapping, number)

    def add_block(self, block: RowBlock) -> None:
        """Check rows of a table: those at once that `add_row` would all accept as they are, the others one by one."""
        mapping = self._mapper.mapping_for(next(iter(block))) if self._checks_blocks else None
        if mapping is None or mapping.number is None:
            for row in block:
                self.add_row(row)
        else:
            self._add_part(block, mapping, itemgetter(block.columns.index(mapping.number)))

    def _add_part(self, block: RowBlock, mapping: ColumnMapping, number_of: Callable[[Any], object]) -> None:
        if len(block) <= _FEW_ROWS:
            for row in block:
                self.add_row(row)
        elif not self._accept_block(block, mapping, list(map(number_of, block.cells))):
            for half in block.halves():
                self._add_part(half, mapping, number_of)

    def _accept_block(self, block: RowBlock, mapping: ColumnMapping, found: list[object]) -> bool:
        """Accept all rows of a block if `add_row` would certainly accept each of them; return whether it was done."""
        if not are_texts(found) or not numbers.are_canonical(found):
            return False
        if f"{_ROUNDED}\n" in "\n".join((*found, "")):
            return False
        for left_out in (self._do_not_call, self._exclude, self._over_cap):
            if left_out is not None and any(map(left_out.__contains__, found)):
                return False
        columns = dict(zip(block.columns, zip(*block.cells, strict=True), strict=True))
        try:
            variables = {tag: _plain_values(columns[column]) for tag, column in mapping.pairs}
        except TypeError:
            return False
        variables.update((tag, [value] * len(found)) for tag, value in self._constants.items())
        if not all(tag in variables and _are_filled(variables[tag]) for tag in self._needed):
            return False
        try:
            lines = encode_contacts(found, variables)
        except UnicodeEncodeError:
            return False
        if not self._seen.add_all(found):
            return False
        self.audience.total += len(found)
        for tag, column in mapping.pairs:
            if count := _legacy_texts_in(columns[column]):
                self._add_legacy_texts(tag, count)
        self.audience.accept_lines(block.first, found, tuple(variables), lines)
        return True

    def _add_legacy_texts(self, tag: str, count: int) -> None:
        found = self.audience.legacy_text
        found[tag] = found.get(tag, 0) + count

    def finish(self) -> ValidatedAudience:
        if self.audience.total:
            self._mapper.check_all_seen()
        self.audience.compare_duplicates()
        return self.audience

    def _mobiles_of(self, value: object, error: numbers.InvalidNumberError) -> list[str]:
        """Return the mobiles to take from a cell with several numbers."""
        if self._several_numbers == "refuse" or error.reason != "several_numbers":
            return []
        found = numbers.mobiles_in(value)
        return found[:1] if self._several_numbers == "first_mobile" else found

    def _add_number(self, row: Row, mapping: ColumnMapping, number: str) -> None:
        audience = self.audience
        if self._do_not_call is not None and number in self._do_not_call:
            audience.do_not_call += 1
            report_left_out("on the do-not-call list", row.place, number)
            return
        if self._exclude is not None and number in self._exclude:
            audience.excluded += 1
            report_left_out("excluded", row.place, number)
            return
        if self._over_cap is not None and number in self._over_cap:
            audience.leave_out(row, f"frequency_cap ({self._over_cap.cap})")
            report_left_out("frequency cap", row.place, number)
            return
        try:
            variables = self._variables(row, mapping)
        except TypeError as error:
            audience.reject(row, "unusable_value", detail=str(error))
            return
        if blank := [tag for tag in self._needed if _is_blank(variables.get(tag))]:
            audience.reject_blank(row, blank)
            return
        if self._is_canonical and number.endswith(_ROUNDED) and self._is_rounded(row, number, variables):
            return
        # A number that is written in two ways is one contact.
        key = number if self._is_canonical else numbers.same_in_all_forms(number)
        if self._seen.add(key):
            # Only writing the row shows whether a file can hold its texts; a check beforehand would cost time for each
            # row.
            if not audience.accept(row.place, number, variables):
                self._seen.discard(key)
        else:
            audience.drop(row.place, number, variables)

    def _is_rounded(self, row: Row, number: str, variables: dict[str, object]) -> bool:
        """Reject a number that a spreadsheet has rounded, together with the earlier contact that has it.

        One contact may really have the number 9841230000; two different contacts with it have rounded numbers.
        """
        if number not in self._rounded:
            self._rounded[number] = (row, variables)
            return False
        earlier = self._rounded[number]
        if earlier is not None:
            is_bare = len(row.values) <= 1 and numbers.trailing_zeros(number) >= _ROUNDED_WITHOUT_VARIABLES
            if earlier[1] == variables and not is_bare:
                return False
            self.audience.withdraw(number)
            self._reject_rounded(earlier[0], number)
            self._rounded[number] = None
        self._reject_rounded(row, number)
        return True

    def _reject_rounded(self, row: Row, number: str) -> None:
        self.audience.reject(row, "lost_digits", shown=f"{mask_number(number)} {numbers.REASONS['lost_digits']}")

    def _variables(self, row: Row, mapping: ColumnMapping) -> dict[str, object]:
        values: Mapping[str, object] = row.values
        if mapping.nested:
            values = row.values["other_variables"]  # type: ignore[assignment]
        variables: dict[str, object] = {}
        for tag, column in mapping.pairs:
            value = values[column]
            if type(value) is not str:
                value = plain_value(value)
            elif value.isascii() and is_legacy_text(value):
                self._add_legacy_texts(tag, 1)
            variables[tag] = value
        if self._constants:
            variables.update(self._constants)
        return variables


def _rows_in(part: Row | RowBlock) -> int:
    return 1 if isinstance(part, Row) else len(part)


def _plain_values(values: Sequence[object]) -> Sequence[object]:
    return values if are_texts(values) else list(map(plain_value, values))


def _legacy_texts_in(values: Sequence[object]) -> int:
    if are_texts(values) and not has_sign("".join(values)):
        return 0
    return sum(type(value) is str and value.isascii() and is_legacy_text(value) for value in values)


def _are_filled(values: Sequence[object]) -> bool:
    # Most columns hold texts that begin with a letter or digit, and none that stands for nothing.
    if (
        are_texts(values)
        and (distinct := set(values))
        and not _UNUSUAL_BEGINNING.search("\n" + "\n".join(distinct))
        and _NOT_FILLED_IN_ANY_CASE.isdisjoint(map(str.casefold, map(str.strip, distinct)))
    ):
        return True
    return not any(map(_is_blank, values))


def _is_blank(value: object) -> bool:
    if not isinstance(value, str):
        return value is None
    text = value.strip()
    # A dash alone stands for nothing, and `NONE` is written by programs as `None` is.
    return not any(map(str.isalnum, text)) or text in _NOT_FILLED or text.casefold() in _NOT_FILLED


def _check_choice(argument: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        allowed = ", ".join(f"'{choice}'" for choice in choices[:-1])
        raise TingTingConfigError(f"{argument}='{value}' is not known: use {allowed} or '{choices[-1]}'.")
