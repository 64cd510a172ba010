"""The reference has each class that a DAG author may use, with all its parameters, and is what the generator writes."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys

import pytest
from support.airflow_home import AIRFLOW_VERSION, CHECKOUT, NEWEST_AIRFLOW
from support.docs_pages import DOCS
from support.public_classes import public_classes

FOLDERS = ["hooks", "links", "operators", "sensors", "transfers", "triggers", "notifications"]
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md")}


@pytest.mark.parametrize("cls", list(public_classes(*FOLDERS)), ids=lambda cls: cls.__name__)
def test_the_reference_has_the_class_with_its_parameters(cls):
    [text] = [text for text in PAGES.values() if f"\n## {cls.__name__}\n" in text]
    section = text.split(f"\n## {cls.__name__}\n")[1].split("\n## ")[0]
    own = [one for one in inspect.signature(cls.__init__).parameters.values() if one.name != "self"]

    assert {one.name for one in own if one.kind is not one.VAR_KEYWORD} <= set(re.findall(r"\| `(\w+)`", section))


@pytest.mark.skipif(AIRFLOW_VERSION < NEWEST_AIRFLOW, reason="the pages are written with the newest Airflow")
def test_make_reference_would_write_the_same_headings(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("make_reference", CHECKOUT / ".ci" / "make_reference.py")
    generator = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "make_reference", generator)
    spec.loader.exec_module(generator)
    monkeypatch.setattr(generator, "DOCS", tmp_path)

    generator.main()

    def headings(text):
        return re.findall(r"^#+ .+$|^\| `\w+`", text, re.MULTILINE)

    written = {page.stem: headings(page.read_text(encoding="utf-8")) for page in (tmp_path / "reference").glob("*.md")}
    assert written == {name: headings(text) for name, text in PAGES.items()}, "run make reference"
