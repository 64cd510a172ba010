"""A set of numbers in little memory: a bit for each possible number of a block of some 130,000.

A Python set of a million numbers takes some 100 MiB; these bits take 16 KiB for each block in use, some 25 MiB for all
of Nepal's mobiles.
"""

from __future__ import annotations

from collections.abc import Sequence

_DIGITS = 10
#: A block has a bit for each of this many numbers, as a power of two.
_BLOCK_BITS = 17
_PLACE = (1 << _BLOCK_BITS) - 1


class NumberSet:
    """A set of numbers."""

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}
        self._others: set[str] = set()

    def __contains__(self, number: str) -> bool:
        if not _has_ten_digits(number):
            return number in self._others
        value = int(number)
        block = self._blocks.get(value >> _BLOCK_BITS)
        return block is not None and bool(block[(value & _PLACE) >> 3] & (1 << (value & 7)))

    def add(self, number: str) -> bool:
        """Add a number; return whether it is new.

        :param number: ten digits, or for accounts with other rules any text.
        """
        if not _has_ten_digits(number):
            new = number not in self._others
            self._others.add(number)
            return new
        return self.add_all([number])

    def add_all(self, numbers: Sequence[str]) -> bool:
        """Add numbers if all of them are new and differ from each other; return whether they were added.

        :param numbers: ten digits each.
        """
        blocks = self._blocks
        for done, value in enumerate(map(int, numbers)):
            block = blocks.get(value >> _BLOCK_BITS)
            if block is None:
                block = blocks[value >> _BLOCK_BITS] = bytearray(1 << (_BLOCK_BITS - 3))
            place, mask = (value & _PLACE) >> 3, 1 << (value & 7)
            byte = block[place]
            if byte & mask:
                for added in numbers[:done]:
                    self.discard(added)
                return False
            block[place] = byte | mask
        return True

    def discard(self, number: str) -> None:
        """Remove a number if it is in the set.

        :param number: as for `add`.
        """
        if number in self._others:
            self._others.remove(number)
        elif number in self:
            value = int(number)
            self._blocks[value >> _BLOCK_BITS][(value & _PLACE) >> 3] &= ~(1 << (value & 7))


def _has_ten_digits(number: str) -> bool:
    return len(number) == _DIGITS and number.isascii() and number.isdigit()
