"""A set of numbers in little memory: a bit for each possible number of a block of 100,000.

A Python set of a million numbers takes some 100 MiB; these bits take at most 12 KiB for each block in use, some 25 MiB
for all of Nepal's mobiles.
"""

from __future__ import annotations

_BLOCK_DIGITS = 5
_BLOCK_BYTES = 10**_BLOCK_DIGITS // 8


class NumberSet:
    """A set of numbers."""

    def __init__(self) -> None:
        self._blocks: dict[str, bytearray] = {}
        self._others: set[str] = set()

    def __contains__(self, number: str) -> bool:
        if len(number) != 2 * _BLOCK_DIGITS or not (number.isascii() and number.isdigit()):
            return number in self._others
        block = self._blocks.get(number[:_BLOCK_DIGITS])
        byte, bit = divmod(int(number[_BLOCK_DIGITS:]), 8)
        return block is not None and bool(block[byte] & (1 << bit))

    def add(self, number: str) -> bool:
        """Add a number; return whether it is new.

        :param number: ten digits, or for accounts with other rules any text.
        """
        if len(number) != 2 * _BLOCK_DIGITS or not (number.isascii() and number.isdigit()):
            new = number not in self._others
            self._others.add(number)
            return new
        block = self._blocks.get(number[:_BLOCK_DIGITS])
        if block is None:
            block = self._blocks[number[:_BLOCK_DIGITS]] = bytearray(_BLOCK_BYTES)
        place = int(number[_BLOCK_DIGITS:])
        mask = 1 << (place & 7)
        byte = block[place >> 3]
        block[place >> 3] = byte | mask
        return not byte & mask

    def discard(self, number: str) -> None:
        """Remove a number if it is in the set.

        :param number: as for `add`.
        """
        if number in self._others:
            self._others.remove(number)
        elif number in self:
            byte, bit = divmod(int(number[_BLOCK_DIGITS:]), 8)
            self._blocks[number[:_BLOCK_DIGITS]][byte] &= ~(1 << bit)
