"""Every relative link in the README, the changelog and the docs leads somewhere, anchors included."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from support.airflow_home import CHECKOUT

PAGES = sorted(
    [CHECKOUT / "README.md", CHECKOUT / "CHANGELOG.md", *(CHECKOUT / "docs").rglob("*.md")],
)
PAGES = [page for page in PAGES if "_build" not in page.parts]
MYST_LABEL = re.compile(r"^\(([^)\s]+)\)=\s*$", re.MULTILINE)
MYST_INCLUDE = re.compile(r"^`{3,}\{include\}\s+(\S+)", re.MULTILINE)
HTML_ID = re.compile(r"""<[a-z][^>]*\b(?:id|name)=["']([^"']+)["']""")


def tokens(text):
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        yield token
        yield from token.children or []


@cache
def links(page):
    wanted = []
    for token in tokens(page.read_text(encoding="utf-8")):
        target = token.attrGet("href") or token.attrGet("src")
        if target and not urlsplit(target).scheme and not target.startswith("//"):
            wanted.append(target)
    return wanted


@cache
def anchors(page):
    """The anchors of a page: its headings as GitHub names them, MyST labels, HTML ids, and those of included pages."""
    text = page.read_text(encoding="utf-8")
    found: dict[str, int] = {}
    names = set(MYST_LABEL.findall(text)) | set(HTML_ID.findall(text))
    parts = list(tokens(text))
    for opening, inline in pairwise(parts):
        if opening.type != "heading_open":
            continue
        title = "".join(child.content for child in inline.children or [])
        slug = re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
        names.add(slug if slug not in found else f"{slug}-{found[slug]}")
        found[slug] = found.get(slug, 0) + 1
    for included in MYST_INCLUDE.findall(text):
        names |= anchors((page.parent / included).resolve())
    return names


def broken(page):
    for link in links(page):
        path, anchor = unquote(urlsplit(link).path), unquote(urlsplit(link).fragment)
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            yield f"{link}: no such file"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            yield f"{link}: {target.name} has no such heading; it has {sorted(anchors(target))}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_relative_link_of_the_page_leads_somewhere(page):
    assert list(broken(page)) == []


def test_a_broken_link_and_a_broken_anchor_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# One title, `code` and more!\n\n(label)=\n## Two\n\n"
        "[good](#one-title-code-and-more) [good](page.md#two) [good](#label) [away](https://example.org/x#y)\n"
        "[bad](absent.md) [bad](#three)\n\n"
        "```\n[not a link](inside-code.md)\n```\n"
    )

    assert [line.split(":")[0] for line in broken(page)] == ["absent.md", "#three"]


def test_every_page_of_the_docs_can_be_reached_from_the_index():
    docs = CHECKOUT / "docs"
    listing = [docs / name for name in ("index.md", "reference.md", "examples.md")]
    listed = {(docs / urlsplit(link).path).resolve() for page in listing for link in links(page)}
    # The build copies these from the top of the checkout.
    copies = {docs / "changelog.md", docs / "security.md"}

    assert {page for page in PAGES if docs in page.parents} - listed - copies == {docs / "index.md"}


def test_the_source_files_that_a_page_names_exist():
    folders = [CHECKOUT / name for name in ("airflow_provider_tingting", "tests")]
    files = [path.as_posix() for folder in folders for path in folder.rglob("*.py")]
    named = {
        (page.name, code)
        for page in PAGES
        if page.name in {"design.md", "contributing.md"}
        for code in re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py)`", page.read_text(encoding="utf-8"))
    }
    assert len(named) > 30
    assert not {(page, code) for page, code in named if not any(file.endswith(f"/{code}") for file in files)}
