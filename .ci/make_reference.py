"""Write the reference pages, plain Markdown, one for each public module: docs/reference/*.md and docs/reference.md.

    python .ci/make_reference.py        (`make reference`)

The pages come from signatures and docstrings. `docs/conf.py` makes their headings targets of `objects.inv`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGE = "airflow_provider_tingting"
DOCS = Path(__file__).resolve().parent.parent / "docs"
# Section -> module -> the names on its page; an empty list means all public names that the module defines.
PUBLIC: dict[str, dict[str, list[str]]] = {
    "Operators": {
        "operators.campaign": [
            "TingTingCreateCampaignOperator",
            "TingTingRunCampaignOperator",
            "TingTingUpdateCampaignOperator",
            "TingTingStopCampaignOperator",
            "TingTingDeleteCampaignOperator",
        ],
        "operators.contacts": ["TingTingAddContactsOperator", "TingTingCheckContactsOperator"],
        "operators.report": [
            "TingTingDownloadReportOperator",
            "TingTingDownloadSurveyReportOperator",
            "TingTingUnreachedContactsOperator",
        ],
        "operators.waves": ["TingTingSplitAudienceOperator"],
        "operators.ladder": ["TingTingNextStepOperator", "TingTingCombineReportsOperator"],
        "operators.preview": [],
        "transfers.tingting_to_sql": [],
    },
    "Task group and TaskFlow": {"task_groups.campaign": [], "task_groups.ladder": [], "decorators.audience": []},
    "Sensor and triggers": {
        "sensors.campaign": [],
        "triggers.campaign": [],
        "triggers.finished": [],
        "triggers.start": [],
    },
    "Hook, notifier, link": {
        "hooks.tingting": [],
        "notifications.tingting": [],
        "links.campaign": [],
    },
    "Values": {
        "campaigns.calling_window": ["CallingWindow"],
        "reports.summary": ["CampaignSummary"],
        "reports.chart": ["write_chart"],
        "assets": [],
        "retry_policy": [],
        "errors": [],
    },
    "Client without Airflow": {
        "api.client": ["TingTingClient", "AsyncTingTingClient", "Downloaded"],
        "api.calls": [],
        "api.models": [],
        "api.statuses": [],
        "api.driver": ["run_flow", "run_flow_async"],
        "api.protocol": ["Call", "Pause"],
    },
    "Sandbox": {
        "sandbox": ["Sandbox", "Faults", "Fault", "Ledger", "Dialled", "RequestEntry", "Clock", "World", "Dialect"],
    },
}
# Of these only the constructor matters to a DAG author; Airflow calls the methods.
CALLED_BY_AIRFLOW = ("operators.", "transfers.", "sensors.", "triggers.", "notifications.", "links.")
FIELD = re.compile(r"^:(param|ivar|cvar|raises?|returns?)\s*([^:]*):\s*(.*)$")


def main() -> None:
    sys.path.insert(0, str(DOCS.parent))
    folder = DOCS / "reference"
    folder.mkdir(exist_ok=True)
    written: dict[str, str] = {}
    index = [
        "# Reference",
        "",
        "Each public name, by module. What is not on these pages may change without notice.",
        "",
    ]
    for section, modules in PUBLIC.items():
        index += [f"## {section}", "", "| module | what it has |", "|---|---|"]
        for module, names in modules.items():
            written[f"{module}.md"] = "\n".join(page(module, names))
            links = ", ".join(f"[`{name}`](reference/{module}.md#{name.lower()})" for name, _ in members(module, names))
            index.append(f"| [`{module}`](reference/{module}.md) | {links} |")
        index.append("")
    for old in folder.glob("*.md"):
        old.unlink()
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    (DOCS / "reference.md").write_text("\n".join(index), encoding="utf-8")


def members(module_name: str, names: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield the public names of a page in the order of the source."""
    module = importlib.import_module(f"{PACKAGE}.{module_name}")
    if names:
        for name in names:
            yield name, home_of(module, module_name, name)
        return
    for name, value in vars(module).items():
        defined_here = getattr(value, "__module__", None) == module.__name__
        if not name.startswith("_") and defined_here and (inspect.isclass(value) or inspect.isfunction(value)):
            yield name, value


def home_of(module: Any, module_name: str, name: str) -> Any:
    """Return a name of a module, or of the module below it that defines it."""
    if hasattr(module, name):
        return getattr(module, name)
    for below in pkgutil.iter_modules(getattr(module, "__path__", ())):
        if below.name.startswith("_"):
            continue
        found = getattr(importlib.import_module(f"{module.__name__}.{below.name}"), name, None)
        if found is not None and found.__module__ == f"{module.__name__}.{below.name}":
            return found
    raise LookupError(f"{module_name} has no {name}: correct PUBLIC in .ci/make_reference.py")


def page(module_name: str, names: list[str]) -> list[str]:
    module = importlib.import_module(f"{PACKAGE}.{module_name}")
    lines = [f"# {module_name}", "", f"`{PACKAGE}.{module_name}`", ""]
    lines += body(inspect.getdoc(module) or "")[0]
    for name, value in members(module_name, names):
        lines += ["", f"## {name}", ""]
        if inspect.isclass(value):
            lines += of_class(value, methods=not module_name.startswith(CALLED_BY_AIRFLOW))
        else:
            lines += of_function(name, value)
    return [*lines, ""]


def of_class(cls: type, *, methods: bool) -> list[str]:
    text, fields = body(inspect.getdoc(cls) or "")
    parameters = constructor_parameters(cls)
    for base in bases_of_ours(cls) if not issubclass(cls, BaseException) else ():
        fields["param"] = {**body(inspect.cleandoc(base.__doc__ or ""))[1]["param"], **fields["param"]}
    lines = []
    if issubclass(cls, BaseException):
        lines += [f"Derives from {', '.join(f'`{base.__name__}`' for base in cls.__bases__)}.", ""]
    elif parameters:
        lines += signature(cls.__name__, parameters)
    lines += text
    rows = parameters if not issubclass(cls, BaseException) else []
    lines += parameter_table(rows, fields["param"])
    lines += attribute_table(cls, fields)
    lines += endings(fields)
    if methods:
        for name, member in vars(cls).items():
            function = unwrap(member)
            if name.startswith("_") or function is None or not inspect.getdoc(function):
                continue
            lines += ["", f"### {cls.__name__}.{name}", ""]
            if isinstance(member, property):
                lines += ["Property.", "", *body(inspect.getdoc(function) or "")[0]]
            else:
                lines += of_function(name, function)
    return lines


def unwrap(member: Any) -> Any:
    if isinstance(member, property):
        return member.fget
    if isinstance(member, classmethod | staticmethod):
        return member.__func__
    return member if inspect.isfunction(member) else None


def of_function(name: str, function: Any) -> list[str]:
    parameters = [one for one in inspect.signature(function).parameters.values() if one.name not in ("self", "cls")]
    text, fields = body(inspect.getdoc(function) or "")
    prefix = "await " if inspect.iscoroutinefunction(function) else ""
    lines = signature(prefix + name, parameters) + text
    lines += parameter_table([one for one in parameters if one.name in fields["param"]], fields["param"])
    return lines + endings(fields)


def bases_of_ours(cls: type) -> list[type]:
    """Return a class and its bases of this package, which describe what they take."""
    return [base for base in cls.__mro__ if base.__module__.startswith(PACKAGE)]


def constructor_parameters(cls: type) -> list[inspect.Parameter]:
    """Return the named parameters of a constructor, with those that bases of this package take through kwargs."""
    found: dict[str, inspect.Parameter] = {}
    ours = bases_of_ours(cls)
    if not any("__init__" in vars(base) for base in ours):
        return []
    for base in ours:
        if "__init__" in vars(base) or base is cls:
            for one in inspect.signature(base.__init__).parameters.values():
                if one.name != "self" and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL):
                    found.setdefault(one.name, one)
    return list(found.values())


def signature(name: str, parameters: list[inspect.Parameter]) -> list[str]:
    shown = []
    starred = False
    for one in parameters:
        if one.kind is one.KEYWORD_ONLY and not starred:
            shown.append("*")
            starred = True
        prefix = {one.VAR_KEYWORD: "**", one.VAR_POSITIONAL: "*"}.get(one.kind, "")
        starred = starred or one.kind is one.VAR_POSITIONAL
        shown.append(f"{prefix}{one.name}" + ("" if one.default is one.empty else f"={default(one)}"))
    line = f"{name}({', '.join(shown)})"
    if len(line) > 100:
        line = f"{name}(\n" + "".join(f"    {one},\n" for one in shown) + ")"
    return ["```python", line, "```", ""]


def default(parameter: inspect.Parameter) -> str:
    # Its value depends on the machine that writes the page.
    if parameter.name == "deferrable":
        return "<[operators] default_deferrable>"
    text = re.sub(r" at 0x[0-9a-f]+", "", repr(parameter.default))
    # Quotes as `ruff format` writes them, which formats Markdown, too.
    return text if '"' in text else text.replace("'", '"')


def parameter_table(parameters: list[inspect.Parameter], described: dict[str, str]) -> list[str]:
    rows = []
    for one in parameters:
        type_ = "" if one.annotation is one.empty else cell(f"`{kind(one.annotation)}`")
        value = "required" if one.default is one.empty else f"`{default(one)}`"
        if one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL):
            value = ""
        rows.append(f"| `{one.name}` | {type_} | {cell(value)} | {cell(described.get(one.name, ''))} |")
    return ["", "| parameter | type | default | description |", "|---|---|---|---|", *rows] if rows else []


def attribute_table(cls: type, fields: dict[str, dict[str, str]]) -> list[str]:
    described = {**fields["ivar"], **fields["cvar"]}
    own = vars(cls).get("__annotations__", {})
    if "__init__" not in vars(cls) and not described:
        described = {name: fields["param"].get(name, "") for name in own if not name.startswith("_")}
    if issubclass(cls, BaseException):
        described = {**fields["param"], **described}
    members = getattr(cls, "__members__", None)
    if members:
        return [
            "",
            "| value | text |",
            "|---|---|",
            *(f"| `{name}` | `{one.value}` |" for name, one in members.items()),
        ]
    rows = [
        f"| `{name}` | {cell(f'`{kind(own[name])}`') if name in own else ''} | {cell(text)} |"
        for name, text in described.items()
        if name not in ("model_config", "shown")
    ]
    return ["", "| attribute | type | description |", "|---|---|---|", *rows] if rows else []


def endings(fields: dict[str, dict[str, str]]) -> list[str]:
    lines = [f"**Returns:** {text}" for text in fields["return"].values()]
    if fields["raise"]:
        lines += ["**Raises:**", "", *(f"- `{name}`: {text}" for name, text in fields["raise"].items())]
    return (
        ["", *[line for one in lines for line in (one, "")][:-1]]
        if lines and not fields["raise"]
        else (["", *lines] if lines else [])
    )


def kind(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    text = re.sub(r"^Annotated\[(.*?), BeforeValidator.*$", r"\1", text)
    text = re.sub(r"\b[a-z_]+(\.[a-z_]+)*\.(?=[A-Z])", "", text)
    return re.sub(r"\s*\|\s*", " or ", text.replace("'", ""))


def cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def body(docstring: str) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Split a docstring into its text, as lines of Markdown, and its fields."""
    fields: dict[str, dict[str, str]] = {"param": {}, "ivar": {}, "cvar": {}, "raise": {}, "return": {}}
    text: list[str] = []
    target: tuple[str, str] | None = None
    for line in docstring.splitlines():
        if found := FIELD.match(line):
            what = found[1].rstrip("s") if found[1].startswith(("raise", "return")) else found[1]
            target = (what, found[2].strip())
            fields[what][target[1]] = found[3]
        elif target is not None and (line.startswith(" ") or not line.strip()):
            fields[target[0]][target[1]] += " " + line.strip()
        else:
            target = None
            text.append(line)
    return textwrap.dedent("\n".join(text)).strip().splitlines(), fields


if __name__ == "__main__":
    main()
