"""The table of the API's calls: name, method, paths and summary.

Faults and the request ledger use the names. The paths are those of the API page, and of the vendor's own client for
the calls that the page lacks.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

API = "/api/v1/"


@dataclass(frozen=True)
class Endpoint:
    """One call of the API.

    :param name: such as `run_campaign`.
    :param paths: relative to the base; the first is the API page's.
    :param summary: one line for the OpenAPI page.
    :param alias: a short name for the command line.
    """

    name: str
    method: str
    paths: tuple[str, ...]
    summary: str
    alias: str

    @property
    def is_write(self) -> bool:
        """Whether the call changes something or phones a contact."""
        return self.method != "GET"


def _call(name: str, alias: str, method: str, paths: str, summary: str) -> Endpoint:
    return Endpoint(name, method, tuple(paths.split()), summary, alias)


_ADD = "campaign/{campaign_id}/add-contact/"
_SURVEY = "campaign/create/{campaign_id}/survey/"

ENDPOINTS = {
    call.name: call
    for call in (
        _call("list_voice_models", "voices", "GET", "voice-models/", "List voice models"),
        _call("list_campaigns", "list", "GET", "campaign/", "List campaigns"),
        _call("create_campaign", "create", "POST", "campaign/create/", "Create a campaign"),
        _call("get_campaign", "get", "GET", "campaign/{campaign_id}/", "Get campaign details"),
        _call("update_campaign", "update", "PATCH", "campaign/{campaign_id}/", "Update a campaign"),
        _call("delete_campaign", "delete", "DELETE", "campaign/{campaign_id}/", "Delete a campaign"),
        _call(
            "set_campaign_message",
            "message",
            "PATCH",
            "campaign/create/{campaign_id}/message/",
            "Set voice and category",
        ),
        _call("upload_contacts", "upload", "PATCH", "campaign/create/{campaign_id}/detail/", "Upload bulk contacts"),
        _call("add_contact", "add-one", "POST", _ADD, "Add a single contact"),
        _call("add_contacts", "add", "POST", _ADD, "Add one contact, or many"),
        _call("list_contacts", "contacts", "GET", "campaign-detail/{campaign_id}/", "List contacts"),
        _call("get_contact_attributes", "attributes", "GET", "campaign/{contact_id}/attributes/", "Get contact info"),
        _call(
            "update_contact_attributes",
            "edit-attributes",
            "PATCH",
            "campaign/{contact_id}/attributes/",
            "Edit contact attributes",
        ),
        _call(
            "update_contact_number", "edit-number", "PATCH", "phone-number/update/{contact_id}/", "Edit contact number"
        ),
        _call("delete_contact", "delete-contact", "DELETE", "phone-number/delete/{contact_id}/", "Delete a contact"),
        _call("preview_voice", "preview", "POST", "test-speak/riri/{campaign_id}/", "Test voice"),
        _call("demo_call", "demo", "POST", "demo-call/{contact_id}/", "Demo call"),
        _call("run_campaign", "run", "POST", "run-campaign/{campaign_id}/", "Run campaign"),
        _call("stop_campaign", "stop", "POST", "campaign/emergency-stop/{campaign_id}/", "Stop a campaign"),
        _call(
            "download_campaign_report",
            "report",
            "GET",
            "download/{campaign_id}/report/ download/report/{campaign_id}/",
            "Campaign report",
        ),
        _call("get_survey_steps", "steps", "GET", _SURVEY, "Get survey steps"),
        _call("set_survey_steps", "set-steps", "POST", _SURVEY, "Set survey steps"),
        _call("run_survey", "run-survey", "POST", "run-survey/{campaign_id}/", "Run survey"),
        _call("test_survey", "test-survey", "POST", "test-survey/{contact_id}/", "Test survey"),
        _call("download_survey_report", "survey", "GET", "download/survey/{survey_id}/report/", "Survey report"),
        _call(
            "list_caller_numbers", "callers", "GET", "active-broker-phone/ phone-number/active/", "List caller numbers"
        ),
        _call("get_user_profile", "profile", "GET", "auths/user-profile/", "Get the user's profile"),
        _call("get_dashboard", "dashboard", "GET", "dashboard/", "Get the account's balance"),
    )
}

#: Names for several calls, for the call of a fault.
GROUPS = {
    "*": frozenset(ENDPOINTS),
    "read": frozenset(name for name, call in ENDPOINTS.items() if not call.is_write),
    "write": frozenset(name for name, call in ENDPOINTS.items() if call.is_write),
}
_ALIASES = {call.alias: call.name for call in ENDPOINTS.values()}
_PATTERNS = [
    (call.method, re.compile(API + re.sub(r"\{\w+\}", r"[0-9]+", path) + r"\Z"), call.name)
    for call in ENDPOINTS.values()
    for path in call.paths
]


def calls_named(name: str) -> frozenset[str]:
    """Return the names of the calls that a name, an alias, `read`, `write` or `*` stands for.

    :param name: the name of a call, `read`, `write` or `*`.
    :raises ValueError: there is no such call; the text lists the calls.
    """
    if name in GROUPS:
        return GROUPS[name]
    known = _ALIASES.get(name, name).replace("-", "_")
    if known not in ENDPOINTS:
        names = ", ".join(f"{call.alias} ({call.name})" for call in ENDPOINTS.values())
        raise ValueError(f"there is no call {name!r}; there are *, read, write, {names}")
    return frozenset({known})


def identify(method: str, path: str, body: bytes = b"") -> str | None:
    """Return the name of a request's call; None when TingTing has no such path.

    :param method: the HTTP method.
    :param path: the path.
    :param body: the request's body, which distinguishes adding one contact from adding many.
    """
    for known_method, pattern, name in _PATTERNS:
        if method == known_method and pattern.match(path):
            return name if name != "add_contact" else _one_or_many(body)
    return None


def has_path(path: str) -> bool:
    """Return whether any call has this path, with any method.

    :param path: the path.
    """
    return any(pattern.match(path) for _, pattern, _ in _PATTERNS)


def _one_or_many(body: bytes) -> str:
    if b'"contacts"' not in body:
        return "add_contact"
    if len(body) > 10_000:
        return "add_contacts"
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return "add_contacts"
    return "add_contacts" if isinstance(content, dict) and "contacts" in content else "add_contact"
