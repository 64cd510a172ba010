"""The README and the pages of the docs, taken apart: their code blocks and their tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from support.airflow_home import CHECKOUT

DOCS = CHECKOUT / "docs"
PAGES = (CHECKOUT / "README.md", *sorted(DOCS.glob("*.md")))


@dataclass(frozen=True)
class Block:
    """One fenced block.

    :param language: the word after the fence.
    :param line: the line of its first line of code, counted from 1.
    :param output: what the page says that it prints: the `text` block that follows it directly, if there is one.
    """

    page: Path
    language: str
    line: int
    code: str
    output: str | None = None


def page_name(page: Path) -> str:
    """A page's name as tests show it."""
    return str(page.relative_to(CHECKOUT))


def blocks(page: Path, language: str) -> list[Block]:
    """The page's blocks of one language, in their order."""
    tokens = _tokens(page)
    found = []
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type != "fence" or token.info.strip() != language or token.map is None:
            continue
        printed = after is not None and after.type == "fence" and after.info.strip() == "text"
        found.append(Block(page, language, token.map[0] + 2, token.content, after.content if printed else None))
    return found


def tables(page: Path) -> Iterator[list[list[str]]]:
    """The page's tables, each a list of rows of cells as they are written, the header first."""
    rows: list[list[str]] = []
    for token, inline in zip(_tokens(page), [*_tokens(page)[1:], None], strict=True):
        if token.type == "table_open":
            rows = []
        elif token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open") and inline is not None:
            rows[-1].append(inline.content)
        elif token.type == "table_close":
            yield rows


def table(page: Path, first_header: str) -> list[list[str]]:
    """The rows below the header of the one table of a page whose first column is headed so."""
    [found] = [rows for rows in tables(page) if rows[0][0] == first_header]
    return found[1:]


@cache
def _tokens(page: Path) -> list:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
