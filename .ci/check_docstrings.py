"""Look for public functions of the package whose docstring does not describe each parameter.

    python .ci/check_docstrings.py

Prints each place, and ends with 1 if there is one. Functions, methods and classes whose names begin with an underscore
do not count, nor do magic methods: the docstring of a class describes what its constructor takes. Nor do parameters
that are the same everywhere: the id of a campaign or a contact, Airflow's context, and what each check of an argument
takes (`utils.argument_checks.Check` describes it).
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "airflow_provider_tingting"
COMMON = {"self", "cls", "campaign_id", "contact_id", "context"}
OF_A_CHECK = ["value", "argument"]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def public_functions(body: list[ast.stmt]) -> Iterator[Function]:
    for node in body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body)


def undescribed(function: Function) -> list[str]:
    """Return the named parameters that the docstring leaves out; the setter of a property has none to describe."""
    if any(isinstance(one, ast.Attribute) and one.attr == "setter" for one in function.decorator_list):
        return []
    taken = [one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    described = set(re.findall(r"^\s*:param (\w+):", ast.get_docstring(function) or "", re.MULTILINE))
    return [] if taken == OF_A_CHECK else [name for name in taken if name not in described | COMMON]


def main() -> int:
    places = 0
    for path in sorted(PACKAGE.rglob("*.py")):
        for function in public_functions(ast.parse(path.read_text(encoding="utf-8")).body):
            if missing := undescribed(function):
                places += 1
                shown = path.relative_to(PACKAGE.parent)
                print(f"{shown}:{function.lineno}: {function.name} does not describe {', '.join(missing)}")
    return int(places > 0)


if __name__ == "__main__":
    sys.exit(main())
