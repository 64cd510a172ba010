"""Finds the dropped duplicates whose variables differ from those of the contact that stays.

Memory holds eight bytes for each number that came again.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from airflow_provider_tingting.contacts.numbers import same_in_all_forms
from airflow_provider_tingting.contacts.spool import Spool

_encode = msgspec.json.Encoder().encode
_LARGEST = 2**63 - 1


class Duplicates:
    """The rows whose number had come before."""

    def __init__(self) -> None:
        self._spool: Spool | None = None
        self._keys = array("Q")

    def add(self, source: int, row: int, number: str, variables: Mapping[str, object]) -> None:
        """Record a duplicate.

        :param source: which source, as the audience counts them.
        :param row: its row there.
        :param number: its canonical number.
        :param variables: its variables, already plain.
        """
        if self._spool is None:
            self._spool = Spool()
        self._keys.append(_key(number))
        self._spool.write((source, row, number, _fingerprint(variables)))

    def conflicts(self, contacts: Iterable[tuple[str, Mapping[str, object]]]) -> Iterator[tuple[int, int, str]]:
        """Yield source, row and number of each duplicate whose variables are not those of the contact.

        :param contacts: numbers and variables of all contacts that stayed.
        """
        if self._spool is None:
            return
        keys = array("Q", sorted(set(self._keys)))
        kept = array("Q", bytes(8 * len(keys)))
        for number, variables in contacts:
            key = _key(number)
            at = bisect_left(keys, key)
            if at < len(keys) and keys[at] == key:
                kept[at] = _fingerprint(variables)
        for source, row, number, fingerprint in self._spool:
            if kept[bisect_left(keys, _key(number))] != fingerprint:
                yield source, row, number

    def close(self) -> None:
        """Delete what was kept on disk."""
        if self._spool is not None:
            self._spool.close()


def _key(number: str) -> int:
    if len(number) != 10:
        number = same_in_all_forms(number)
    return int(number) if len(number) == 10 and number.isascii() and number.isdigit() else hash(number) & _LARGEST


def _fingerprint(variables: Mapping[str, object]) -> int:
    try:
        return hash(_encode(sorted(variables.items(), key=lambda item: item[0]))) & _LARGEST
    except UnicodeEncodeError:
        # A lone surrogate: such a row is rejected, so it is never compared.
        return 0
