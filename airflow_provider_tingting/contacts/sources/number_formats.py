"""Shows numbers and dates as a spreadsheet does, by the number formats of their cells.

A format is known when its parts are: digits, thousands, decimals and per cent; years, months, days and hours. What
follows the settings of the reader's computer (the short date, the system's long date), other calendars and languages
are not known: such dates are written as ISO 8601 has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from xml.etree.ElementTree import Element

#: `numFmtId` and code of the formats that no file writes out (ECMA-376 part 1, 18.8.30). Empty: a date whose look
#: depends on the computer.
_BUILT_IN = {
    **{2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%"},
    **dict.fromkeys((37, 38), "#,##0"),
    **dict.fromkeys((39, 40), "#,##0.00"),
    **{15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss"},
    **{45: "mm:ss", 46: "[h]:mm:ss", 47: "mmss.0"},
}
_DATES_OF_A_COMPUTER = frozenset((14, 22, *range(27, 37), *range(50, 59)))
_NUMBER = re.compile(r"(?P<zeros>0{2,})|(?P<grouped>#,##)?0(?:\.(?P<decimals>0+))?(?P<percent>%)?")
_TOKEN = re.compile(
    r'\[\$-(?P<locale>[0-9A-Za-z-]+)\]|"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|(?P<elapsed>\[h+\])|(?P<half>AM/PM)'
    r"|(?P<part>y+|m+|d+|h+|s+)|(?P<literal>[-/., :])",
    re.IGNORECASE,
)
#: Letters of dates outside of brackets, texts and escapes.
_HIDDEN_LETTERS = re.compile(r'"[^"]*"|\\.|_.|\[(?!h+\]|m+\]|s+\])[^]]*\]', re.IGNORECASE)
_DURATION = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
#: What programs write for each date: it shows a time of 00:00:00 where only a date is meant.
_OF_PROGRAMS = re.compile(r"yyyy-mm-dd[ t]hh?:mm:ss", re.IGNORECASE)
_LONGEST_PARTS = {"y": 4, "m": 4, "d": 4, "h": 2, "s": 2}
_NAMED = frozenset(("mmm", "mmmm", "ddd", "dddd", "half"))
_OF_DURATIONS = frozenset(("elapsed", "minute", "minutes", "s", "ss"))
_ENGLISH = 0x09
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

Moment = date | time | timedelta


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How a spreadsheet shows the numbers of a cell.

    :param digits: the least digits, with zeros in front.
    :param decimals: the digits after the point.
    :param is_grouped: whether commas stand between thousands.
    :param is_percent: whether it shows per cent.
    """

    digits: int = 1
    decimals: int = 0
    is_grouped: bool = False
    is_percent: bool = False

    def show(self, value: float) -> str:
        """Return a number as the spreadsheet shows it.

        :param value: the stored number.
        """
        number = Decimal(f"{value:.15g}") * (100 if self.is_percent else 1)
        rounded = number.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)
        sign, text = "-" if rounded < 0 else "", f"{abs(rounded):{',' if self.is_grouped else ''}f}"
        return f"{sign}{text.zfill(self.digits)}{'%' if self.is_percent else ''}"


@dataclass(frozen=True, slots=True)
class DateFormat:
    """How a spreadsheet shows the dates, times and durations of a cell.

    :param parts: the format's parts (`yyyy`, `minute`, …) and the texts between them, which begin with `"`; empty when
        the format is not known.
    :param is_duration: whether hours count beyond a day.
    """

    parts: tuple[str, ...] = ()
    is_duration: bool = False

    def show(self, value: Moment) -> str | None:
        """Return a moment as the spreadsheet shows it; None when that is not known.

        :param value: the cell's value.
        """
        if not self.parts or isinstance(value, timedelta) != self.is_duration:
            return None
        if isinstance(value, timedelta):
            return self._written(datetime.min, int(value.total_seconds() + 0.5)) if value >= timedelta() else None
        if isinstance(value, time):
            if any(part[0] in "yd" or part.startswith("mmm") or part in {"m", "mm"} for part in self.parts):
                # Spreadsheets show a day of January 1900 for it.
                return None
            return self._written(datetime.combine(date.min, value))
        return self._written(value if isinstance(value, datetime) else datetime.combine(value, time()))

    def _written(self, moment: datetime, elapsed: int = 0) -> str:
        if "s" in self.parts or "ss" in self.parts:
            moment += timedelta(microseconds=500_000 if moment.microsecond >= 500_000 else 0)
        hour, minute, second = moment.hour, moment.minute, moment.second
        if self.is_duration:
            minute, second = elapsed // 60 % 60, elapsed % 60
        if "half" in self.parts:
            hour = hour % 12 or 12
        values = {
            **{"yyyy": f"{moment.year:04}", "yy": f"{moment.year % 100:02}"},
            **{"m": f"{moment.month}", "mm": f"{moment.month:02}", "mmmm": _MONTHS[moment.month - 1]},
            **{"mmm": _MONTHS[moment.month - 1][:3], "d": f"{moment.day}", "dd": f"{moment.day:02}"},
            **{"ddd": _DAYS[moment.weekday()][:3], "dddd": _DAYS[moment.weekday()]},
            **{"h": f"{hour}", "hh": f"{hour:02}", "minute": f"{minute}", "minutes": f"{minute:02}"},
            **{"s": f"{second}", "ss": f"{second:02}", "half": "AM" if moment.hour < 12 else "PM"},
            **{"elapsed": f"{elapsed // 3600}"},
        }
        return "".join(part[1:] if part[0] == '"' else values[part] for part in self.parts)


Format = NumberFormat | DateFormat


def formats_of(stylesheet: Element) -> dict[int, Format]:
    """Return the formats that change how a number looks, by the index of the cell style.

    :param stylesheet: the root of a workbook's styles.
    """
    codes: dict[int, str] = dict(_BUILT_IN)
    found: dict[int, Format] = {}
    for element in stylesheet.iter():
        kind = element.tag.rpartition("}")[2]
        if kind == "numFmt":
            codes[_integer(element.get("numFmtId"))] = element.get("formatCode", "")
        elif kind == "cellXfs":
            for index, style in enumerate(element):
                number = _integer(style.get("numFmtId"))
                shown = _read(codes[number]) if number in codes else None
                if number in _DATES_OF_A_COMPUTER and number not in codes:
                    shown = DateFormat()
                if shown is not None:
                    found[index] = shown
    return found


def shows_something(formats: Mapping[int, Format]) -> bool:
    """Return whether a format is among them that changes how a cell looks.

    :param formats: from `formats_of`.
    """
    return any(not isinstance(one, DateFormat) or one.parts for one in formats.values())


def _integer(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else -1


def _read(code: str) -> Format | None:
    """Return a format; None for General, texts and what is not known."""
    code = code.partition(";")[0].strip()
    if re.search(r"[ymdhs]", _HIDDEN_LETTERS.sub("", code), re.IGNORECASE) and "general" not in code.lower():
        return DateFormat(_parts_of(code), _DURATION.search(code) is not None)
    found = _NUMBER.fullmatch(re.sub(r"_.|\\[ ()-]", "", code).strip())
    if found is None or code == "0":
        return None
    decimals = len(found["decimals"] or "")
    return NumberFormat(len(found["zeros"] or "0"), decimals, bool(found["grouped"]), bool(found["percent"]))


def _parts_of(code: str) -> tuple[str, ...]:
    """Return the parts of a date's format; none when one of them is not known."""
    if _OF_PROGRAMS.fullmatch(re.sub(r'\\(.)|"([^"]*)"', r"\1\2", code)):
        return ()
    parts: list[str] = []
    locale, position = "", 0
    for token in _TOKEN.finditer(code):
        if token.start() != position:
            return ()
        position = token.end()
        kind, text = token.lastgroup, token[0]
        if kind == "locale":
            locale = token["locale"]
        elif kind in {"elapsed", "half"}:
            parts.append(kind)
        elif kind == "part":
            if len(text) > _LONGEST_PARTS[text[0].lower()]:
                return ()
            parts.append(text.lower())
        else:
            parts.append(f'"{token[str(kind)]}')
    if position != len(code):
        return ()
    parts = list(_with_minutes(parts))
    if "elapsed" in parts and not _OF_DURATIONS.issuperset(part for part in parts if part[0] != '"'):
        return ()
    return tuple(parts) if _is_known(locale, _NAMED.isdisjoint(parts)) else ()


def _with_minutes(parts: list[str]) -> Iterator[str]:
    """Yield the parts; `m` behind hours or before seconds means minutes."""
    units = [part for part in parts if part[0] != '"']
    at = 0
    for part in parts:
        if part[0] == '"':
            yield part
            continue
        before = units[at - 1] if at else ""
        behind = units[at + 1] if at + 1 < len(units) else ""
        at += 1
        if part in {"m", "mm"} and (before in {"h", "hh", "elapsed"} or behind in {"s", "ss"}):
            yield "minute" if part == "m" else "minutes"
        elif part[0] == "y":
            yield "yy" if len(part) < 3 else "yyyy"
        else:
            yield part


def _is_known(locale: str, is_without_names: bool) -> bool:
    """Return whether a locale writes these parts as English does."""
    if not re.fullmatch(r"[0-9A-Fa-f]+", locale):
        return locale == "" or locale.lower().startswith("en-")
    number = int(locale, 16)
    if number > 0xFFFF or number in {0xF800, 0xF400}:
        # Another calendar or other digits, or the long date of the computer.
        return False
    return is_without_names or number & 0x3FF == _ENGLISH
