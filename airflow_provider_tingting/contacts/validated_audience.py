"""The result of a check: counts, reasons, contacts and rejected rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, repeat
from operator import itemgetter
from types import TracebackType

from airflow_provider_tingting.contacts import numbers
from airflow_provider_tingting.contacts.contact import Contact, EncodedContact, Place, Row, encode_contact, plain_value
from airflow_provider_tingting.contacts.duplicates import Duplicates
from airflow_provider_tingting.contacts.exclusion import Exclusion
from airflow_provider_tingting.contacts.rejects import write_rejects
from airflow_provider_tingting.contacts.row_observer import report_left_out
from airflow_provider_tingting.contacts.spool import Spool
from airflow_provider_tingting.errors import TingTingContactsError
from airflow_provider_tingting.masking import mask_number, mask_text

_EXAMPLES = 10
_MAX_COLUMNS = 16_000

#: Reasons beside those of `numbers.REASONS`, and what to do about them.
ROW_REASONS = {
    "too_many_cells": "has more cells than the header; put texts that hold a separator into quotation marks",
    "unusable_value": "holds a value that cannot be a variable; use texts, numbers and dates",
    "blank_tag": "has nothing for a tag of the message; fill it in",
    "frequency_cap": "was contacted as often as frequency_cap allows; it may be in a later campaign",
}


class ValidatedAudience:
    """An audience after the check. It holds files open: use it as a context manager, or close it.

    :ivar total: rows of the audience: those that `where` keeps, blank ones left out. Each is
        valid, invalid, a duplicate or left out by one of the rules: `excluded`, `do_not_call`, `over_cap`.
    :ivar valid: contacts that may be sent.
    :ivar invalid: rows that were rejected.
    :ivar duplicates: good rows whose number had come before.
    :ivar conflicting: those of the duplicates whose variables were not those of the contact that stayed.
    :ivar excluded: rows whose number `exclude` names.
    :ivar do_not_call: rows whose number the account's do-not-call list names.
    :ivar over_cap: rows whose number was contacted as often as `frequency_cap` allows.
    :ivar filtered_out: rows that `where` does not keep.
    :ivar reasons: how often each reason to reject occurred; of blank tags by tag, as `blank_tag (tags_name)`.
    :ivar carriers: valid contacts by carrier.
    :ivar blank_tags: for each tag of the message, how many rows with a usable number have nothing for it.
    :ivar variables: the names of all variables that the contacts have, in their first order.
    :ivar blank_rows: how many rows with a usable number have nothing for at least one tag.
    :ivar examples: the first ten rejected rows as masked sentences with file and row.
    :ivar conflicts: the first ten conflicting rows in the same way.
    :ivar forbidden: the lists of numbers that must not be contacted.
    :ivar legacy_text: for each variable, how many rows have text of a legacy Nepali font in it.
    """

    def __init__(
        self, *, on_invalid: str = "fail", tags: Sequence[str] = (), forbidden: Sequence[Exclusion] = ()
    ) -> None:
        self.forbidden = tuple(forbidden)
        self.total = 0
        self.valid = 0
        self.invalid = 0
        self.duplicates = 0
        self.conflicting = 0
        self.excluded = 0
        self.do_not_call = 0
        self.over_cap = 0
        self.filtered_out = 0
        self.reasons: dict[str, int] = {}
        self.carriers: dict[str, int] = {}
        self.blank_tags: dict[str, int] = dict.fromkeys(tags, 0)
        self.blank_rows = 0
        self.variables: tuple[str, ...] = ()
        self.examples: list[str] = []
        self.conflicts: list[str] = []
        self._on_invalid = on_invalid
        self._sources: dict[tuple[str, str | None], int] = {}
        self._last_source: tuple[str | None, str | None, int] = (None, None, 0)
        self._last_variables: tuple[str, ...] | None = None
        self._columns: dict[str, None] = {}
        self.legacy_text: dict[str, int] = {}
        self._withdrawn: set[str] = set()
        self._good = Spool()
        #: Of the good contacts: source, first row, and how many rows follow each other.
        self._runs = Spool()
        self._last_run = (0, 0, 0)
        self._bad = Spool()
        self._repeats = Duplicates()

    def __enter__(self) -> ValidatedAudience:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"<ValidatedAudience total={self.total} valid={self.valid} invalid={self.invalid} "
            f"duplicates={self.duplicates}>"
        )

    def close(self) -> None:
        """Delete what was kept on disk; the counts stay."""
        self._good.close()
        self._runs.close()
        self._bad.close()
        self._repeats.close()

    def contacts(self) -> Iterator[Contact]:
        """Yield the good contacts in their order, each time from the first."""
        sources = list(self._sources)
        withdrawn = self._withdrawn
        for contact, (source, row) in zip(self._good, self._places(), strict=True):
            number = contact["number"]
            if withdrawn and number in withdrawn:
                continue
            name, sheet = sources[source]
            yield Contact(number, contact["other_variables"], Place(name, row, sheet))

    def encoded_contacts(self) -> Iterator[EncodedContact]:
        """Yield the good contacts as `contacts` does, as the bytes that a request takes."""
        withdrawn = self._withdrawn
        for line in self._good.lines():
            contact = EncodedContact(line[:-1])
            if not (withdrawn and contact.number in withdrawn):
                yield contact

    def rejects(self) -> Iterator[tuple[Row, str]]:
        """Yield each row that was rejected or is over the cap, and its reason; values are as `plain_value` has them."""
        sources = list(self._sources)
        for source, row, reason, values in self._bad:
            name, sheet = sources[source]
            yield Row(Place(name, row, sheet), values), reason

    def raise_if_refused(self) -> None:
        """Refuse an audience that must not be sent.

        :raises TingTingContactsError: when no contact is valid, or when a row is bad and `on_invalid` is `fail`. The
            text counts the reasons and shows the first ten rows, masked, with file and row.
        """
        if not self.total:
            why = f"where= keeps none of the {self.filtered_out} rows" if self.filtered_out else "it has no rows"
            raise TingTingContactsError(f"The audience is empty: {why}.")
        if self.valid and (self._on_invalid == "skip" or not self.invalid):
            return
        raise TingTingContactsError(" ".join(self._refusal()))

    def write_rejects(self, target: object) -> int:
        """Write the rejected rows as they were, with the column `reason` added; the old file stays until the end.

        :param target: a path or `ObjectStoragePath` that ends in `.csv` or `.xlsx`. Nothing in the file is a formula.
        :return: how many rows were written; with none, the file has a header only.
        :raises TingTingConfigError: for another ending.
        :raises TingTingContactsError: when it cannot be written.
        """
        rows = ({**row.values, "reason": f"{reason}: {reason_text(reason)}"} for row, reason in self.rejects())
        columns = [column for column in self._columns if column != "reason"]
        return write_rejects(target, [*columns, "reason"], rows)

    def accept(self, place: Place, number: str, variables: Mapping[str, object]) -> bool:
        """Store a contact. Return False, and reject it, when one of its texts cannot be encoded.

        :param place: where it was read.
        :param number: its canonical number.
        :param variables: its variables, already plain.
        """
        try:
            line = encode_contact(number, variables)
        except UnicodeEncodeError:
            self.reject(Row(place, {"number": number}), "unusable_value", detail="a text holds half a character")
            return False
        self.accept_lines(place, [number], tuple(variables), line)
        return True

    def accept_lines(self, first: Place, accepted: Sequence[str], variables: tuple[str, ...], lines: bytes) -> None:
        """Keep good contacts of rows that follow each other.

        :param first: where the first was read.
        :param accepted: their canonical numbers.
        :param variables: the names of their variables.
        :param lines: the contacts as `encode_contacts` writes them.
        """
        if variables != self._last_variables:
            self._last_variables = variables
            self.variables = tuple(dict.fromkeys((*self.variables, *variables)))
        self._good.write_lines(lines)
        source, row, count = self._source(first), first.row, len(accepted)
        run = self._last_run
        if run[0] == source and run[1] + run[2] == row:
            self._last_run = source, run[1], run[2] + count
        else:
            self._runs.write(run)
            self._last_run = source, row, count
        self.valid += count
        prefixes = {accepted[0][:3]: 1} if count == 1 else Counter(map(itemgetter(slice(3)), accepted))
        for prefix, of_carrier in prefixes.items():
            carrier = numbers.carrier(prefix)
            self.carriers[carrier] = self.carriers.get(carrier, 0) + of_carrier

    def withdraw(self, number: str) -> None:
        """Take back a contact that was accepted, because a later row shows that its number is wrong.

        :param number: its canonical number.
        """
        self._withdrawn.add(number)
        self.valid -= 1
        self.carriers[numbers.carrier(number)] -= 1

    def drop(self, place: Place, number: str, variables: Mapping[str, object]) -> None:
        """Count a good row whose number had come before.

        :param place: where it was read.
        :param number: its canonical number.
        :param variables: its variables, already plain.
        """
        self.duplicates += 1
        report_left_out("duplicate", place, number)
        self._repeats.add(self._source(place), place.row, number, variables)

    def compare_duplicates(self) -> None:
        """Count those duplicates whose variables differ from those of the contact that stayed."""
        sources = list(self._sources)
        kept = ((contact.number, contact.variables) for contact in self.contacts())
        for source, row, number in self._repeats.conflicts(kept):
            self.conflicting += 1
            if len(self.conflicts) < _EXAMPLES:
                name, sheet = sources[source]
                self.conflicts.append(
                    mask_text(f"{Place(name, row, sheet)}: {mask_number(number)} came before with other variables")
                )

    def reject_blank(self, row: Row, blank: Sequence[str]) -> None:
        """Keep a row that has nothing for these tags; the first of them is the reason.

        :param row: the row as it was read.
        :param blank: the tags.
        """
        self.blank_rows += 1
        for tag in blank:
            self.blank_tags[tag] += 1
        self.reject(row, "blank_tag", detail=blank[0])

    def reject(self, row: Row, reason: str, *, detail: str = "", shown: str = "") -> None:
        """Keep a bad row.

        :param row: the row as it was read.
        :param reason: a key of `numbers.REASONS` or `ROW_REASONS`.
        :param detail: what exactly, such as the tag.
        :param shown: the masked sentence for the examples; by default the reason's own.
        """
        reason = f"{reason} ({detail})" if detail else reason
        self.invalid += 1
        report_left_out(reason, row.place)
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(mask_text(f"{row.place}: {shown}" if shown else f"{row.place} {reason_text(reason)}"))
        self._keep(row, reason)

    def leave_out(self, row: Row, reason: str) -> None:
        """Keep a row that is not bad and is left out by `frequency_cap`.

        :param row: the row as it was read.
        :param reason: a key of `ROW_REASONS` with what exactly in brackets.
        """
        self.over_cap += 1
        self._keep(row, reason)

    def _keep(self, row: Row, reason: str) -> None:
        values = _as_written(row.values)
        if len(self._columns) < _MAX_COLUMNS:
            self._columns.update(dict.fromkeys(values))
        self._bad.write((self._source(row.place), row.place.row, reason, values))

    def _places(self) -> Iterator[tuple[int, int]]:
        for source, first, count in chain(self._runs, (self._last_run,)):
            yield from zip(repeat(source), range(first, first + count))

    def _source(self, place: Place) -> int:
        source, sheet, index = self._last_source
        # Compared by identity, since all rows of a source share these texts.
        if place.source is not source or place.sheet is not sheet:
            index = self._sources.setdefault((place.source, place.sheet), len(self._sources))
            self._last_source = (place.source, place.sheet, index)
        return index

    def _refusal(self) -> Iterator[str]:
        yield f"The audience is refused: of {self.total} rows, {self.valid} can be contacted."
        if self.invalid:
            ordered = sorted(self.reasons.items(), key=lambda item: -item[1])
            yield f"{self.invalid} cannot: {', '.join(f'{reason} {count}' for reason, count in ordered)}."
            shown = "The first ten" if self.invalid > _EXAMPLES else "They are"
            yield f"{shown}: {'; '.join(self.examples)}."
        if self.excluded:
            yield f"Excluded: {self.excluded}."
        if self.do_not_call:
            yield f"On the do-not-call list: {self.do_not_call}."
        if self.over_cap:
            yield f"Contacted as often as frequency_cap allows: {self.over_cap}."
        if self.valid:
            yield "Correct the rows, or use on_invalid='skip' to send the others."
        elif self.invalid:
            yield "Check that the right column holds the numbers."
        else:
            yield "No contact is left."


def reason_text(reason: str) -> str:
    """Return the sentence of a reason to reject a row: what is wrong, and what to do.

    :param reason: its code, from `numbers.REASONS` or `ROW_REASONS`, which details in brackets may follow.
    """
    code = reason.partition(" (")[0]
    sentence = numbers.REASONS.get(code) or ROW_REASONS[code]
    return f"{sentence}{reason.removeprefix(code)}"


def _as_written(values: Mapping[str, object]) -> dict[str, object]:
    nested = values.get("other_variables")
    if isinstance(nested, Mapping):
        values = {"number": values.get("number"), **{key: value for key, value in nested.items() if key != "number"}}
    return {key: _plain_or_text(value) for key, value in values.items()}


def _plain_or_text(value: object) -> object:
    try:
        value = plain_value(value)
    except TypeError:
        value = str(value)
    # Half a surrogate pair can be in a text but in no file.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
