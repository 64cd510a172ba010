"""The TingTing connection as a form: field metadata for Airflow 3.2 and later, widgets for older versions.

Everything comes from `EXTRA_FIELDS` in `fields`.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_tingting.connection.fields import EXTRA_FIELDS, ExtraField
from airflow_provider_tingting.connection.settings import DEFAULT_HOST

# The port is shown: Airflow 3.3.2 answers "Bad Request" to Test Connection when the stored connection has none, because
# its page sends 0 then (apache/airflow#73298).
HIDDEN_FIELDS = ("login", "schema")
RELABELING = {"host": "Base URL", "password": "API token"}
PLACEHOLDERS = {
    "host": DEFAULT_HOST,
    "password": "the token from your TingTing account",
    "port": "443, if Test Connection says Bad Request",
}


def conn_fields() -> dict[str, dict[str, Any]]:
    """Return the form's extra fields as Airflow 3.2+ reads them from the provider info."""
    return {
        spec.name: {"label": spec.label, "description": spec.help, "schema": _schema(spec)} for spec in EXTRA_FIELDS
    }


def _schema(spec: ExtraField) -> dict[str, Any]:
    # Every field may be null, as in other providers, so that a form with empty fields can be saved.
    kind = spec.kind if spec.kind in ("number", "integer") else "string"
    schema: dict[str, Any] = {"type": [kind, "null"]}
    if spec.minimum is not None:
        schema["exclusiveMinimum" if spec.exclusive else "minimum"] = spec.minimum
    if spec.secret:
        schema["format"] = "password"
    if spec.default is not None:
        schema["default"] = str(spec.default).lower() if isinstance(spec.default, bool) else spec.default
    return schema


def ui_field_behaviour() -> dict[str, Any]:
    """Return how the form shows the standard fields, as Airflow 3.2+ reads it from the provider info."""
    return {
        "hidden-fields": list(HIDDEN_FIELDS),
        "relabeling": dict(RELABELING),
        "placeholders": dict(PLACEHOLDERS),
    }


def form_behaviour() -> dict[str, Any]:
    """Return how the form shows the standard fields, in the form that a hook returns it before Airflow 3.2."""
    return {name.replace("-", "_"): value for name, value in ui_field_behaviour().items()}


def form_widgets() -> dict[str, Any]:
    """Return the extra fields as form widgets for Airflow before 3.2."""
    try:
        from wtforms import IntegerField, PasswordField, StringField
        from wtforms.validators import Optional
    except ImportError:
        # An ImportError here would make Airflow drop the labels of the standard fields, too.
        return {}
    try:
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    except ImportError:
        text_style: dict[str, Any] = {}
        password_style: dict[str, Any] = {}
    else:
        text_style, password_style = {"widget": BS3TextFieldWidget()}, {"widget": BS3PasswordFieldWidget()}
    # Airflow accepts text, integer, boolean and password fields only; a `FloatField` makes it drop the whole connection
    # type. So other numbers are text fields.
    return {
        spec.name: (PasswordField if spec.secret else IntegerField if spec.kind == "integer" else StringField)(
            spec.label,
            description=spec.help,
            default=_shown_default(spec),
            validators=[Optional()],
            **(password_style if spec.secret else text_style),
        )
        for spec in EXTRA_FIELDS
    }


def _shown_default(spec: ExtraField) -> str | int | None:
    if spec.default is None or (spec.kind == "integer" and isinstance(spec.default, int)):
        return spec.default
    return str(spec.default).lower() if isinstance(spec.default, bool) else f"{spec.default}"
