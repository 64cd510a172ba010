"""The check before anything is sent: every row is read once, the good become contacts, the others get a reason.

```python
with check_audience(read_rows("people.xlsx"), AudienceOptions(required_tags=("tags_name",))) as audience:
    audience.raise_if_refused()
    for contact in audience.contacts(): ...
```

Good and bad rows wait on disk, so memory stays flat whatever the size. Imports the standard library and this package.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from airflow_provider_tingting.contacts import numbers
from airflow_provider_tingting.contacts.column_mapping import ColumnMapper, ColumnMapping
from airflow_provider_tingting.contacts.contact import Row, plain_value
from airflow_provider_tingting.contacts.exclusion import Exclusion
from airflow_provider_tingting.contacts.number_set import NumberSet
from airflow_provider_tingting.contacts.row_filter import Where, row_filter
from airflow_provider_tingting.contacts.validated_audience import ValidatedAudience
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.masking import mask_number

__all__ = ["AudienceOptions", "ValidatedAudience", "check_audience"]


#: How a number ends that a spreadsheet showed as 9.84E+09 and somebody typed or saved again.
_ROUNDED = "0000000"


@dataclass(frozen=True)
class AudienceOptions:
    """What a user decides about an audience.

    :param number_column: the column of the numbers. By default it is found by the usual English and Nepali names.
    :param variables: variable to column, such as `{"tags_name": "Customer name"}`; nothing else is sent then. By
        default every other column is a variable of its own name.
    :param constants: variables that are the same for every contact; they go before a column of the same name.
    :param on_invalid: `fail` refuses the whole audience when a row is bad, `skip` sends the good ones.
    :param required_tags: the tags of the message, each of which every contact must fill.
    :param number_policy: `nepal_mobile` wants ten-digit Nepal mobiles, `as_is` takes numbers as written.
    :param where: which rows belong to the audience: a function of a row's values, or a dict of column and value or
        values. The others are only counted.
    :raises TingTingConfigError: when two of these contradict each other, or a value is not one of the allowed.
    """

    number_column: str | None = None
    variables: Mapping[str, str] | None = None
    constants: Mapping[str, object] | None = None
    on_invalid: Literal["fail", "skip"] = "fail"
    required_tags: Collection[str] = ()
    number_policy: Literal["nepal_mobile", "as_is"] = "nepal_mobile"
    where: Where | None = None

    def __post_init__(self) -> None:
        if self.on_invalid not in {"fail", "skip"}:
            raise TingTingConfigError(f"on_invalid='{self.on_invalid}' is not known: use 'fail' or 'skip'.")
        if self.number_policy not in {"nepal_mobile", "as_is"}:
            raise TingTingConfigError(
                f"number_policy='{self.number_policy}' is not known: use 'nepal_mobile' or 'as_is'."
            )
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
    rows: Iterable[Row], options: AudienceOptions | None = None, *, exclude: Exclusion | None = None
) -> ValidatedAudience:
    """Read all rows once and part the good from the bad; nothing is sent, and no row is kept in memory.

    A number that comes again is dropped and counted: the first good row of a number stays. When the dropped row had
    other variables, that is counted too.

    :param rows: from `read_rows`.
    :param options: what the user decided; the defaults when left out.
    :param exclude: numbers that must not be contacted: their rows are dropped and counted.
    :return: the audience; close it, best as a context manager, to delete what is kept on disk.
    :raises TingTingContactsError: when the source cannot be read, has no column of numbers, or no row has what a tag
        of the message or an entry of `variables` needs. Bad rows alone do not raise; `raise_if_refused` does.
    """
    check = _Check(options or AudienceOptions(), exclude)
    try:
        for row in rows:
            check.take(row)
        return check.finish()
    except BaseException:
        check.audience.close()
        raise


class _Check:
    def __init__(self, options: AudienceOptions, exclude: Exclusion | None) -> None:
        try:
            self._constants = {tag: plain_value(value) for tag, value in (options.constants or {}).items()}
        except TypeError as error:
            raise TingTingConfigError(f"constants: {error}.") from None
        self._needed = tuple(options.required_tags)
        self._mapper = ColumnMapper(options.number_column, options.variables, self._needed, self._constants)
        self._number_of = numbers.READERS[options.number_policy]
        self._is_wanted = row_filter(options.where)
        self._exclude = exclude if exclude else None
        self._watch_rounded = options.number_policy == "nepal_mobile"
        self._rounded: dict[str, tuple[Row, dict[str, object]] | None] = {}
        self._seen = NumberSet()
        self.audience = ValidatedAudience(on_invalid=options.on_invalid, tags=self._needed, exclude=self._exclude)

    def take(self, row: Row) -> None:
        audience = self.audience
        if self._is_wanted is not None and not self._is_wanted(row):
            audience.filtered_out += 1
            return
        audience.total += 1
        mapping = self._mapper.mapping_for(row)
        if row.problem:
            audience.reject(row, row.problem)
            return
        try:
            number = self._number_of(row.values.get(mapping.number) if mapping.number is not None else None)
        except numbers.InvalidNumberError as error:
            audience.reject(row, error.reason, shown=str(error).rstrip("."))
            return
        if self._exclude is not None and number in self._exclude:
            audience.excluded += 1
            return
        try:
            variables = self._variables(row, mapping)
        except TypeError as error:
            audience.reject(row, "unusable_value", detail=str(error))
            return
        if blank := [tag for tag in self._needed if _is_blank(variables.get(tag))]:
            audience.reject_blank(row, blank)
            return
        if self._watch_rounded and number.endswith(_ROUNDED):
            self._take_rounded(row, number, variables)
        elif self._seen.add(number):
            # Whether a file can hold its texts shows only now, and costs the good rows nothing.
            if not audience.accept(row.place, number, variables):
                self._seen.discard(number)
        else:
            audience.drop(row.place, number, variables)

    def finish(self) -> ValidatedAudience:
        if self.audience.total:
            self._mapper.check_all_seen()
        for number, held in self._rounded.items():
            if held is not None:
                self.audience.accept(held[0].place, number, held[1])
        self.audience.compare_duplicates()
        return self.audience

    def _take_rounded(self, row: Row, number: str, variables: dict[str, object]) -> None:
        """Hold a number such as 9840000000 until the end.

        For one person it is a number, for two different ones it is what 9.84E+09 left of theirs.
        """
        if number not in self._rounded:
            self._rounded[number] = (row, variables)
            return
        held = self._rounded[number]
        if held is not None and held[1] == variables:
            self.audience.duplicates += 1
            return
        self._rounded[number] = None
        for rounded in (row,) if held is None else (held[0], row):
            self.audience.reject(
                rounded, "lost_digits", shown=f"{mask_number(number)} {numbers.REASONS['lost_digits']}"
            )

    def _variables(self, row: Row, mapping: ColumnMapping) -> dict[str, object]:
        values: Mapping[str, object] = row.values
        if mapping.nested:
            values = row.values["other_variables"]  # type: ignore[assignment]
        variables: dict[str, object] = {}
        for tag, column in mapping.pairs:
            value = values[column]
            variables[tag] = value if type(value) is str else plain_value(value)
        if self._constants:
            variables.update(self._constants)
        return variables


#: What a spreadsheet shows for a failed formula, and writes into a CSV: nothing that may be read aloud.
_FAILED = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!"})


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and (not value.strip() or value in _FAILED))
