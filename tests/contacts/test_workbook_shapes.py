"""Shapes of workbooks that other libraries were reported to read wrongly: read the same by both, or refused clearly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.raw_workbooks import (
    BOOK,
    CONTACT,
    NAME,
    NUMBER,
    OFFICE,
    RELATIONS,
    ROOT,
    SHEET,
    STRINGS,
    STYLES,
    TYPES,
    RawWorkbook,
    raw_workbook,
    row,
)

from airflow_provider_tingting.contacts.contact import plain_value
from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.errors import TingTingContactsError

PLAIN = raw_workbook()
BARE = "<row><c t='s'><v>{}</v></c><c t='s'><v>{}</v></c></row>".replace("'", '"')
ALL = (SHEET, STRINGS, STYLES, BOOK)
SECOND = f'<Relationship Id="r8" Type="{OFFICE}/worksheet" Target="worksheets/sheet2.xml"/>'
BOTH = '<sheet name="Other" sheetId="2" r:id="r8"{}/><sheet name="People" sheetId="1" r:id="r0"/>'
CHART = f'<Relationship Id="r8" Type="{OFFICE}/chartsheet" Target="chartsheets/sheet1.xml"/>'
TEXT_CELL = '<c t="inlineStr"><is><t>{}</t></is></c>'
INLINE = raw_workbook(
    row('<c r="B2" t="inlineStr"><is><t>Sita</t></is></c>', '<c r="A2"><v>9841234567</v></c>'),
    header="<row>" + TEXT_CELL.format("number") + TEXT_CELL.format("name") + "</row>",
)


def second(xml: str | bytes, state: str = "") -> RawWorkbook:
    """A workbook whose first sheet is another one."""
    return raw_workbook(sheets=BOTH.format(state), relations=SECOND).added("xl/worksheets/sheet2.xml", xml)


def cell(attributes: str, content: str, **options: Any) -> RawWorkbook:
    """A workbook whose name is another cell."""
    return raw_workbook(row(f'<c r="B2"{attributes}>{content}</c>'), **options)


READ_AS_SITA = {
    # where the parts are
    "absolute targets": PLAIN.changed(RELATIONS, 'Target="', 'Target="/xl/'),
    "targets with a dot": PLAIN.changed(RELATIONS, 'Target="', 'Target="./'),
    "targets with two dots": PLAIN.changed(RELATIONS, 'Target="', 'Target="../xl/'),
    "a target in another case": PLAIN.changed(RELATIONS, 'Target="worksheets/sheet1', 'Target="Worksheets/Sheet1'),
    "a part in another case": PLAIN.renamed(STRINGS, "xl/SharedStrings.xml"),
    "an escaped target": PLAIN.moved(SHEET, "xl/worksheets/my sheet.xml", "worksheets/my%20sheet.xml"),
    "a sheet in another folder": PLAIN.moved(SHEET, "xl/sheets/s.xml", "sheets/s.xml"),
    "a sheet outside": PLAIN.moved(SHEET, "sheets/s.xml", "../sheets/s.xml"),
    "texts elsewhere": PLAIN.moved(STRINGS, "xl/texts/t.xml", "texts/t.xml"),
    "an absolute workbook": PLAIN.changed(ROOT, 'Target="', 'Target="/'),
    "a workbook with a dot": PLAIN.changed(ROOT, 'Target="', 'Target="./'),
    "no relationships of the package": PLAIN.without(ROOT),
    "no content types": PLAIN.without(TYPES),
    "no styles": PLAIN.unlisted(STYLES),
    "styles that are listed only": PLAIN.without(STYLES),
    "relationships with a mode": PLAIN.changed(RELATIONS, "<Relationship ", '<Relationship TargetMode="Internal" '),
    "a theme that is missing": raw_workbook(
        relations=f'<Relationship Id="r9" Type="{OFFICE}/theme" Target="theme/theme1.xml"/>'
    ),
    # the other parts
    "properties with a date that is none": PLAIN.added(
        "docProps/core.xml",
        '<c:coreProperties xmlns:c="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        'xmlns:d="http://purl.org/dc/terms/"><d:created>yesterday</d:created></c:coreProperties>',
    ),
    "a defined name that is none": PLAIN.changed(
        BOOK,
        "</sheets>",
        '</sheets><definedNames><definedName name="_xlnm.Print_Titles" localSheetId="0">?</definedName></definedNames>',
    ),
    "styles with a fill that is none": PLAIN.changed(
        STYLES, "<cellXfs>", '<fills><fill><patternFill patternType="x"/></fill></fills><cellXfs>'
    ),
    "a rule of validation that is none": raw_workbook(
        behind='<dataValidations count="1"><dataValidation type="x" sqref="A1"/></dataValidations>'
    ),
    "a page size that is none": raw_workbook(behind='<pageSetup orientation="x" paperSize="y"/>'),
    "a filter that is none": raw_workbook(
        behind='<autoFilter ref="A1:B2"><filterColumn colId="0"><customFilters><customFilter operator="x"/>'
        "</customFilters></filterColumn></autoFilter>"
    ),
    "a protected sheet": raw_workbook(behind='<sheetProtection sheet="1" password="CC1A"/>'),
    "a template": PLAIN.changed(TYPES, ".sheet.main+xml", ".template.main+xml"),
    # sheets
    "a chart sheet": raw_workbook(sheets=BOTH.format(""), relations=CHART).added(
        "xl/chartsheets/sheet1.xml", '<chartsheet xmlns="http://x"/>'
    ),
    "a chart sheet that is missing": raw_workbook(sheets=BOTH.format(""), relations=CHART),
    "an empty sheet first": second('<worksheet xmlns="http://x"><sheetData/></worksheet>'),
    "a sheet with styles only first": second(
        '<worksheet xmlns="http://x"><sheetData><row r="1"><c r="A1" s="1"/></row></sheetData></worksheet>'
    ),
    "a hidden sheet first": second(str(PLAIN.parts[SHEET]), ' state="hidden"'),
    "a very hidden sheet first": second(str(PLAIN.parts[SHEET]), ' state="veryHidden"'),
    "a name with entities": raw_workbook(sheets='<sheet name="A &amp; B &lt;x&gt;" sheetId="1" r:id="r0"/>'),
    # how the XML is written
    "prefixes": PLAIN.prefixed(*ALL),
    "prefixes everywhere": PLAIN.prefixed(*ALL, ROOT, RELATIONS, TYPES),
    "single quotation marks": PLAIN.added(SHEET, str(PLAIN.parts[SHEET]).replace('"', "'")),
    "spaces around equals": PLAIN.changed(SHEET, ' r="2"', ' r = "2"'),
    "line ends between elements": PLAIN.added(SHEET, str(PLAIN.parts[SHEET]).replace("><", ">\n  <")),
    "spaces around values": PLAIN.changed(SHEET, "<v>3</v>", "<v> 3\n</v>"),
    "a comment with a hidden row": PLAIN.changed(
        SHEET, '<row r="2">', '<!-- <row r="9" hidden="1"><c r="A9"><v>1</v></c></row> --><row r="2">'
    ),
    "attributes in another order": raw_workbook(
        '<row spans="1:2" r="2"><c t="s" s="0" r="A2"><v>2</v></c><c t="s" r="B2"><v>3</v></c></row>'
    ),
    "UTF-16": PLAIN.added(SHEET, f'<?xml version="1.0" encoding="UTF-16"?>{PLAIN.parts[SHEET]}'.encode("utf-16")),
    "texts in UTF-16": PLAIN.added(
        STRINGS, f'<?xml version="1.0" encoding="UTF-16"?>{PLAIN.parts[STRINGS]}'.encode("utf-16")
    ),
    "texts in Latin-1": PLAIN.added(
        STRINGS, f'<?xml version="1.0" encoding="ISO-8859-1"?>{PLAIN.parts[STRINGS]}'.encode("latin-1")
    ),
    "no declaration": RawWorkbook(PLAIN.parts, declaration=""),
    "a byte order mark": RawWorkbook(PLAIN.parts, declaration='\ufeff<?xml version="1.0"?>'),
    # places
    "no places": raw_workbook(BARE.format(2, 3), header=BARE.format(0, 1)),
    "no places of rows": PLAIN.changed(SHEET, '<row r="1">', "<row>").changed(SHEET, '<row r="2">', "<row>"),
    "places of some cells": raw_workbook(
        '<row><c t="s"><v>2</v></c><c/><c/><c t="s"><v>3</v></c></row>',
        header='<row><c t="s"><v>0</v></c><c r="D1" t="s"><v>1</v></c></row>',
    ),
    "cells in another order": raw_workbook(f'<row r="2">{NAME}{NUMBER}</row>'),
    "a size that is too small": raw_workbook(before='<dimension ref="A1"/>'),
    "a size that is too large": raw_workbook(before='<dimension ref="A1:XFD1048576"/>'),
    "a size without a range": raw_workbook(before='<dimension ref=""/>'),
    "a size that begins elsewhere": raw_workbook(before='<dimension ref="B2:C9"/>'),
    "a row element at the end of all rows": raw_workbook(f'{CONTACT}<row r="3"/><row r="1048576"/>'),
    "hidden rows without values": raw_workbook(f'{CONTACT}<row r="3" hidden="1"><c r="A3" s="1"/></row>'),
    "a long tail of styled cells": raw_workbook(
        CONTACT + "".join(f'<row r="{n}"><c r="A{n}" s="1"/><c r="B{n}" s="1"/></row>' for n in range(3, 3000))
    ),
    # texts
    "a rich text": raw_workbook(text="<r><rPr><b/></rPr><t>Si</t></r><r><t>ta</t></r>"),
    "a text with its pronunciation": raw_workbook(
        text='<t>Sita</t><rPh sb="0" eb="1"><t>X</t></rPh><phoneticPr fontId="1"/>'
    ),
    "a text with outer spaces": raw_workbook(text='<t xml:space="preserve">  Sita </t>'),
    "a text of plain characters": raw_workbook(text="<t><![CDATA[Sita]]></t>"),
    "a text with a comment": raw_workbook(text="<t>Si<!-- c -->ta</t>"),
    "a text with a carriage return": raw_workbook(text="<t>Sita_x000D_</t>"),
    "a count of texts that is wrong": PLAIN.changed(STRINGS, "<sst ", '<sst count="1" uniqueCount="1" '),
    "an inline rich text": cell(' t="inlineStr"', "<is><r><t>Si</t></r><r><t>ta</t></r></is>"),
    "an inline text with its pronunciation": cell(
        ' t="inlineStr"', '<is><t>Sita</t><rPh sb="0" eb="1"><t>X</t></rPh></is>'
    ),
    "an inline text without its type": cell("", "<is><t>Sita</t></is>"),
    "the text of a formula": cell(' t="str"', '<f>A1&amp;"x"</f><v>Sita</v>'),
    "a text in a date's style": raw_workbook(row('<c r="B2" s="1" t="s"><v>3</v></c>')),
}
VALUES = {
    "an error": (cell(' t="e"', "<v>#N/A</v>"), "#N/A"),
    "an error that few libraries know": (cell(' t="e"', "<v>#SPILL!</v>"), "#SPILL!"),
    "the text of an error": (raw_workbook(text="<t>#CALC!</t>"), "#CALC!"),
    "true": (cell(' t="b"', "<v>1</v>"), True),
    "true as a word": (cell(' t="b"', "<v>true</v>"), True),
    "no value": (cell(' t="s"', ""), ""),
    "an empty text": (raw_workbook(text=""), ""),
    "an exponent": (cell("", "<v>1.5E3</v>"), 1500),
    "a negative zero": (cell("", "<v>-0</v>"), 0),
    "no number": (cell("", "<v>NaN</v>"), ""),
    "an infinite number": (cell("", "<v>INF</v>"), ""),
    "a text for a number": (cell("", "<v>abc</v>"), "abc"),
    "twenty digits": (cell("", "<v>12345678901234567890</v>"), 1.23456789012346e19),
    "a shared formula": (cell("", '<f t="shared" si="0"/><v>5</v>'), 5),
    "an array formula": (cell(' cm="1"', '<f t="array" ref="B2">X()</f><v>5</v>'), 5),
    "an escaped escape": (raw_workbook(text="<t>_x005F_x0041_</t>"), "_x0041_"),
    "half a character": (raw_workbook(text="<t>_xD83D_</t>"), "_xD83D_"),
    "an escape in small letters": (raw_workbook(text="<t>a_x00e9_</t>"), "aé"),
    "a style beyond the last": (cell(' s="77"', "<v>5</v>"), 5),
    "a style without a format": (cell(' s="1"', "<v>5</v>", styles="<xf/><xf/>"), 5),
    "007": (cell(' s="2"', "<v>7</v>"), "007"),
    "007 with prefixes": (cell(' s="2"', "<v>7</v>").prefixed(*ALL), "007"),
    "007 without places": (
        raw_workbook('<row><c t="s"><v>2</v></c><c s="2"><v>7</v></c></row>', header=BARE.format(0, 1)),
        "007",
    ),
    "007 with styles elsewhere": (cell(' s="2"', "<v>7</v>").moved(STYLES, "xl/s/s.xml", "s/s.xml"), "007"),
    "007 of a formula": (cell(' s="2"', "<f>1+6</f><v>7</v>"), "007"),
    "7 as a text": (cell(' s="2" t="str"', "<v>7</v>"), "7"),
    "a date as a text": (cell(' t="d"', "<v>2025-07-08</v>"), "2025-07-08"),
    "a moment as a text": (cell(' t="d" s="1"', "<v>2025-07-08T10:30:00.000</v>"), "2025-07-08 10:30:00"),
    "no date at all": (cell(' t="d"', "<v>soon</v>"), "soon"),
    "a number beyond all dates": (cell(' s="1"', "<v>9841234567</v>"), 9841234567),
    "the first number beyond all dates": (cell(' s="1"', "<v>2958466</v>"), 2958466),
    "a date since 1904": (
        cell(' s="1"', "<v>44384</v>").changed(BOOK, "<sheets>", '<workbookPr date1904="true"/><sheets>'),
        "2025-07-08",
    ),
}
REFUSED = {
    "texts that are missing": (PLAIN.without(STRINGS), "damaged workbook"),
    "a text that is missing": (cell(' t="s"', "<v>99</v>"), "damaged workbook"),
    "no sheets": (raw_workbook(sheets=""), "no visible sheet has data"),
    "the only sheet hidden": (
        raw_workbook(sheets='<sheet name="A" sheetId="1" state="hidden" r:id="r0"/>'),
        "no visible sheet has data",
    ),
    "two filled sheets": (second(str(PLAIN.parts[SHEET])), "data on several sheets"),
    "a sheet that is missing": (raw_workbook(sheets=BOTH.format(""), relations=SECOND), "the sheet 'Other' is missing"),
    "a merged header": (raw_workbook(behind='<mergeCells><mergeCell ref="A1:B1"/></mergeCells>'), "are merged"),
    "all rows hidden by default": (raw_workbook(before='<sheetFormatPr zeroHeight="1"/>'), "hides 2 rows"),
    "a formula without a result": (cell("", "<f>A1</f>\n<v></v>\n"), "cell B2: the result of the formula"),
    "a binary workbook": (
        PLAIN.renamed(BOOK, "xl/workbook.bin").changed(ROOT, "workbook.xml", "workbook.bin"),
        ".xlsb",
    ),
    "a spreadsheet of another office": (RawWorkbook({"mimetype": "x", "content.xml": "<x/>"}), "OpenDocument"),
    "a document": (RawWorkbook({TYPES: "<x/>", "word/document.xml": "<x/>"}), "a document (.docx)"),
}
HIDDEN = row(NAME, attributes=' hidden="1"')
STRANGE_FORMS = {
    "single quotation marks": lambda book: book.added(SHEET, str(book.parts[SHEET]).replace('"', "'")),
    "spaces around equals": lambda book: book.added(SHEET, str(book.parts[SHEET]).replace('="', ' = "')),
    "prefixes": lambda book: book.prefixed(SHEET),
    "UTF-16": lambda book: book.added(
        SHEET, f'<?xml version="1.0" encoding="UTF-16"?>{book.parts[SHEET]}'.encode("utf-16")
    ),
}


@pytest.fixture
def read(library: str, tmp_path: Path) -> Any:
    def rows(book: RawWorkbook) -> list[tuple[object, ...]]:
        path = tmp_path / "people.xlsx"
        path.write_bytes(book.build())
        return [tuple(map(plain_value, row.values.values())) for row in read_rows(path)]

    return rows


@pytest.mark.parametrize("book", READ_AS_SITA.values(), ids=READ_AS_SITA)
def test_the_contact_is_read_from_every_valid_shape(read: Any, book: RawWorkbook) -> None:
    assert read(book) == [("9841234567", "Sita")]


@pytest.mark.parametrize("without_texts", [INLINE.unlisted(STRINGS), INLINE.without(STRINGS)], ids=["not", "only"])
def test_texts_in_cells_need_no_list_of_texts(read: Any, without_texts: RawWorkbook) -> None:
    assert read(without_texts) == [(9841234567, "Sita")]


@pytest.mark.parametrize(("book", "value"), VALUES.values(), ids=VALUES)
def test_a_cell_has_the_value_that_the_sheet_shows(read: Any, book: RawWorkbook, value: object) -> None:
    [(_, found)] = read(book)

    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(("book", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_with_its_reason(read: Any, book: RawWorkbook, said: str) -> None:
    with pytest.raises(TingTingContactsError) as raised:
        read(book)

    assert said in str(raised.value)


@pytest.mark.parametrize("form", STRANGE_FORMS.values(), ids=STRANGE_FORMS)
@pytest.mark.parametrize(
    ("rows", "said"),
    [(HIDDEN, "hides 1 row"), (row('<c r="B2"><f>A1</f></c>'), "cell B2: the result of the formula")],
    ids=["a hidden row", "a formula without a result"],
)
def test_hidden_rows_and_formulas_are_found_in_every_form_of_xml(read: Any, form: Any, rows: str, said: str) -> None:
    with pytest.raises(TingTingContactsError) as raised:
        read(form(raw_workbook(rows)))

    assert said in str(raised.value)
