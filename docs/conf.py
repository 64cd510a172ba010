"""Sphinx settings. `make docs` builds with every warning an error and without any network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes

from airflow_provider_tingting import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "airflow-provider-tingting"
author = "The airflow-provider-tingting authors"
copyright = f"2026, {author}"
version = release = __version__

extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"airflow-provider-tingting {release}"
html_favicon = "images/favicon.svg"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_use_index = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"

myst_enable_extensions = ["colon_fence", "tasklist"]
# Headings are link targets, named as on GitHub, so that a link works in both places.
myst_heading_anchors = 4

# Files that a code host shows at the top of the checkout are pages of the site, too.
DOCS = Path(__file__).parent
COPIES = {"changelog": "CHANGELOG.md", "security": "SECURITY.md"}
for name, file in COPIES.items():
    text = (DOCS.parent / file).read_text(encoding="utf-8").replace("](docs/", "](")
    (DOCS / f"{name}.md").write_text(text, encoding="utf-8")

# The reference pages are plain Markdown: a heading there is the name of an object, or `Class.method`.
PACKAGE = "airflow_provider_tingting"
NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)?")


def link_copies(app: Sphinx, page: str, source: list[str]) -> None:
    """Let the links to those files lead to their pages."""
    for name, file in COPIES.items():
        source[0] = source[0].replace(f"](../{file}", f"]({name}.md")


def add_toctrees(app: Sphinx, page: str, source: list[str]) -> None:
    """Make the hidden contents of the site from the lists of pages, so that a code host shows no directives."""
    if page == "index":
        lists = re.findall(r"^- \*\*(.+?):\*\*((?:\n  .+)+)", source[0], re.MULTILINE)
    elif page in ("reference", "examples"):
        lists = [("", source[0])]
    else:
        return
    for caption, text in lists:
        below = "" if page == "index" else f"{page}/"
        pages = dict.fromkeys(re.findall(rf"\]\(({below}[\w.-]+)\.md[)#]", text))
        options = f":caption: {caption}\n" if caption else ""
        source[0] += f"\n```{{toctree}}\n{options}:maxdepth: 1\n:hidden:\n\n" + "\n".join(pages) + "\n```\n"


def include_code(app: Sphinx, page: str, source: list[str]) -> None:
    """Show the code of an example where a page has a comment, which a code host hides, after its link to the file.

    `<!-- literalinclude: ../example_dags/file.py -->` shows the whole file; with the name of a marker after the path,
    the lines between `[START name]` and `[END name]`.
    """

    def directive(found: re.Match[str]) -> str:
        path, marker = found.groups()
        part = f':dedent:\n:start-after: "[START {marker}]"\n:end-before: "[END {marker}]"\n' if marker else ""
        return f"```{{literalinclude}} {path}\n:language: python\n{part}```"

    source[0] = re.sub(r"^<!-- literalinclude: (\S+)(?: (\w+))? -->$", directive, source[0], flags=re.MULTILINE)


def note_objects(app: Sphinx, doctree: nodes.document) -> None:
    """Make the headings of a reference page Python objects, so that `objects.inv` and links have them."""
    page = app.env.current_document.docname if hasattr(app.env, "current_document") else app.env.docname
    if not page.startswith("reference/"):
        return
    module = f"{PACKAGE}.{page.removeprefix('reference/')}"
    domain = app.env.get_domain("py")
    domain.note_module(module, doctree["ids"][0] if doctree["ids"] else "", "", "", False)
    for section in doctree.findall(nodes.section):
        title = section.next_node(nodes.title).astext()
        if section.parent is not doctree and NAME.fullmatch(title):
            kind = "method" if "." in title else "class" if title[0].isupper() else "function"
            domain.note_object(f"{module}.{title}", kind, section["ids"][0], location=section)


def hide_markers(app: Sphinx, doctree: nodes.document) -> None:
    """Leave the markers of the examples' parts out of the pages that show whole examples."""
    for block in doctree.findall(nodes.literal_block):
        lines = block.astext().splitlines()
        kept = [line for line in lines if not re.match(r"\s*# \[(START|END) howto_\w+\]$", line)]
        if len(kept) < len(lines):
            block.children = [nodes.Text("\n".join(kept))]
            block.rawsource = block.astext()


def link_class_names(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Link the names of public classes in the text of the guides to the reference."""
    if page.startswith("reference"):
        return
    objects = app.env.get_domain("py").objects
    known = {name.rpartition(".")[2]: entry for name, entry in objects.items() if entry.objtype == "class"}
    for literal in list(doctree.findall(nodes.literal)):
        entry = known.get(literal.astext())
        inside = isinstance(literal.parent, nodes.reference | nodes.title)
        if entry is None or inside or not literal.astext().startswith("TingTing"):
            continue
        address = f"{app.builder.get_relative_uri(page, entry.docname)}#{entry.node_id}"
        link = nodes.reference("", "", literal.deepcopy(), refuri=address, internal=True)
        literal.parent.replace(literal, link)


def setup(app: Sphinx) -> None:
    app.connect("source-read", link_copies)
    app.connect("source-read", add_toctrees)
    app.connect("source-read", include_code)
    app.connect("doctree-read", note_objects)
    app.connect("doctree-read", hide_markers)
    app.connect("doctree-resolved", link_class_names)
