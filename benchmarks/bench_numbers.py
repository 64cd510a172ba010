"""Does the fast path for numbers agree with phonenumbers, over millions of strings, and what does it save?

Run it from the checkout: `python benchmarks/bench_numbers.py [--strings 2000000]`. It prints the disagreements
(there must be none) and the ratio of the two speeds in this run, and exits with 1 on any disagreement.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import phonenumbers
from measuring import read_options

from airflow_provider_tingting.contacts.numbers import InvalidNumberError, normalise

PREFIXES = ("", "", "", "0", "00", "+", "977", "+977", "00977", "9770", "+9770", "009770", "0977", "+0977", "977977")
# Not a full stop: 982565965.9 is a number that a spreadsheet has spoilt, whatever phonenumbers makes of it.
SEPARATORS = (" ", "-", "  ", " - ", "\u00a0", "\u2011", ") ", " (")
DEVANAGARI = str.maketrans("0123456789", "०१२३४५६७८९")
MOBILE = {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE}


def by_phonenumbers(text: str) -> str | None:
    try:
        parsed = phonenumbers.parse(text, "NP")
    except phonenumbers.NumberParseException:
        return None
    if parsed.country_code != 977 or phonenumbers.number_type(parsed) not in MOBILE:
        return None
    return phonenumbers.national_significant_number(parsed)


def by_us(text: str) -> str | None:
    try:
        return normalise(text)
    except InvalidNumberError:
        return None


def strings(count: int, chance: random.Random) -> Iterator[str]:
    """Mostly near misses: ten digits that begin like mobiles, with and without prefixes, and any other length.

    A part is written as people write: in Devanagari, with spaces, dashes and brackets.
    """
    for position in range(count):
        if position % 4:
            body = f"9{chance.randrange(10**9):09}"
        else:
            length = chance.randint(1, 16)
            body = f"{chance.randrange(10**length):0{length}}"
        text = chance.choice(PREFIXES) + body
        if position % 5 == 0:
            text = text.translate(DEVANAGARI)
        if position % 3 == 0:
            at = chance.randint(1, max(len(text) - 1, 1))
            text = f"{text[:at]}{chance.choice(SEPARATORS)}{text[at:]}"
        yield text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strings", type=int, default=2_000_000)
    parser.add_argument("--seed", type=int, default=7)
    options = read_options(parser, strings=100_000)

    disagreements = mobiles = 0
    for text in strings(options.strings, random.Random(options.seed)):
        expected = by_phonenumbers(text)
        mobiles += expected is not None
        if by_us(text) != expected:
            disagreements += 1
            if disagreements <= 10:
                print(f"disagreement: {text}: phonenumbers {expected}, ours {by_us(text)}")
    print(f"{options.strings} strings, {mobiles} of them mobiles, {disagreements} disagreements")

    canonical = [f"984{number:07}" for number in range(100_000)]
    rates = {}
    for judge, some in ((by_us, canonical), (by_phonenumbers, canonical[:10_000])):
        began = time.process_time()
        for text in some:
            judge(text)
        rates[judge.__name__] = len(some) / (time.process_time() - began)
    print(", ".join(f"{name} {rate:,.0f} canonical numbers a second" for name, rate in rates.items()))
    print(f"ratio {rates['by_us'] / rates['by_phonenumbers']:.0f}")
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
