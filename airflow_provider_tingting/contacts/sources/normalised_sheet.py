"""Rewrites a sheet's XML in the one form that spreadsheet programs write.

Valid sheets differ in namespaces, prefixes, quotation marks and encodings, leave out the places of cells, and store one
value in several ways. What reads the form that this module writes needs to know one of these only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import IO
from xml.parsers import expat
from xml.sax.saxutils import escape

from airflow_provider_tingting.errors import TingTingContactsError

_NAMESPACES = frozenset(
    ("http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://purl.oclc.org/ooxml/spreadsheetml/main", "")
)
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PLACE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?)?|\d\d:\d\d(?::\d\d(?:\.\d+)?)?", re.ASCII)
_ON = frozenset(("1", "true", "on"))
_ENOUGH = 5_000


def write_normalised(source: IO[bytes], target: IO[bytes], name: str) -> None:
    """Write a sheet with the places and values of its cells, its hidden rows and columns, and its merged cells.

    A cell with an error holds its text, and so does a cell whose number cannot be read; a number that is none (`NaN`)
    is blank. Of formulas only those stay that have no result.

    :param source: the sheet's XML.
    :param target: where the new XML goes.
    :param name: the file's name, for errors.
    :raises TingTingContactsError: the XML is broken, or contradicts itself about the places of its cells.
    """
    rewriter = _Rewriter(target.write, name)
    try:
        rewriter.parser.ParseFile(source)
    except expat.ExpatError as error:
        raise rewriter.damaged(str(error)) from None
    rewriter.close()


class _Rewriter:
    def __init__(self, write: Callable[[bytes], object], name: str) -> None:
        self._write = write
        self._name = name
        self._out: list[str] = [f'<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="{_MAIN}">']
        self._row = self._column = 0
        self._cells: dict[int, str] = {}
        self._attributes: dict[str, str] = {}
        self._text: list[str] | None = None
        self._value: str | None = None
        self._inline: list[str] | None = None
        self._has_formula = self._in_cells = self._is_phonetic = False
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype

    def close(self) -> None:
        """Write what is left."""
        self._out.append("</worksheet>")
        self._flush()

    def damaged(self, what: str) -> TingTingContactsError:
        """Return the error of a broken sheet.

        :param what: what is wrong with it.
        """
        return TingTingContactsError(
            f"{self._name} is a damaged workbook ({what}). Open it in a spreadsheet program and save it as .xlsx "
            "again, or give a .csv."
        )

    def _flush(self) -> None:
        self._write("".join(self._out).encode())
        self._out.clear()

    def _doctype(self, *_: object) -> None:
        raise self.damaged("its sheet declares a document type")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        namespace, _, local = tag.rpartition(" ")
        if namespace not in _NAMESPACES:
            return
        if not self._in_cells:
            self._start_outside(local, attributes)
        elif local == "row":
            self._start_row(attributes)
        elif local == "c":
            self._attributes, self._value, self._inline, self._has_formula = attributes, None, None, False
        elif local in {"v", "f"}:
            self._text = []
        elif local == "is":
            self._inline = []
        elif local == "t" and self._inline is not None and not self._is_phonetic:
            self._text = []
        elif local == "rPh":
            self._is_phonetic = True

    def _start_outside(self, local: str, attributes: dict[str, str]) -> None:
        if local == "sheetData":
            self._in_cells = True
            self._out.append("<sheetData>")
        elif local == "sheetFormatPr" and attributes.get("zeroHeight") in _ON:
            self._out.append('<sheetFormatPr zeroHeight="1"/>')
        elif local == "col" and attributes.get("hidden") in _ON:
            first, last = attributes.get("min", ""), attributes.get("max", "")
            if first.isdecimal() and last.isdecimal():
                self._out.append(f'<cols><col min="{int(first)}" max="{int(last)}" hidden="1"/></cols>')
        elif local == "mergeCell" and re.fullmatch(r"[A-Z0-9:]+", attributes.get("ref", "")):
            self._out.append(f'<mergeCells><mergeCell ref="{attributes["ref"]}"/></mergeCells>')

    def _start_row(self, attributes: dict[str, str]) -> None:
        number = attributes.get("r", "").strip()
        row = int(number) if number.isdecimal() else self._row + 1
        if row <= self._row or (number and not number.isdecimal()):
            raise self.damaged(f"its row {number} follows row {self._row}")
        self._row, self._column = row, 0
        hidden = attributes.get("hidden")
        shown = f' hidden="{1 if hidden in _ON else 0}"' if hidden is not None else ""
        self._out.append(f'<row r="{row}"{shown}>')

    def _end(self, tag: str) -> None:
        namespace, _, local = tag.rpartition(" ")
        if namespace not in _NAMESPACES or not self._in_cells:
            return
        if local == "c":
            self._end_cell()
        elif local == "row":
            self._out.extend(cell for _, cell in sorted(self._cells.items()))
            self._cells.clear()
            self._out.append("</row>")
            if len(self._out) > _ENOUGH:
                self._flush()
        elif local == "v":
            self._value, self._text = "".join(self._text or ()), None
        elif local == "f":
            self._has_formula, self._text = True, None
        elif local == "t" and self._inline is not None and self._text is not None:
            self._inline.append("".join(self._text))
            self._text = None
        elif local == "rPh":
            self._is_phonetic = False
        elif local == "sheetData":
            self._in_cells = False
            self._out.append("</sheetData>")

    def _characters(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def _end_cell(self) -> None:
        place = self._attributes.get("r", "").strip().upper()
        if place:
            found = _PLACE.fullmatch(place)
            if found is None or int(found[2]) != self._row:
                raise self.damaged(f"its row {self._row} has the cell {place[:12]}")
            self._column = _column_number(found[1])
        else:
            self._column += 1
            place = f"{_letters(self._column)}{self._row}"
        style = self._attributes.get("s", "").strip()
        start = f'<c r="{place}" s="{int(style)}"' if style.isdecimal() and int(style) else f'<c r="{place}"'
        content = self._content(place)
        if content is not None:
            self._cells[self._column] = f"{start}{content}</c>"

    def _content(self, place: str) -> str | None:
        """Return a cell's type and value; None when it is blank."""
        kind, value, inline = self._attributes.get("t", "n"), self._value, self._inline
        if inline is not None:
            return _inline("".join(inline))
        if self._has_formula and not value and kind != "str":
            return "><f>0</f>"
        if value is None or kind == "inlineStr":
            return None
        text = value.strip()
        if kind == "s":
            if text and not text.isdecimal():
                raise self.damaged(f"its cell {place} names the text {text[:12]!r} of a list")
            return f' t="s"><v>{int(text)}</v>' if text else None
        if kind == "b":
            return f' t="b"><v>{1 if text in _ON else 0}</v>' if text else None
        if kind == "d" and _MOMENT.fullmatch(text):
            return f' t="d"><v>{text}</v>'
        if kind == "n":
            try:
                return f"><v>{text}</v>" if math.isfinite(float(text)) else None
            except ValueError:
                return _inline(text) if text else None
        return _inline(value)


def _inline(text: str) -> str:
    written = escape(text, {"\r": "&#13;"})
    return f' t="inlineStr"><is><t xml:space="preserve">{written}</t></is>'


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _letters(column: int) -> str:
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
