"""What the docs say in tables is what the code has: every argument, field, fault, switch, reason, error and call."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from datetime import date

import pytest
from support.airflow_home import CHECKOUT
from support.docs_pages import DOCS, table, tables
from support.public_classes import public_classes

import airflow_provider_tingting
from airflow_provider_tingting import errors
from airflow_provider_tingting.api import calls
from airflow_provider_tingting.campaigns.schedule import read_schedule, wire_format
from airflow_provider_tingting.connection import normalize_base_url
from airflow_provider_tingting.connection.fields import EXTRA_FIELDS
from airflow_provider_tingting.contacts.numbers import REASONS
from airflow_provider_tingting.contacts.validated_audience import ROW_REASONS
from airflow_provider_tingting.reports import FORMATS
from airflow_provider_tingting.reports.summary import CampaignSummary
from airflow_provider_tingting.reports.tidy import CORE
from airflow_provider_tingting.sandbox.dialect import Dialect
from airflow_provider_tingting.sandbox.faults import KINDS

GUIDES = [page for page in sorted(DOCS.glob("*.md")) if page.name != "reference.md"]
CLASSES = list(public_classes("operators", "transfers", "sensors", "triggers", "notifications"))


def ours(cls):
    """The class and its bases in the provider."""
    return [base for base in cls.__mro__ if base.__module__.startswith("airflow_provider_tingting.")]


def docstrings(cls):
    """What the class and its bases say: a base describes the arguments that it takes for its subclasses."""
    return "\n".join(base.__doc__ or "" for base in ours(cls))


def own_parameters(cls):
    """The constructor's named parameters, those of the provider's base included; Airflow's own come through kwargs."""
    return list(
        dict.fromkeys(
            name
            for base in ours(cls)
            for name, parameter in inspect.signature(base.__init__).parameters.items()
            if name != "self" and parameter.kind is not inspect.Parameter.VAR_KEYWORD
        )
    )


PARAMETERS = [pytest.param(cls, name, id=f"{cls.__name__}.{name}") for cls in CLASSES for name in own_parameters(cls)]


@pytest.mark.parametrize(("cls", "name"), PARAMETERS)
def test_every_argument_is_described_in_its_class_or_its_base_and_named_in_a_guide(cls, name):
    assert re.search(rf"^\s*:param {name}: \S", docstrings(cls), re.MULTILINE)
    assert any(f"`{name}`" in page.read_text(encoding="utf-8") for page in GUIDES)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_no_class_describes_an_argument_that_it_does_not_take(cls):
    described = re.findall(r"^\s*:param (\w+):", cls.__doc__, re.MULTILINE)

    # What Airflow's own sensor takes may be described again where it means something here.
    assert set(described) - {"poke_interval", "timeout"} <= set(own_parameters(cls))


TABLES_OF_ARGUMENTS = [
    ("campaigns.md", "TingTingCreateCampaignOperator"),
    ("run-campaign.md", "TingTingRunCampaignOperator"),
    ("contacts.md", "TingTingAddContactsOperator"),
    ("reports.md", "TingTingDownloadReportOperator"),
    ("reports.md", "TingTingDownloadSurveyReportOperator"),
    ("downstream.md", "TingTingReportToSqlOperator"),
    ("downstream.md", "TingTingUnreachedContactsOperator"),
    ("waiting.md", "TingTingCampaignSensor"),
    ("waiting.md", "TingTingCampaignTrigger"),
    ("waiting.md", "TingTingCampaignFinishedTrigger"),
    ("notifications.md", "TingTingNotifier"),
    ("waiting.md", "TingTingStartTrigger"),
    ("manage-campaigns.md", "TingTingDemoCallOperator"),
]


@pytest.mark.parametrize(("page", "name"), TABLES_OF_ARGUMENTS)
def test_the_table_of_arguments_has_all_of_them_and_no_others(page, name):
    [cls] = [cls for cls in CLASSES if cls.__name__ == name]
    found = [{row[0] for row in rows[1:]} for rows in tables(DOCS / page) if rows[0][0] == "argument"]

    assert {f"`{parameter}`" for parameter in own_parameters(cls)} in found


def test_the_table_of_the_connection_is_the_one_that_it_is_read_by():
    def written(value):
        return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    expected = [[f"`{spec.name}`", spec.label, written(spec.default), spec.help] for spec in EXTRA_FIELDS]

    assert table(DOCS / "connecting.md", "field") == expected


def test_the_table_of_hosts_says_where_requests_go():
    rows = table(DOCS / "connecting.md", "you write")

    assert len(rows) > 8
    for written, goes_to in rows:
        assert normalize_base_url("" if written == "nothing" else written.strip("`")) == goes_to.strip("`")


def test_the_table_of_faults_is_the_sandboxes_own():
    rows = table(DOCS / "sandbox.md", "kind")

    assert [row[:2] for row in rows] == [[f"`{name}`", kind.meaning] for name, kind in KINDS.items()]
    assert [bool(row[2]) for row in rows] == [kind.value is not None for kind in KINDS.values()]


def test_the_table_of_dialects_is_the_sandboxes_own():
    def shown(choices):
        return choices if choices == "a value" else ", ".join(f"`{choice}`" for choice in choices.split(" | "))

    expected = [[f"`{name}`", shown(choices), meaning] for name, choices, meaning in Dialect.table()]

    assert table(DOCS / "sandbox.md", "switch") == expected


def test_the_table_of_options_is_that_of_the_sandboxes_command_line():
    from airflow_provider_tingting.sandbox.__main__ import parser

    options = {name for action in parser()._actions for name in action.option_strings if name.startswith("--")}

    assert {row[0].strip("`") for row in table(DOCS / "sandbox.md", "option")} == options - {"--help"}


def test_the_tables_of_the_command_line_have_its_commands_options_and_exit_codes():
    import argparse

    from airflow_provider_tingting.cli.commands import COMMANDS
    from airflow_provider_tingting.cli.exit_codes import ExitCode

    page = DOCS / "command-line.md"
    written = {row[0].strip("`"): set(re.findall(r"`([^`]+)`", row[2])) for row in table(page, "command")}

    assert set(written) == {command.path for command in COMMANDS}
    for command in COMMANDS:
        if command.path == "sandbox":
            continue
        parser = argparse.ArgumentParser()
        command.module.add_arguments(parser)
        own = {
            (action.option_strings or [action.dest.upper()])[-1]
            for action in parser._actions
            if action.dest not in ("help", "conn_id")
        }
        assert written[command.path] == own, command.path
    assert table(page, "exit code") == [[f"`{code:d}`", code.meaning] for code in ExitCode]


def test_the_tables_of_the_notifier_have_every_event_with_its_sentences():
    from airflow_provider_tingting.notifications.callback_event import SENTENCES

    rows = table(DOCS / "notifications.md", "event")

    assert [row[0].strip("`") for row in rows] == list(SENTENCES)
    for event, english in rows:
        assert english.strip() == SENTENCES[event.strip("`")]["en"].replace("{task}", "").replace("{dag}", "*dag*")


def test_the_table_of_controls_has_each_that_the_sandbox_answers(sandbox):
    import requests

    content = requests.get(f"{sandbox.root_url}openapi.json", timeout=60).json()
    there = {
        f"`{method.upper()} {path.replace(':int', '')}`"
        for path, methods in content["paths"].items()
        for method in methods
        if path.startswith("/sandbox/")
    }

    assert {row[0] for row in table(DOCS / "sandbox.md", "path")} == there


def test_the_tables_of_reasons_have_every_reason_to_refuse_a_row():
    found = [rows[1:] for rows in tables(DOCS / "contacts.md") if rows[0][0] == "reason"]

    assert [{row[0].strip("`") for row in rows} for rows in found] == [set(REASONS), set(ROW_REASONS)]


def test_an_example_of_each_refused_number_is_refused_for_that_reason():
    from airflow_provider_tingting.contacts.numbers import InvalidNumberError, normalise

    rows = [row for row in table_with(DOCS / "contacts.md", "for example") if row[1].startswith("`")]

    assert len(rows) == len(REASONS) - 1
    for reason, example, _ in rows:
        with pytest.raises(InvalidNumberError) as refused:
            normalise(example.strip("`"))
        assert refused.value.reason == reason.strip("`")


def table_with(page, header):
    [rows] = [rows[1:] for rows in tables(page) if header in rows[0]]
    return rows


def test_the_table_of_schedules_says_what_goes_out():
    from datetime import datetime

    rows = table(DOCS / "campaigns.md", "you write")

    assert len(rows) > 3
    for written, sent in rows:
        moment = read_schedule(eval(written.strip("`"), {"datetime": datetime}))
        assert wire_format(moment) == sent.strip("`")


def test_the_tables_of_a_report_have_its_formats_columns_and_figures():
    page = DOCS / "reports.md"

    assert [row[0] for row in table(page, "`format`")] == [f"`{name}`" for name in FORMATS]
    assert [row[0] for row in table(page, "column")] == [f"`{name}`" for name, _ in CORE]
    assert [row[0] for row in table(page, "field")] == [f"`{field.name}`" for field in fields(CampaignSummary)]


def test_the_table_of_errors_has_the_whole_tree():
    tree = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.TingTingError) and value is not errors.TingTingError
    }

    assert {row[0].strip("`") for row in table(DOCS / "troubleshooting.md", "error")} == tree


def test_the_table_of_errors_says_which_fail_a_task_at_once():
    from airflow_provider_tingting.errors import NON_RETRYABLE

    at_once = {row[0].strip("`") for row in table(DOCS / "troubleshooting.md", "error") if row[3] == "at once"}

    tree = [value for value in vars(errors).values() if isinstance(value, type)]
    assert at_once == {error.__name__ for error in tree if issubclass(error, tuple(NON_RETRYABLE))}


def test_the_table_of_calls_has_every_endpoint():
    endpoints = {
        name
        for name, value in vars(calls).items()
        if inspect.isfunction(value) and value.__module__ == calls.__name__ and not name.startswith("_")
    }

    assert {row[0].strip("`").split("(")[0] for row in table(DOCS / "python-client.md", "call")} == endpoints


def test_the_dates_of_the_libraries_are_those_of_the_pinned_versions():
    pinned = [
        line.split() for line in (CHECKOUT / ".ci" / "versions.txt").read_text().splitlines() if line and line[0] != "#"
    ]

    rows = table(DOCS / "compatibility.md", "Airflow")

    assert [(row[0], row[1].split(",")[0], row[3]) for row in rows] == [
        (minor, airflow, date.fromisoformat(cutoff).strftime("%B %Y")) for minor, airflow, cutoff, *_ in pinned
    ]


def test_the_changelog_has_an_entry_for_the_version():
    version = airflow_provider_tingting.__version__

    assert f"\n## [{version}] - " in (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_table_of_calling_windows_has_only_such_as_can_be_read():
    from airflow_provider_tingting.campaigns.calling_window import CallingWindow

    rows = table(DOCS / "calling-hours.md", "you write")

    assert len(rows) > 5
    for written, _ in rows:
        assert CallingWindow.read(eval(written.strip("`"), {"CallingWindow": CallingWindow})) is not None
