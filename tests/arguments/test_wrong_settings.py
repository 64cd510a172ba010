"""Each field of a connection, each option of a command and each argument of a deferral's trigger refuses what is wrong.

As in `test_wrong_arguments`, fields, options and arguments are found by introspection.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json

import pytest
from support.task_context import REFUSED, context_of
from support.wrong_values import VALUES, is_wrong

from airflow_provider_tingting import rehearsal
from airflow_provider_tingting.cli.commands import COMMANDS, main
from airflow_provider_tingting.connection import ConnectionSettings
from airflow_provider_tingting.connection.fields import EXTRA_FIELDS
from airflow_provider_tingting.decorators.audience import tingting_audience_task
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.triggers.campaign import TingTingCampaignTrigger
from airflow_provider_tingting.triggers.start import TingTingStartTrigger

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG

CONTROL = "a\x1b[2Jb\nc"
DEEP = "[" * 5_000
FIELDS = {"host": "https://app.tingting.io", "password": "a-token"}

# -- the connection ----------------------------------------------------------------------------------------------------

#: What no field of the extra takes, whatever its kind.
NEVER = {
    "a negative number": -1,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "an immense number": 10**400,
    "a large number": 1e308,
    "bytes": b"7",
    "a moment": VALUES["a moment"][0],
    "an object": object(),
}
#: What only some kinds take.
BY_KIND = {
    "number": {"a text": "soon", "a truth value": True, "a list": [1], "a dict": {"x": 1}, "too large a text": "1e400"},
    "integer": {"half": 0.5, "a text": "soon", "a truth value": True, "a list": [1], "many digits": "9" * 5_000},
    "string": {"a truth value": True, "half": 0.5, "a list": ["x"], "a dict": {"x": 1}, "control characters": CONTROL},
    "web address": {"a text": "soon", "a script": "javascript:alert(1)", "control characters": f"https://x/{CONTROL}"},
    "boolean or path": {"half": 0.5, "a list": ["x"], "a dict": {"x": 1}, "control characters": CONTROL},
    "source": {"a truth value": True, "half": 0.5, "no JSON": "{", "deep JSON": DEEP, "an empty list": []},
    "object": {"a truth value": True, "half": 0.5, "a text": "crm", "a list": [1], "no JSON": "{", "deep JSON": DEEP},
}


@pytest.mark.parametrize("field", EXTRA_FIELDS, ids=lambda field: field.name)
def test_a_field_of_the_extra_names_itself(field):
    for what, value in (NEVER | BY_KIND[field.kind]).items():
        with pytest.raises(TingTingConfigError, match=rf"Extra '{field.name}' of connection 'mine' must be"):
            ConnectionSettings.read(**FIELDS, extra={field.name: value}, conn_id="mine")
            pytest.fail(f"{field.name} may be {what}")


NO_TEXTS = {what: VALUES[what][0] for what in ("a truth value", "half", "bytes", "a list", "a dict", "an object")}
NO_HOSTS = {
    "control characters": CONTROL,
    "a NUL": "a\0b",
    "a surrogate": "\ud800",
    "a template": "{{ var.value.host }}",
    "JSON": '{"host": "x"}',
    "an endless name": "x" * 5_000,
    "steps upwards": "app.tingting.io/../..",
    "a query": "https://app.tingting.io/?limit=1",
    "a fragment": "https://app.tingting.io/#x",
    "a password": "https://u:p@app.tingting.io",
    "an empty label": "https://a..b",
    "dots": "https://..",
    "a backslash": "https://app.tingting.io\\@evil.example",
}
NO_PORTS = {"a negative number": -1, "half": 0.5, "a truth value": True, "a text": "soon", "a large number": 65_536}


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        pytest.param("host", NO_TEXTS | NO_HOSTS, id="host"),
        pytest.param("schema", NO_TEXTS | {"control characters": CONTROL, "steps upwards": "../.."}, id="schema"),
        pytest.param("password", NO_TEXTS | {"control characters": CONTROL, "a NUL": "a\0b"}, id="password"),
        pytest.param("port", NO_PORTS, id="port"),
        pytest.param("extra", {what: value for what, value in NO_TEXTS.items() if what != "a dict"}, id="extra"),
    ],
)
def test_a_field_of_the_connection_names_itself_and_never_the_token(field, wrong):
    named = {"schema": "schema|host", "password": "password|API token"}.get(field, field)
    for what, value in wrong.items():
        with pytest.raises(TingTingConfigError, match=rf"\b(?:{named}) of connection 'mine'") as raised:
            ConnectionSettings.read(**{**FIELDS, field: value}, conn_id="mine")
            pytest.fail(f"{field} may be {what}")
        assert str(raised.value).isprintable()
        assert "a-token" not in str(raised.value)


def test_the_largest_timeouts_that_are_accepted_can_be_used(sandbox, monkeypatch):
    largest = {field.name: field.maximum for field in EXTRA_FIELDS if field.name.endswith("timeout")}
    connection = {"conn_type": "tingting", "host": sandbox.base_url, "password": sandbox.token, "extra": largest}
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", json.dumps(connection))

    async def voices():
        async with await TingTingHook().get_async_conn() as client:
            from airflow_provider_tingting.api import calls

            return await client.send(calls.list_voice_models())

    assert TingTingHook().list_voice_models() == asyncio.run(voices())


# -- the triggers of deferrals -----------------------------------------------------------------------------------------

#: A trigger comes from the database: what a template would fill is a text there, and None stands for the default.
OF_TRIGGERS = {"a template where none is filled", "an empty text", "a negative time", "nothing"}


def trigger_arguments():
    for trigger in (TingTingCampaignTrigger, TingTingStartTrigger):
        for name, parameter in inspect.signature(trigger).parameters.items():
            if parameter.kind is not parameter.VAR_KEYWORD:
                yield pytest.param(trigger, name, parameter, id=f"{trigger.__name__}-{name}")


@pytest.mark.usefixtures("tingting_conn")
@pytest.mark.parametrize(("trigger", "name", "parameter"), list(trigger_arguments()))
def test_a_deferred_task_fails_with_the_wrong_argument_before_the_first_request(sandbox, trigger, name, parameter):
    async def events(value):
        return [event async for event in trigger(**{"campaign_id": 7, name: value}).run()]

    moment = name in ("deadline", "starts_by", "not_before", "deferred_at")
    for what in VALUES.keys() - OF_TRIGGERS:
        if not is_wrong(name, parameter, what) or (moment and what == "a negative number"):
            continue
        value = [7] if name == "until" and what == "a list" else VALUES[what][0]
        with pytest.raises(TingTingConfigError, match=rf"\b{name}\b"):
            asyncio.run(asyncio.wait_for(events(value), 10))
            pytest.fail(f"{name} may be {what}")

    assert sandbox.requests == ()


# -- the decorator of an audience --------------------------------------------------------------------------------------

#: None stands for the default folder.
NO_AUDIENCE = {what: value for what, (value, _) in VALUES.items() if what != "nothing"} | {
    "another ending": "people.csv",
    "control characters": f"{CONTROL}.jsonl",
}


def audience_task(path):
    @tingting_audience_task(path=path)
    def people():
        yield "9841234567"

    with DAG("a_dag", schedule=None):
        return people().operator


@pytest.mark.parametrize("what", NO_AUDIENCE)
def test_an_audience_task_refuses_a_wrong_path_when_the_dag_is_parsed_or_before_it_writes(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if what not in ("a template where none is filled", "control characters"):
        with pytest.raises(TingTingConfigError, match=r"\bpath\b"):
            audience_task(NO_AUDIENCE[what])
    operator = audience_task("{{ params.folder }}/people.jsonl")
    operator.path = NO_AUDIENCE[what]

    with pytest.raises(REFUSED, match=r"\bpath\b"):
        operator.execute(context_of(operator))
    assert list(tmp_path.iterdir()) == []


# -- the command line --------------------------------------------------------------------------------------------------

#: What each command needs besides.
LINES = {
    "contacts check": ["people.csv"],
    "rehearse": ["no_such_dag"],
    "campaigns show": ["79"],
    "campaigns watch": ["79"],
    "campaigns stop": ["79", "--yes"],
    "report": ["79"],
    "sandbox": ["--port=0"],
}
TEXTS = {
    "nothing": "",
    "a negative number": "-1",
    "half": "0.5",
    "NaN": "nan",
    "infinity": "inf",
    "an immense number": "9" * 400,
    "many digits": "9" * 5_000,
    "a word": "soon",
    "a template": "{{ x }}",
    "control characters": CONTROL,
    "a surrogate": "\ud800",
    "a NUL": "\0",
    "digits of another script": "७९",
    "half of JSON": "{",
    "deep JSON": DEEP,
    "no date": "2026-99-99",
    "a date that no clock shows": "0001-01-01",
    "a folder": "/",
    "an equals sign": "=",
    "two dashes": "--",
}
#: What no path holds; as a path the other texts are right.
NO_PATHS = {
    "nothing",
    "an immense number",
    "many digits",
    "control characters",
    "a surrogate",
    "a NUL",
    "deep JSON",
    "a folder",
}
#: Options that take any text, or whose text is looked for in an account, a file or a DAG.
ANY_TEXT = {"--message", "--sms-message", "--search", "--number-column", "--sheet", "--token", "--host", "--skip"}
#: What is right for an option after all. Python reads the digits of every script.
RIGHT = {
    "--seed": {"a negative number", "digits of another script", "an immense number"},
    "--port": {"digits of another script"},
    "--speed": {"half", "digits of another script"},
    "--credits": {"digits of another script"},
    "--page-cap": {"digits of another script", "an immense number"},
    "--latency": {"half", "digits of another script"},
    "--latency-per-contact": {"half", "digits of another script"},
    "--state": TEXTS.keys() - NO_PATHS - {"two dashes"},
}


def options():
    for command in COMMANDS:
        parser = argparse.ArgumentParser()
        command.module.add_arguments(parser)
        for action in parser._actions:
            option = action.option_strings[0] if action.option_strings else action.dest
            if action.nargs != 0 and option not in ANY_TEXT:
                yield pytest.param(command.path, option, id=f"{command.path} {option}")


@pytest.mark.usefixtures("tingting_conn")
@pytest.mark.parametrize(("path", "option"), list(options()))
def test_an_option_is_refused_in_one_sentence(path, option, monkeypatch, tmp_path, capfd):
    for step in ("start", "wait", "stop"):
        monkeypatch.setattr(Sandbox, step, lambda self: None)
    monkeypatch.setattr(rehearsal, "rehearse", refuse)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text("number,name\n9841234567,Sita\n")
    needed = LINES.get(path, [])
    for what, text in TEXTS.items():
        # Each wrong id is one id that Airflow does not know, and looking it up takes its time.
        known = ("nothing", "a word", "control characters", "a surrogate", "two dashes")
        if option == "--conn-id" and what not in known:
            continue
        # argparse takes a text that begins with a dash for an option.
        if text.startswith("-") and not option.startswith("-"):
            continue
        if option.startswith("-"):
            line = [*path.split(), *needed, f"{option}={text}"]
        elif option == "path":
            line = [*path.split(), *needed, text]
        else:
            line = [*path.split(), text, *needed[1:]]
        try:
            code = main(line)
        except SystemExit as ended:
            code = int(ended.code or 0)
        shown = capfd.readouterr()
        assert (code == 0) == (what in RIGHT.get(option, ())), f"{option}: {what}, {shown.err}"
        assert "Traceback" not in shown.err
        assert (shown.out + shown.err).replace("\n", "").isprintable(), f"{option}: {what}"


def refuse(*_: object, **__: object) -> None:
    raise TingTingConfigError("There is no such DAG.")
