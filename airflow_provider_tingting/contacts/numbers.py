"""One canonical Nepal mobile number from whatever a spreadsheet may hold.

The verdict is that of `phonenumbers`, the kept copy of the world's numbering plans. It is asked only where needed:
its own pattern of Nepal's mobiles, taken from whichever version is installed, recognises a number that is already
clean. Imports the standard library; `phonenumbers` is loaded with the first number.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from functools import cache
from numbers import Integral

from airflow_provider_tingting.masking import HIDDEN, mask_number

#: Why a number is refused, and what to do about it. The keys are the values of `InvalidNumberError.reason`.
REASONS = {
    "empty": "has no number; fill it in or remove the row",
    "lost_digits": "has lost digits to scientific notation; format the column as text and enter the numbers again",
    "landline": "is a landline, which TingTing does not reach; use the contact's mobile number",
    "too_short": "has too few digits; a Nepal mobile has ten",
    "too_long": "has too many digits; a Nepal mobile has ten",
    "foreign": "is not a number of Nepal; leave it out, or use number_policy='as_is' if your account reaches it",
    "not_a_number": "is not a phone number; check the cell, and that the right column was chosen",
    "not_a_mobile": "begins like no mobile number of Nepal; correct it, or use number_policy='as_is' if it is right",
    "several_numbers": "holds more than one number; keep one, or give each its own row",
}

#: Who owns which mobile prefix. Nepal Doorsanchar (974 to 976) is Nepal Telecom. The names are TingTing's. Kept as a
#: table because the carrier data of `phonenumbers` costs 45 MiB; a test holds the two against each other.
_CARRIERS = {
    **dict.fromkeys(("974", "975", "976", "984", "985", "986"), "NTC"),
    **dict.fromkeys(("900", "970", "971", "980", "981", "982"), "Ncell"),
}

_INVISIBLE = "Cf"
_NOT_ASCII = {"Pd": "-", "Ps": "(", "Pe": ")", "Zs": " ", "Zl": " ", "Zp": " "}
_WRAPPING = "='\"`\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}"
_SCIENTIFIC = re.compile(r"[+-]?\d+(?:[.,]\d*)?[eE][+-]?\d+")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{2,3})+(?:\.0*)?")
_WHOLE = re.compile(r"(\+?\d+)\.0*")
_FRACTION = re.compile(r"[+-]?\d+[.,]\d{1,2}")
_BETWEEN_NUMBERS = re.compile(r"[\s/,;|&]+")
_SEPARATORS = re.compile(r"[\s().\[\]{}_-]+")
_DIALLED = re.compile(r"(\+*)(\d+)", re.ASCII)
_LONGEST_CELL = 100
_SHORTEST_NUMBER = 7


class InvalidNumberError(ValueError):
    """A value is no number that can be contacted; the text is one masked sentence with what to do.

    :param reason: a key of `REASONS`.
    :param shown: the value as it may be shown, already masked.
    """

    def __init__(self, reason: str, shown: str) -> None:
        super().__init__(f"{shown} {REASONS[reason]}.")
        self.reason = reason
        self._shown = shown

    def __reduce__(self) -> tuple[type[InvalidNumberError], tuple[str, str]]:
        return type(self), (self.reason, self._shown)


def normalise(value: object) -> str:
    """Return the canonical ten-digit Nepal mobile that a cell holds.

    Understood are the country code (`+977`, `00977`, `977`) and the trunk `0`, spaces, dashes, dots, brackets,
    invisible characters, Devanagari and other decimal digits, integers, whole floats such as `9841234567.0`, and the
    wrappings spreadsheets use to keep text (`'9841234567`, `="9841234567"`).

    :param value: the cell's value.
    :raises InvalidNumberError: with the reason, when it is no Nepal mobile.
    """
    mobile = _mobile()
    text = str(value) if type(value) is int else value
    if type(text) is str and mobile.fullmatch(text):
        return text
    plus, digits = _dialled(value)
    national = _national(plus, digits)
    if mobile.fullmatch(national):
        return national
    reason, national = _verdict(plus, digits)
    if reason:
        raise _refused(reason, value)
    return national


def as_is(value: object) -> str:
    """Return the number as written, for accounts with other rules than Nepal's mobiles.

    Only the dressing goes: separators, invisible characters and wrappings; other scripts' digits become ASCII. A
    leading `+` stays.

    :param value: the cell's value.
    :raises InvalidNumberError: when the cell is empty, holds several numbers, has lost digits, is longer than any
        telephone number (15 digits), or is none at all.
    """
    plus, digits = _dialled(value)
    if len(digits) > 15:
        raise _refused("too_long", value)
    return plus + digits


#: How each `number_policy` reads a number.
READERS = {"nepal_mobile": normalise, "as_is": as_is}


def carrier(number: str) -> str:
    """Return whose number this is by its prefix, as TingTing names them: `NTC`, `Ncell` or `other`.

    A number that was taken to another carrier keeps its prefix, so this is an estimate.

    :param number: a canonical ten-digit number.
    """
    return _CARRIERS.get(number[:3], "other")


@cache
def _mobile() -> re.Pattern[str]:
    """Return the installed numbering plan's own pattern of Nepal's mobiles."""
    from phonenumbers import PhoneMetadata

    plan = PhoneMetadata.metadata_for_region("NP")
    if plan is None or plan.mobile is None or plan.general_desc is None:  # pragma: no cover - no version lacks them
        raise RuntimeError("The installed phonenumbers has no numbering plan of Nepal; install another version of it.")
    general, mobile = plan.general_desc.national_number_pattern, plan.mobile.national_number_pattern
    return re.compile(rf"(?=(?:{general})\Z)(?:{mobile})", re.ASCII)


def _national(plus: str, digits: str) -> str:
    """Take country code and trunk `0` off, where they can be nothing else."""
    if digits.startswith("00977") and not plus:
        return digits[5:].removeprefix("0")
    if digits.startswith("977") and (plus or len(digits) > 10):
        return digits[3:].removeprefix("0")
    return "" if plus else digits.removeprefix("0")


def _verdict(plus: str, digits: str) -> tuple[str, str]:
    """Ask `phonenumbers`: a reason to refuse (empty for none) and the national number."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(plus + digits, "NP")
    except phonenumbers.NumberParseException as error:
        kind = phonenumbers.NumberParseException
        if error.error_type == kind.TOO_LONG:
            return "too_long", ""
        return ("foreign" if error.error_type == kind.INVALID_COUNTRY_CODE else "too_short"), ""
    if parsed.country_code != 977:
        return "foreign", ""
    national = phonenumbers.national_significant_number(parsed)
    kind_of_number = phonenumbers.number_type(parsed)
    if kind_of_number in {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE}:
        return "", national
    if kind_of_number == phonenumbers.PhoneNumberType.FIXED_LINE:
        return "landline", ""
    if kind_of_number != phonenumbers.PhoneNumberType.UNKNOWN or len(national) == 10:
        return "not_a_mobile", ""
    return ("too_short" if len(national) < 10 else "too_long"), ""


def _dialled(value: object) -> tuple[str, str]:
    """Undress a value to what one would dial: `+` or nothing, and ASCII digits."""
    text = readable(_text_of(value)).strip()
    text = text.strip(_WRAPPING).strip()
    text = text[4:] if text[:4].lower() == "tel:" else text
    if not any(char.isalnum() for char in text):
        raise InvalidNumberError("empty", "The cell")
    if len(text) > _LONGEST_CELL:
        raise _refused("not_a_number", value)
    if _SCIENTIFIC.fullmatch(text):
        text = _unscientific(text, value)
    elif _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    if whole := _WHOLE.fullmatch(text):
        text = whole.group(1)
    # Half a spreadsheet number would otherwise become a whole, wrong one: 984123456.7.
    if _FRACTION.fullmatch(text) or re.match(r"-\d", text):
        raise _refused("not_a_number", value)
    dialled = _DIALLED.fullmatch(_SEPARATORS.sub("", text))
    if dialled is None:
        raise _refused("not_a_number", value)
    plus, digits = dialled.groups()
    return plus[:1], digits


def _text_of(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float | Decimal):
        if value != value:
            return ""
        try:
            whole = int(value)
        except OverflowError:
            raise _refused("not_a_number", value) from None
        if whole != value:
            raise _refused("not_a_number", value)
        return str(whole)
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise _refused("not_a_number", value)
    return str(int(value))


def readable(text: str) -> str:
    """Bring every script's digits, dashes, brackets and spaces to ASCII, and drop what cannot be seen."""
    if text.isascii():
        return text
    return "".join(map(_ascii, text))


def _ascii(char: str) -> str:
    if char.isascii():
        return char
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    category = unicodedata.category(char)
    if category == _INVISIBLE:
        return ""
    # The full-width +, ., /, = and their like, and the mathematical minus; but a raised ² is no digit of a number.
    folded = _NOT_ASCII.get(category) or unicodedata.normalize("NFKC", char).replace("\N{MINUS SIGN}", "-")
    return char if folded.isdigit() else folded


def _unscientific(text: str, value: object) -> str:
    """Write `9.841234567E+09` out; refuse `9.84E+09`, whose last digits are gone."""
    number = Decimal(text.replace(",", "."))
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent > 0:
        raise _refused("lost_digits", value)
    if number < 0 or number != int(number):
        raise _refused("not_a_number", value)
    return str(int(number))


def _refused(reason: str, value: object) -> InvalidNumberError:
    shown = str(value)
    if reason in {"not_a_number", "too_long"} and isinstance(value, str):
        pieces = _BETWEEN_NUMBERS.split(readable(shown[:_LONGEST_CELL]))
        if sum(len(re.findall(r"\d", piece)) >= _SHORTEST_NUMBER for piece in pieces) > 1:
            reason = "several_numbers"
    return InvalidNumberError(reason, mask_number(shown) if len(shown) <= _LONGEST_CELL else HIDDEN)
