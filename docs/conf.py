"""Sphinx settings. `make docs` builds with every warning an error and without any network."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_tingting import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "airflow-provider-tingting"
author = "The airflow-provider-tingting authors"
copyright = f"2026, {author}"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"airflow-provider-tingting {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
# Headings are link targets, named as on GitHub, so that a link works in both places.
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_default_options = {"members": True, "show-inheritance": True, "undoc-members": False}

# Docstrings are written like the rest of the project, in Markdown, with Sphinx's `:param x:` fields.
default_role = "code"
FENCE = re.compile(r"^(\s*)```(\w*)\s*$")


def fences_to_directives(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Turn the fenced code blocks of a docstring into what Sphinx understands."""
    converted: list[str] = []
    inside = False
    for line in lines:
        fence = FENCE.match(line)
        if fence and not inside:
            converted += ["", f"{fence[1]}.. code-block:: {fence[2] or 'text'}", ""]
        elif not fence:
            converted.append(f"    {line}" if inside and line.strip() else line)
        else:
            converted.append("")
        inside = inside != bool(fence)
    lines[:] = converted


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", fences_to_directives)
