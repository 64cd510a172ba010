"""Reads one canonical Nepal mobile number from whatever a spreadsheet cell holds.

`phonenumbers`, a maintained copy of the world's numbering plans, decides what a mobile number is. A number that is
already clean is recognised by the installed plan's own pattern, without a parse. The library is loaded with the first
number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from numbers import Integral

from airflow_provider_tingting.contacts.legacy_font import is_legacy_number
from airflow_provider_tingting.contacts.number_text import holds_several, mobile_candidates, readable
from airflow_provider_tingting.masking import HIDDEN, mask_number

#: Why a number is refused, and what to do about it. The keys are the values of `InvalidNumberError.reason`.
REASONS = {
    "empty": "has no number; fill it in or remove the row",
    "lost_digits": "has lost digits to scientific notation or rounding; format the column as text and enter the "
    "numbers again",
    "failed_formula": "is a formula that failed; correct the formula, or enter the number",
    "legacy_font": "is typed in a legacy Nepali font such as Preeti; convert the column to Unicode",
    "landline": "is a landline; use the contact's mobile number, or number_policy='as_is' if your account reaches it",
    "too_short": "has too few digits; a Nepal mobile has ten",
    "too_long": "has too many digits; a Nepal mobile has ten",
    "foreign": "is not a number of Nepal; leave it out, or use number_policy='as_is' if your account reaches it",
    "not_a_number": "is not a phone number; check the cell, and that the right column was chosen",
    "not_a_mobile": "begins like no mobile number of Nepal; correct it, or use number_policy='as_is' if it is right",
    "several_numbers": "holds more than one number; keep one, give each its own row, or use several_numbers=",
}

#: Which carrier owns which mobile prefix, with TingTing's names. Nepal Doorsanchar (974 to 976) is Nepal Telecom. Kept
#: as a table because the carrier data of `phonenumbers` costs 45 MiB; a test compares the two.
_CARRIERS = {
    **dict.fromkeys(("974", "975", "976", "984", "985", "986"), "NTC"),
    **dict.fromkeys(("900", "970", "971", "980", "981", "982"), "Ncell"),
}

#: Texts that databases and data frames write for a missing value.
PLACEHOLDERS = frozenset(
    ("nan", "NaN", "NAN", "null", "NULL", "Null", "None", "none", "<NA>", "NaT", "N/A", "n/a", "NA")
)

_WRAPPING = "='\"`\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}"
# `Mob: 98…`, `p:+977…` (an export of Facebook leads), `मो. ९८…`; a label of one letter needs a colon.
_LABEL = re.compile(
    r"(?:(?:p|m|t)\s*:|(?:tel|telephone|phone|ph|mobile|mob|cell|whatsapp|viber|contact|number|ntc|ncell|मो|मोबाइल|मोबाईल|फोन|सम्पर्क)"
    r"(?:[\s.]*(?:number|no|नम्बर|नम्वर|नंबर|नं|न))?(?:\s*[.:-]+|\s))\s*(?=[+(=\d])",
    re.IGNORECASE,
)
# `98… (NTC)`: what people write after a number.
_NOTE = re.compile(
    r"[\s(\[,/-]+(?:ntc|nt|ncell|smart|smartcell|utl|sky|gsm|cdma|mobile|mob|whatsapp|viber)\s*[.)\]]*$",
    re.IGNORECASE,
)
_AFTER_NUMBER = ",;/|.\N{DEVANAGARI DANDA} \t\r\n"
_SCIENTIFIC = re.compile(r"[+-]*\d+(?:[.,]\d*)?[eE][+-]?\d+")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{2,3})+(?:\.0*)?")
_WHOLE = re.compile(r"(\+*\d+)[.]0*")
_FRACTION = re.compile(r"\+*\d+[.,]\d{1,2}")
_NEGATIVE = re.compile(r"-\d")
_SEPARATORS_BUT_POINTS = re.compile(r"[\s()\[\]{}_-]+")
_SEPARATORS = re.compile(r"[\s().\[\]{}_-]+")
_DIALLED = re.compile(r"(\+*)(\d+)", re.ASCII)
_DATE = re.compile(r"(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2\d{4})(?:[T ].*)?", re.ASCII)
_LONGEST_CELL = 100
#: Digits of the shortest telephone number.
SHORTEST_NUMBER = 7
_LONGEST_NUMBER = 15
#: Digits of a landline of Nepal, without its leading zero.
_LANDLINE = 8
#: A longer integer is not a telephone number, and Python refuses to write immense ones out.
_LARGEST_INTEGER = 10**30
#: A float with fewer significant digits is what 9.84E+09 becomes on its way through JSON or a native template.
_ROUNDED_FLOAT_ZEROS = 6


#: What spreadsheets show for a formula that failed: no value, and nothing to be read aloud.
FAILED_FORMULAS = frozenset(
    (
        *("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#GETTING_DATA", "#SPILL!", "#CALC!"),
        *("#FIELD!", "#BLOCKED!", "#UNKNOWN!", "#CONNECT!", "#BUSY!", "#EXTERNAL!", "#PYTHON!"),
        *(f"Err:{number}" for number in range(501, 541)),
    )
)


class InvalidNumberError(ValueError):
    """A value is not a number that can be contacted; the text is one masked sentence with what to do.

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

    Accepted are the country code (`+977`, `00977`, `977`) and the trunk `0`; spaces, dashes, dots, brackets and
    invisible characters; Devanagari and other decimal digits; integers and whole floats such as `9841234567.0`; the
    wrappings with which spreadsheets keep text (`'9841234567`, `="9841234567"`); labels (`Mob: …`, `whatsapp:…`), a
    carrier behind the number (`… (NTC)`), and a separator at the end (`9841234567,`).

    :param value: the cell's value.
    :raises InvalidNumberError: with the reason, when it is not a Nepal mobile.
    """
    mobile = _mobile_pattern()
    text = str(value) if type(value) is int and 0 < value < _LARGEST_INTEGER else value
    if type(text) is str and mobile.fullmatch(text):
        return text
    plus, digits = _dialled(value)
    national = _national(plus, digits)
    if mobile.fullmatch(national):
        return national
    reason, national = _parse(plus, digits)
    if reason:
        raise _refused(reason, value)
    return national


def are_canonical(values: Sequence[str]) -> bool:
    """Return whether `normalise` returns each text as it is.

    :param values: the texts of a column's cells.
    """
    lines = "\n".join(values) + "\n"
    return lines.count("\n") == len(values) and _mobile_pattern(lines=True).fullmatch(lines) is not None


def normalise_all(value: object) -> list[str]:
    """Return the Nepal mobiles of a cell that holds one number or several, such as `9841234567/68`.

    :param value: the cell's value.
    :raises InvalidNumberError: with the reason, when it holds no Nepal mobile, or a text beside the number.
    """
    try:
        return [normalise(value)]
    except InvalidNumberError as error:
        found = mobiles_in(value) if error.reason == "several_numbers" else []
        if not found:
            raise
        return found


def as_is(value: object) -> str:
    """Return the number as written, for accounts with other rules than Nepal's mobiles.

    Separators, invisible characters, labels and wrappings are removed; other scripts' digits become ASCII. A leading
    `+` stays.

    :param value: the cell's value.
    :raises InvalidNumberError: when the cell is empty, holds several numbers or a date, has lost digits, or has fewer
        than 7 or more than 15 digits.
    """
    if isinstance(value, str) and _DATE.fullmatch(readable(value).strip()):
        raise _refused("not_a_number", value)
    plus, digits = _dialled(value)
    if isinstance(value, str) and holds_several(readable(value), SHORTEST_NUMBER):
        raise _refused("several_numbers", value)
    if len(digits) < SHORTEST_NUMBER:
        raise _refused("too_short", value)
    if len(digits) > _LONGEST_NUMBER:
        raise _refused("too_long", value)
    return plus + digits


def same_in_all_forms(value: object) -> str:
    """Return one text for a number however it is written: with and without `+`, `00`, the country code of Nepal
    and the zero behind it.

    :param value: the cell's value.
    :raises InvalidNumberError: as for `as_is`.
    """
    try:
        return normalise(value)
    except InvalidNumberError:
        number = as_is(value).removeprefix("+").removeprefix("00")
    # A zero before the country code is a mistake that leaves no doubt about the number.
    bare = number.removeprefix("0")
    national = bare[3:].removeprefix("0") if bare.startswith("977") else ""
    for mobile in (bare, national):
        if _mobile_pattern().fullmatch(mobile):
            return mobile
    # A landline of Nepal: an area code and a number of eight digits together.
    return f"0{national}" if len(national) == _LANDLINE else number


#: How each `number_policy` reads a number.
READERS = {"nepal_mobile": normalise, "as_is": as_is}


def policy_for(number: object) -> str | None:
    """Return the strictest `number_policy` that takes a number; None when none does.

    :param number: the number.
    """
    for policy, read in READERS.items():
        try:
            read(number)
        except InvalidNumberError:
            continue
        return policy
    return None


def mobiles_in(value: object) -> list[str]:
    """Return the Nepal mobiles that a text holds among other things, such as `9841234567 (Sita)`, each once.

    A number written by its last digits (`9841234567/68`) is completed from the one before it.

    :param value: the cell's value; anything but a text holds none.
    """
    if not isinstance(value, str):
        return []
    return [number for number in mobile_candidates(value) if _mobile_pattern().fullmatch(number)]


def trailing_zeros(number: str) -> int:
    """Return with how many zeros a number ends: a number that a spreadsheet has rounded ends with four or more.

    :param number: its digits.
    """
    return len(number) - len(number.rstrip("0"))


def carrier(number: str) -> str:
    """Return the carrier of a number by its prefix, as TingTing names them: `NTC`, `Ncell` or `other`.

    A ported number keeps its prefix, so this is an estimate.

    :param number: a canonical ten-digit number.
    """
    return _CARRIERS.get(number[:3], "other")


@cache
def _mobile_pattern(*, lines: bool = False) -> re.Pattern[str]:
    """Return the installed numbering plan's own pattern of Nepal's mobiles: one of them, or one on each line."""
    from phonenumbers import PhoneMetadata

    plan = PhoneMetadata.metadata_for_region("NP")
    if plan is None or plan.mobile is None or plan.general_desc is None:  # pragma: no cover - no version lacks them
        raise RuntimeError("The installed phonenumbers has no numbering plan of Nepal; install another version of it.")
    general, mobile = plan.general_desc.national_number_pattern, plan.mobile.national_number_pattern
    if lines:
        return re.compile(rf"(?:(?=(?:{general})\n)(?:{mobile})\n)*", re.ASCII)
    return re.compile(rf"(?=(?:{general})\Z)(?:{mobile})", re.ASCII)


def _national(plus: str, digits: str) -> str:
    """Return the digits without country code and trunk `0`, where they can be nothing else."""
    if digits.startswith("00977") and not plus:
        return digits[5:].removeprefix("0")
    if digits.startswith("977") and (plus or len(digits) > 10):
        return digits[3:].removeprefix("0")
    return "" if plus else digits.removeprefix("0")


def _parse(plus: str, digits: str) -> tuple[str, str]:
    """Return why `phonenumbers` refuses a number (empty if it does not), and the national number."""
    import phonenumbers

    # Seven digits are a number of the Kathmandu valley without its area code.
    if not plus and len(digits) == SHORTEST_NUMBER and digits[0] in "456":
        return "landline", ""
    try:
        parsed = phonenumbers.parse(plus + digits, "NP")
    except phonenumbers.NumberParseException as error:
        kind = phonenumbers.NumberParseException
        if error.error_type == kind.TOO_LONG:
            return "too_long", ""
        return ("not_a_number" if error.error_type == kind.INVALID_COUNTRY_CODE else "too_short"), ""
    if parsed.country_code != 977:
        # A number that its country does not have may be a mobile of Nepal with a wrong prefix: `+9841234567`.
        return "foreign" if phonenumbers.is_valid_number(parsed) else "not_a_number", ""
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
    """Return what one would dial for a value: `+` or nothing, and ASCII digits."""
    text = readable(_text_of(value)).strip()
    text = _NOTE.sub("", _LABEL.sub("", text.strip(_WRAPPING).strip(), count=1))
    text = text.strip(_WRAPPING).strip().rstrip(_AFTER_NUMBER)
    if not any(char.isalnum() for char in text):
        if is_legacy_number(text, SHORTEST_NUMBER):
            raise _refused("legacy_font", value)
        raise InvalidNumberError("empty", "The cell")
    if text in FAILED_FORMULAS:
        raise InvalidNumberError("failed_formula", "The cell")
    if text in PLACEHOLDERS:
        raise InvalidNumberError("empty", "The cell")
    if len(text) > _LONGEST_CELL:
        raise _refused("not_a_number", value)
    if _NEGATIVE.match(text):
        raise _refused("not_a_number", value)
    # The rules about points apply to the text without other separators, so that they hold behind every prefix.
    squeezed = _SEPARATORS_BUT_POINTS.sub("", text)
    if _SCIENTIFIC.fullmatch(squeezed):
        squeezed = _unscientific(text, value)
    elif _THOUSANDS.fullmatch(squeezed):
        squeezed = squeezed.replace(",", "")
    if whole := _WHOLE.fullmatch(squeezed):
        squeezed = whole.group(1)
    # Otherwise a number with a decimal point, 984123456.7, would become another number.
    if _FRACTION.fullmatch(squeezed):
        raise _refused("not_a_number", value)
    dialled = _DIALLED.fullmatch(_SEPARATORS.sub("", squeezed))
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
        if abs(whole) >= _LARGEST_INTEGER:
            raise InvalidNumberError("too_long", HIDDEN)
        if isinstance(value, float) and trailing_zeros(str(whole)) >= _ROUNDED_FLOAT_ZEROS:
            raise _refused("lost_digits", str(whole))
        return str(whole)
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise _refused("not_a_number", value)
    whole = int(value)
    if abs(whole) >= _LARGEST_INTEGER:
        raise InvalidNumberError("too_long", HIDDEN)
    return str(whole)


def _unscientific(text: str, value: object) -> str:
    """Return `9.841234567E+09` written out; refuse `9.84E+09`, whose last digits are gone."""
    try:
        number = Decimal(text.replace(",", ".").strip(" ()[]{}"))
    except ArithmeticError:
        # With a prefix or separators inside it is not a number that a spreadsheet has written.
        raise _refused("lost_digits", value) from None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent > 0:
        raise _refused("lost_digits", value)
    if number < 0 or number != int(number):
        raise _refused("not_a_number", value)
    return str(int(number))


def _refused(reason: str, value: object) -> InvalidNumberError:
    shown = str(value)
    if (
        reason in {"not_a_number", "too_long"}
        and isinstance(value, str)
        and holds_several(readable(shown), SHORTEST_NUMBER)
    ):
        reason = "several_numbers"
    return InvalidNumberError(reason, mask_number(shown) if len(shown) <= _LONGEST_CELL else HIDDEN)
