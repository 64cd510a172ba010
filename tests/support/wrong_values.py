"""Values of every wrong kind, and which of them are wrong for a parameter, by its annotation."""

from __future__ import annotations

import inspect
import re
from datetime import datetime, timedelta, timezone

TEMPLATE = "{{ params.value }}"
#: Each wrong value with the words of an annotation that allow for it.
VALUES = {
    "nothing": (None, ("None",)),
    "a truth value": (True, ("bool",)),
    "a negative number": (-1, ()),
    "half": (0.5, ("float",)),
    "NaN": (float("nan"), ()),
    "infinity": (float("inf"), ()),
    "an immense number": (10**400, ()),
    "bytes": (b"7", ()),
    "an empty text": ("", ("None",)),
    "a template where none is filled": (TEMPLATE, ()),
    "a list": ([{"x": 1}], ("Any", "object", "Sequence", "list", "Iterable")),
    "a dict": ({"x": [1]}, ("Mapping", "dict")),
    "a moment": (datetime(2020, 1, 1, tzinfo=timezone.utc), ("datetime",)),
    "a negative time": (timedelta(seconds=-1), ()),
    "an object": (object(), ()),
    "half of a character": ("\ud800", ()),
}
#: Arguments that no template fills, so that an empty text is never what is left of one.
NEVER_EMPTY = {
    "after",
    "expected_pace",
    "max_age",
    "sql_hook_params",
    "start_timeout",
    "stop_when",
    "success_when",
    "timeout",
}
#: Of these the annotation says less than they take.
ALSO_RIGHT = {
    ("sql_parameters", "a dict"),
    ("sql_hook_params", "a dict"),
    ("where", "a dict"),
    ("sheet", "half"),
    ("occasion", "half"),
    ("purpose", "half"),
    ("success_when", "half"),
    ("campaign_ids", "a list"),
    ("runs", "a list"),
    ("runs", "nothing"),
    ("failed_statuses", "an empty text"),
}
ALIASES = {"WindowArgument": "tuple | None", "SuccessWhen": "float | Callable | None"}


def is_wrong(name: str, parameter: inspect.Parameter, what: str) -> bool:
    """Return whether a value of `VALUES` is wrong for a parameter."""
    annotation = str(parameter.annotation)
    allowed = VALUES[what][1]
    words = set(re.findall(r"\w+", ALIASES.get(annotation, annotation)))
    if (name, what) in ALSO_RIGHT:
        return False
    if what == "an empty text" and name in NEVER_EMPTY:
        return True
    of_any_kind = bool(words & {"Any", "object"})
    if what == "nothing" and of_any_kind:
        return parameter.default is not None and name != "audience"
    if what == "an empty text" and (of_any_kind or parameter.default is None):
        return False
    return not words & set(allowed)
