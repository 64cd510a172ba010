"""Look for words that the project's prose does not use: pages, docstrings, comments, log lines, errors, names of tests,
the Makefile's help, and what the scripts of `.ci` print.

    python .ci/check_prose.py [--counts] [PATH ...]     without PATH the README, the pages, the examples, the package,
                                                      the tests, the Makefile and .ci

Prints each place with what to write instead, and ends with 1 if there is one. `--counts` prints a figure for each
folder instead. `.ci/vocabulary.txt` has the words.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
DEFAULT = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs",
    "example_dags",
    "airflow_provider_tingting",
    "tests",
    "benchmarks",
    "Makefile",
    ".ci",
)
SUFFIXES = {".md", ".py", ".html", ".js"}
# Scripts without a suffix.
NAMES = {"Makefile", "run", "compile-requirements", "system-packages"}
# docs/reference is written from docstrings: those are checked where they stand.
SKIPPED = {"_build", "__pycache__", "reference"}
# Code in Markdown: fenced blocks, code spans, and the targets of links.
CODE = re.compile(r"^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)\s*$|`[^`\n]*`|\]\([^)\n]*\)", re.MULTILINE | re.DOTALL)
FSTRING = getattr(tokenize, "FSTRING_MIDDLE", -1)


def vocabulary() -> list[tuple[re.Pattern[str], str]]:
    lines = (CHECKOUT / ".ci" / "vocabulary.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split(" -> ", 1) for line in lines if line.strip() and not line.startswith("#")]
    return [(re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in pairs]


def blank(found: re.Match[str]) -> str:
    """Keep the lines, so that the places stay right."""
    return re.sub(r"[^\n]", " ", found[0])


def prose_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield a file's prose with the number of its first line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield 1, CODE.sub(blank, text) if path.suffix == ".md" else text
        return
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        # The name of a function or a class reads as a sentence or a phrase.
        if token.type == tokenize.NAME and before in ("def", "class"):
            yield token.start[0], token.string.replace("_", " ").strip()
        before = token.string
        # A text without a blank is a name, a key or a value, not prose.
        if token.type in (tokenize.COMMENT, tokenize.STRING, FSTRING) and " " in token.string:
            yield token.start[0], CODE.sub(blank, token.string)


def findings(path: Path, words: list[tuple[re.Pattern[str], str]]) -> Iterator[tuple[int, str, str]]:
    for first, prose in prose_of(path):
        # A phrase may run over the end of a line.
        flat = re.sub(r"\s", " ", prose)
        for pattern, instead in words:
            for found in pattern.finditer(flat):
                yield first + prose.count("\n", 0, found.start()), found[0], instead


def files(paths: list[Path]) -> list[Path]:
    found = [one for path in paths for one in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    wanted = [path for path in found if path.suffix in SUFFIXES or path.name in NAMES]
    return [path for path in wanted if path.is_file() and not SKIPPED & set(path.parts)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, default=[CHECKOUT / name for name in DEFAULT])
    parser.add_argument("--counts", action="store_true", help="print how many there are in each folder")
    options = parser.parse_args()
    words, counts = vocabulary(), Counter[Path]()
    for path in files(options.paths):
        shown = path.resolve().relative_to(CHECKOUT) if path.resolve().is_relative_to(CHECKOUT) else path
        for line, found, instead in findings(path, words):
            counts[shown.parent] += 1
            if not options.counts:
                print(f"{shown}:{line}: {found!r}: {instead}")
    if options.counts:
        for folder, count in sorted(counts.items()):
            print(f"{count:5} {folder}")
    if total := counts.total():
        print(f"{total} to rewrite; .ci/vocabulary.txt has the words", file=sys.stderr)
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
