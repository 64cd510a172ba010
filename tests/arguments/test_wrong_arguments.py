"""Each parameter of each public class refuses each wrong kind of value, and names itself in the error.

The classes and parameters are found by introspection, and what is wrong follows from a parameter's annotation, so a new
class or parameter is tested as soon as it exists.
"""

from __future__ import annotations

import inspect

import pytest
from support.public_classes import public_classes
from support.task_context import REFUSED, execute
from support.wrong_values import TEMPLATE, VALUES, is_wrong

from airflow_provider_tingting._compat import BaseOperator
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.task_groups.campaign import tingting_campaign
from airflow_provider_tingting.task_groups.ladder import Step, tingting_ladder
from airflow_provider_tingting.triggers.finished import TingTingCampaignFinishedTrigger

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG

#: What each required argument may be.
SAMPLES = {
    "campaign_id": 7,
    "campaign_ids": [7],
    "calling_window": ("08:00", "20:00"),
    "contact_id": 7,
    "survey_id": 7,
    "name": "Notice",
    "user_phone": [3],
    "message": "नमस्कार",
    "path": "unreached.csv",
    "table": "outcomes",
    "sql_conn_id": "warehouse",
    "to": "9841234567",
    "campaign": {"name": "Notice", "user_phone": [3], "message": "नमस्कार"},
    "audience": "people.csv",
    "steps": [Step("PHONE"), Step("PHONE")],
}
#: What the hook's methods need besides.
OF_CALLS = {
    "number": "9841234567",
    "contacts": [{"number": "9841234567"}],
    "services": "PHONE",
    "voice": 3,
    "attributes": {"name": "Sita"},
}
#: What a class needs besides.
ALSO = {
    "TingTingUnreachedContactsOperator": {"report": "report.csv"},
    "TingTingNextStepOperator": {"report": "report.csv"},
}
#: What Airflow gives or checks itself.
NOT_OURS = {"context", "group_id", "deferred_at"}
#: Arguments of the task group that its tasks' templates fill.
FILLED_BY_TASKS = {"audience", "path", "report", "occasion", "tingting_conn_id"}


def classes():
    yield from public_classes("operators", "transfers", "sensors", "notifications")
    yield TingTingCampaignFinishedTrigger
    yield from (tingting_campaign, tingting_ladder)


def parameters(kind):
    """The parameters of a class and of its bases in this package, or of a function."""
    if inspect.isfunction(kind):
        sources = [kind]
    else:
        sources = [base.__init__ for base in kind.__mro__ if base.__module__.startswith("airflow_provider_tingting")]
    found = {}
    for source in sources:
        for name, parameter in inspect.signature(source).parameters.items():
            named = parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
            if named and name != "self" and name not in NOT_OURS:
                found.setdefault(name, parameter)
    return found


def make(kind, **changes):
    required = [name for name, parameter in parameters(kind).items() if parameter.default is parameter.empty]
    assert set(required) <= set(SAMPLES), f"say in SAMPLES what {set(required) - set(SAMPLES)} of {kind.__name__} is"
    arguments = {name: SAMPLES[name] for name in required} | ALSO.get(kind.__name__, {})
    if isinstance(kind, type) and issubclass(kind, BaseOperator):
        arguments["task_id"] = "task"
    with DAG("a_dag", schedule=None):
        return kind(**(arguments | changes))


def is_templated(kind, name):
    return name in getattr(kind, "template_fields", FILLED_BY_TASKS)


def cases(*, of_tasks=False):
    """Each parameter with the values that are wrong for it."""
    for kind in sorted(set(classes()), key=lambda kind: kind.__name__):
        for name, parameter in parameters(kind).items():
            may_be_filled = is_templated(kind, name)
            wrong = [what for what in VALUES if is_wrong(name, parameter, what)]
            if may_be_filled:
                wrong.remove("a template where none is filled")
            if not of_tasks or (may_be_filled and isinstance(kind, type) and issubclass(kind, BaseOperator)):
                yield pytest.param(kind, name, wrong, id=f"{kind.__name__}-{name}")


@pytest.mark.parametrize(("kind", "name", "wrong"), list(cases()))
def test_what_the_dag_file_says_itself_is_refused_when_it_is_parsed(kind, name, wrong):
    for what in wrong:
        with pytest.raises(TingTingConfigError, match=rf"\b{name}\b"):
            make(kind, **{name: VALUES[what][0]})
            pytest.fail(f"{name} may be {what}")


@pytest.mark.usefixtures("tingting_conn")
@pytest.mark.parametrize(("kind", "name", "wrong"), list(cases(of_tasks=True)))
def test_what_a_template_fills_is_refused_before_the_first_request(sandbox, kind, name, wrong):
    for what in wrong:
        operator = make(kind, **{name: TEMPLATE})
        setattr(operator, name, VALUES[what][0])

        with pytest.raises(REFUSED, match=rf"\b{name}\b"):
            execute(operator)
            pytest.fail(f"{name} may be {what}")

    assert sandbox.requests == ()


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, id=kind.__name__)
        for kind in sorted(set(classes()), key=lambda kind: kind.__name__)
        if inspect.isclass(kind) and "path" in parameters(kind)
    ],
)
def test_a_path_whose_name_is_longer_than_any_file_system_takes_is_refused_when_the_dag_file_is_parsed(kind):
    with pytest.raises(TingTingConfigError, match=r"\bpath\b"):
        make(kind, path=f"reports/{'a' * 5_000}.csv")


#: Methods that send nothing of what they are given, or that Airflow calls.
NOT_CALLS = {"find_voice", "get_conn", "get_async_conn", "reload_connection", "test_connection"}
#: A text with braces is a text; an empty one filters nothing, or is left to TingTing. Half of a character is refused
#: where the request is written, which knows no names of arguments.
ANY_TEXT = {"a template where none is filled", "an empty text", "half of a character"}


def methods():
    for name, method in inspect.getmembers(TingTingHook, inspect.isfunction):
        is_own = method.__qualname__ == f"TingTingHook.{name}"
        if is_own and not name.startswith("_") and name not in NOT_CALLS:
            for parameter in inspect.signature(method).parameters.values():
                if parameter.name != "self" and parameter.kind is not parameter.VAR_KEYWORD:
                    yield pytest.param(method, parameter, id=f"{name}-{parameter.name}")


@pytest.mark.usefixtures("tingting_conn")
@pytest.mark.parametrize(("method", "parameter"), list(methods()))
def test_the_hook_sends_nothing_of_a_wrong_kind(sandbox, method, parameter):
    given = {
        name: (SAMPLES | OF_CALLS)[name]
        for name, other in inspect.signature(method).parameters.items()
        if name != "self" and other.default is other.empty and other.kind is not other.VAR_KEYWORD
    }
    hook = TingTingHook()
    for what, (value, _) in VALUES.items():
        if is_wrong(parameter.name, parameter, what) and what not in ANY_TEXT:
            with pytest.raises(TingTingConfigError, match=rf"\b{parameter.name}\b"):
                answer = method(hook, **{**given, parameter.name: value})
                next(iter(answer), None)
                pytest.fail(f"{parameter.name} may be {what}")

    assert sandbox.requests == ()
