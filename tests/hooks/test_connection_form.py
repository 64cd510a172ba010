"""Airflow's own machinery finds the provider, shows its form and tests its connection, on the installed version."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from support.airflow_command import AirflowCommand
from support.airflow_home import AIRFLOW_VERSION

from airflow_provider_tingting.connection import EXTRA_FIELDS, ConnectionSettings
from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.sandbox import Sandbox

# The form is read in a process of its own: from 3.0 to 3.1 Airflow puts mocks in the place of form libraries.
FORM_OF_AIRFLOW_3 = """
import json
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
(form,) = [form for form in HookMetaService.hook_meta_data() if form.connection_type == "tingting"]
print("FORM" + form.model_dump_json())
"""
FORM_OF_AIRFLOW_2 = """
import json
from airflow.providers_manager import ProvidersManager
from werkzeug.datastructures import ImmutableMultiDict
import wtforms

manager = ProvidersManager()
behaviour = manager.field_behaviours["tingting"]
widgets = {
    name: widget for name, widget in manager.connection_form_widgets.items() if name.startswith("extra__tingting__")
}
standard = {
    "url_schema" if name == "schema" else name: {
        "hidden": name in behaviour["hidden_fields"],
        "title": behaviour["relabeling"].get(name),
        "placeholder": behaviour["placeholders"].get(name),
    }
    for name in ("description", "host", "port", "login", "password", "schema")
}

class Form(wtforms.Form):
    pass

for name, widget in widgets.items():
    setattr(Form, name, widget.field)
blank = Form(ImmutableMultiDict(dict.fromkeys(widgets, "")))
shown = Form()
assert blank.validate(), blank.errors
extra = {
    widget.field_name: {
        "value": shown[name].data,
        "description": shown[name].description,
        "schema": {"title": str(shown[name].label.text)},
    }
    for name, widget in widgets.items()
}
hook = manager.hooks["tingting"]
print("FORM" + json.dumps({
    "connection_type": hook.connection_type,
    "hook_class_name": f"{hook.hook_class_name}" if hook.hook_class_name else None,
    "hook_name": hook.hook_name,
    "standard_fields": standard,
    "extra_fields": extra,
}))
"""

slow = pytest.mark.slow


@pytest.fixture(scope="module")
def form() -> dict[str, Any]:
    """The form of the connection type as Airflow's web server has it."""
    program = FORM_OF_AIRFLOW_2 if AIRFLOW_VERSION < (3, 0) else FORM_OF_AIRFLOW_3
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, env=os.environ, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FORM")]
    output = (done.stdout.replace(line, "") + done.stderr).splitlines()
    # A field that Airflow does not know is only warned about, and the whole connection type is gone.
    warnings = [text for text in output if "tingting" in text.lower() and ("WARN" in text or "ERROR" in text)]
    return {**json.loads(line[4:]), "warnings": warnings}


@pytest.fixture
def fields(form: dict[str, Any]) -> dict[str, Any]:
    """The fields of the form, where this Airflow has a form at all."""
    if AIRFLOW_VERSION == (3, 0) and form["extra_fields"] is None:
        pytest.skip("Airflow 3.0 shows no provider's fields unless flask_appbuilder is installed")
    return form


@slow
def test_the_connection_type_is_known_by_its_name(form: dict[str, Any]) -> None:
    assert (form["connection_type"], form["hook_name"]) == ("tingting", "TingTing")
    assert form["warnings"] == []
    assert form["hook_class_name"] == f"{TingTingHook.__module__}.{TingTingHook.__qualname__}"


@slow
def test_the_standard_fields_are_called_what_they_mean_here(fields: dict[str, Any]) -> None:
    standard = fields["standard_fields"]

    hidden = {name for name, field in standard.items() if field and field["hidden"]}
    assert hidden == {"login", "url_schema"}
    # Without a stored port, Test Connection answers "Bad Request" on Airflow 3.3.2.
    assert standard["port"]["placeholder"].startswith("443")
    assert standard["host"]["title"] == "Base URL"
    assert standard["host"]["placeholder"] == "https://app.tingting.io/api/v1/"
    assert standard["password"]["title"] == "API token"
    assert "token" in standard["password"]["placeholder"]


@slow
def test_every_extra_has_its_field_with_label_help_and_default(fields: dict[str, Any]) -> None:
    extra = fields["extra_fields"]

    assert set(extra) == {spec.name for spec in EXTRA_FIELDS}
    for spec in EXTRA_FIELDS:
        field = extra[spec.name]
        assert field["schema"]["title"] == spec.label
        assert field["description"] == spec.help
        shown = str(spec.default).lower() if isinstance(spec.default, bool) else spec.default
        assert str(field["value"] or "") == str(shown or ""), spec.name


@slow
def test_what_the_form_saves_when_it_is_left_alone_means_the_defaults(fields: dict[str, Any]) -> None:
    saved = {name: field["value"] for name, field in fields["extra_fields"].items()}

    assert ConnectionSettings.read(host="", password="abc", extra=saved) == ConnectionSettings.read(
        host=None, password="abc"
    )


@pytest.mark.parametrize("missing", [["flask_appbuilder"], ["flask_appbuilder", "wtforms"]], ids=" and ".join)
def test_the_form_is_made_without_the_form_libraries_of_the_web_server(
    missing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow 3.1 drops the labels of the form, too, when the extra fields raise an ImportError."""
    for name in missing:
        for module in (name, f"{name}.fieldwidgets", f"{name}.validators"):
            monkeypatch.setitem(sys.modules, module, None)
    fields = TingTingHook.get_connection_form_widgets()

    if "wtforms" in missing:
        assert fields == {}
    else:
        pytest.importorskip("wtforms")
        assert set(fields) == {spec.name for spec in EXTRA_FIELDS}


def test_airflow_lists_the_provider(airflow: AirflowCommand) -> None:
    done = airflow("providers", "list", "--output", "json")

    assert done.code == 0, done.err
    providers = json.loads(done.out[done.out.index("[{") :])
    (listed,) = [entry for entry in providers if entry["package_name"] == "airflow-provider-tingting"]
    assert listed["description"].startswith("Bulk AI voice calls and SMS in Nepal")


def test_the_command_succeeds_with_a_valid_token(sandbox: Sandbox, airflow: AirflowCommand, tingting_conn: str) -> None:
    done = airflow("connections", "test", tingting_conn)

    assert done.code == 0, done.out + done.err
    assert "Connection success!" in done.out
    assert [entry.call for entry in sandbox.requests] == ["list_voice_models"]


def test_the_command_names_the_remedy_of_a_wrong_token(
    sandbox: Sandbox, airflow: AirflowCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = json.loads(sandbox.connection_json()) | {"password": "not-a-valid-token"}
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", json.dumps(connection))
    done = airflow("connections", "test", "tingting_default")

    # Before 3.3 Airflow says it in words only.
    assert done.code == (1 if AIRFLOW_VERSION >= (3, 3) else 0)
    assert "Connection failed!" in done.out
    assert "TingTing refuses the token. Put a valid API token into the connection's password." in done.out
    assert "not-a-valid-token" not in done.out + done.err
