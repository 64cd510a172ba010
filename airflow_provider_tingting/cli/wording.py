"""Says to a shell what an error says to a DAG: options instead of arguments."""

from __future__ import annotations

import re
import shlex

_WITH_VALUE = re.compile(r"\b(sheet|number_column|number_policy|encoding|delimiter)='([^']*)'")
_ONE_VARIABLE = re.compile(r"\bvariables=\{'([^']*)': '([^']*)'\}")
_BARE = re.compile(r"(?<!-)\b(encoding|variables|where)=(?=[\s.]|$)")
_OVERWRITE = (
    " (a template such as {{ run_id }} makes it unique), remove the file, or allow overwriting",
    ", remove the file, or add --overwrite",
)


def for_a_shell(text: str) -> str:
    """Return an error's text with the arguments of operators written as the options of commands."""
    text = _ONE_VARIABLE.sub(lambda found: f"--variable {shlex.quote(f'{found[1]}={found[2]}')}", text)
    text = _WITH_VALUE.sub(lambda found: f"--{found[1].replace('_', '-')} {shlex.quote(found[2])}", text)
    text = _BARE.sub(lambda found: f"--{found[1].removesuffix('s')}", text)
    return text.replace(*_OVERWRITE)
