"""The hook: a connection of Airflow in, TingTing's answers out."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import socket
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from support.recording_server import RecordingServer

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.client import AsyncTingTingClient, TingTingClient
from airflow_provider_tingting.api.models import (
    AddContactsResult,
    CallerNumber,
    Campaign,
    CampaignMessage,
    Contact,
    Dashboard,
    Said,
    UploadResult,
    UserProfile,
    Voice,
)
from airflow_provider_tingting.errors import (
    TingTingAuthError,
    TingTingConfigError,
    TingTingOutcomeUnknownError,
    TingTingReportError,
    TingTingValidationError,
)
from airflow_provider_tingting.hooks import tingting as hook_module
from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.sandbox import Sandbox

CREATE: dict[str, Any] = {"name": "Dashain", "services": "PHONE", "user_phone": [3], "message": "नमस्ते {name}"}

PROMISED = """
list_voice_models()
find_voice(name_or_id)
list_caller_numbers()
iter_campaigns(*, status=None, search=None)
get_campaign(campaign_id)
create_campaign(*, name, services, user_phone, message, sms_message=None, description=None, schedule=None, credit_limit=None)
set_campaign_message(campaign_id, *, voice, category='Text', message=None, sms_message=None, length_factor=None, draft=None)
update_campaign(campaign_id, **fields)
delete_campaign(campaign_id)
add_contact(campaign_id, number, other_variables=None)
add_contacts(campaign_id, contacts)
upload_contacts(campaign_id, path)
iter_contacts(campaign_id)
get_contact_attributes(contact_id)
update_contact_attributes(contact_id, attributes)
update_contact_number(contact_id, number)
delete_contact(contact_id)
preview_voice(campaign_id, *, voice, message)
demo_call(contact_id)
run_campaign(campaign_id)
stop_campaign(campaign_id)
download_campaign_report(campaign_id, path)
download_survey_report(survey_id, path, *, format='csv')
get_user_profile()
get_dashboard()
test_connection()
get_conn()
get_async_client()
"""  # noqa: E501 - a signature a line


@pytest.fixture
def hook(tingting_conn: str) -> TingTingHook:
    return TingTingHook(tingting_conn)


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Callable[..., TingTingHook]:
    """`connection(text)` keeps a connection in the environment and returns a hook on it."""

    def keep(text: str | None = None, **parts: Any) -> TingTingHook:
        value = text if text is not None else json.dumps({"conn_type": "tingting", **parts})
        monkeypatch.setenv("AIRFLOW_CONN_MY_TINGTING", value)
        return TingTingHook("my_tingting")

    return keep


# -- the methods -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signature", PROMISED.strip().splitlines())
def test_a_promised_method_has_its_promised_signature(signature: str) -> None:
    name = signature.partition("(")[0]
    found = inspect.signature(getattr(TingTingHook, name))
    parameters = [
        parameter.replace(annotation=parameter.empty)
        for parameter in found.parameters.values()
        if parameter.name != "self"
    ]

    assert name + str(found.replace(parameters=parameters, return_annotation=found.empty)) == signature


def test_the_hook_takes_a_connection_id_and_has_a_default_one(tingting_conn: str) -> None:
    assert TingTingHook().tingting_conn_id == tingting_conn == TingTingHook.default_conn_name
    assert TingTingHook(tingting_conn_id="other").tingting_conn_id == "other"


def test_a_campaign_is_led_through_its_whole_life(hook: TingTingHook, sandbox: Sandbox, tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["number", "name"])
    book.active.append(["9841000001", "सीता"])
    book.save(tmp_path / "contacts.xlsx")

    campaign = hook.create_campaign(**CREATE, description="weekly", credit_limit=50)
    assert type(campaign) is Campaign
    assert (campaign.status.value, campaign.credit_limit) == ("Not Started", 50)
    message = hook.set_campaign_message(campaign.id, voice=hook.find_voice("Binod").id, length_factor="1.10")
    assert type(message) is CampaignMessage
    assert (message.voice, message.length_factor) == (4, "1.10")
    assert type(hook.upload_contacts(campaign.id, tmp_path / "contacts.xlsx")) is UploadResult
    assert hook.add_contact(campaign.id, "9841000002").message == "New Contact added"
    added = hook.add_contacts(campaign.id, [{"number": "9841000002"}, {"number": "9841000003"}])
    assert type(added) is AddContactsResult
    assert (added.created, added.skipped) == (1, 1)
    contacts = list(hook.iter_contacts(campaign.id))
    assert {type(contact) for contact in contacts} == {Contact}
    by_number = {contact.number: contact.id or 0 for contact in contacts}
    first = by_number["9841000001"]
    assert hook.get_contact_attributes(first) == {"name": "सीता"}
    assert hook.update_contact_attributes(first, {"name": "Sita"}) == {"name": "Sita"}
    assert hook.update_contact_number(first, "9841000009") is None
    assert hook.delete_contact(by_number["9841000002"]) is None
    assert hook.preview_voice(campaign.id, voice=4, message="नमस्ते").endswith(".mp3")
    assert type(hook.demo_call(first)) is Said
    assert hook.run_campaign(campaign.id).message == "Campaign Began Successfully!!"
    sandbox.play_out()
    assert hook.get_campaign(campaign.id).status.value == "Completed"
    assert [listed.id for listed in hook.iter_campaigns(status="Completed", search="dash")] == [campaign.id]
    size = hook.download_campaign_report(campaign.id, tmp_path / "report.csv")
    assert (tmp_path / "report.csv").stat().st_size == size
    assert hook.delete_campaign(campaign.id) is None
    assert list(hook.iter_campaigns()) == []
    assert sandbox.ledger.times_dialled() == {"9841000003": 1, "9841000009": 1}


def test_the_account_can_be_looked_at(hook: TingTingHook) -> None:
    assert {type(voice) for voice in hook.list_voice_models()} == {Voice}
    assert [(type(number), number.id) for number in hook.list_caller_numbers()] == [
        (CallerNumber, 3),
        (CallerNumber, 12),
    ]
    profile, dashboard = hook.get_user_profile(), hook.get_dashboard()
    assert (type(profile), type(dashboard)) == (UserProfile, Dashboard)
    assert dashboard.remaining_credits == 10_000


def test_a_campaign_that_runs_can_be_stopped(hook: TingTingHook, sandbox: Sandbox) -> None:
    campaign = hook.create_campaign(**CREATE)
    hook.set_campaign_message(campaign.id, voice=1)
    hook.add_contact(campaign.id, 9841000001, {"name": "Sita"})
    hook.run_campaign(campaign.id)

    assert type(hook.stop_campaign(campaign.id)) is Said
    assert hook.get_campaign(campaign.id).status.value == "Terminated"


def test_a_time_goes_out_with_its_offset_and_without_one_is_nepals(hook: TingTingHook) -> None:
    naive = hook.create_campaign(**CREATE, schedule=datetime(2040, 1, 2, 14, 30))
    aware = hook.create_campaign(**CREATE, schedule=datetime(2040, 1, 2, 8, 45, tzinfo=timezone.utc))
    text = hook.create_campaign(**CREATE, schedule="2040-01-02")

    assert naive.schedule == aware.schedule == "2040-01-02T14:30:00+05:45"
    assert text.schedule == "2040-01-02T00:00:00+05:45"


def test_an_update_takes_a_time_as_creating_does(hook: TingTingHook) -> None:
    campaign = hook.create_campaign(**CREATE)
    changed = hook.update_campaign(campaign.id, name="Tihar", schedule=datetime(2040, 1, 2, 14, 30))

    assert changed is not None
    assert (changed.name, changed.schedule) == ("Tihar", "2040-01-02T14:30:00+05:45")


def test_a_write_is_sent_once_and_its_unknown_outcome_raised(hook: TingTingHook, sandbox: Sandbox) -> None:
    sandbox.faults.parse("lose-reply:create:*")

    with pytest.raises(TingTingOutcomeUnknownError):
        hook.create_campaign(**CREATE)
    assert sandbox.ledger.times_called("create_campaign") == 1


def test_a_refusal_names_the_field(hook: TingTingHook) -> None:
    with pytest.raises(TingTingValidationError, match=r"user_phone: Invalid pk"):
        hook.create_campaign(**{**CREATE, "user_phone": [77]})


# -- voices ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(5, 5), ("5", 5), ("Rija", 1), ("rija premium", 2), (" RIJA  ", 1), ("np_binod", 4), ("NP_Shreegya", 5)],
)
def test_a_voice_is_found_by_id_display_name_or_unshared_internal_name(
    hook: TingTingHook, wanted: str | int, found: int
) -> None:
    assert hook.find_voice(wanted).id == found


def test_an_internal_name_that_voices_share_is_asked_about(hook: TingTingHook) -> None:
    with pytest.raises(TingTingConfigError, match="'np_rija' is shared by several voices") as caught:
        hook.find_voice("np_rija")
    assert "'Rija' (1), 'Rija premium' (2)" in str(caught.value)


@pytest.mark.parametrize("wanted", ["Rima", 9, "", "1.0"])
def test_a_voice_that_does_not_exist_is_answered_with_those_that_do(hook: TingTingHook, wanted: str | int) -> None:
    with pytest.raises(TingTingConfigError, match="does not exist in this account") as caught:
        hook.find_voice(wanted)
    assert "'Rija' (1), 'Rija premium' (2), 'Prashanna' (3), 'Binod' (4), 'Shreegya' (5)." in str(caught.value)


# -- reports -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def reported(hook: TingTingHook) -> int:
    campaign = hook.create_campaign(**CREATE)
    hook.add_contacts(campaign.id, [{"number": f"98410{digits:05}"} for digits in range(100)])
    return campaign.id


@pytest.mark.parametrize("before", [None, b"last week's report"])
def test_a_report_that_breaks_off_leaves_what_was_there(
    connection: Callable[..., TingTingHook], sandbox: Sandbox, reported: int, tmp_path: Path, before: bytes | None
) -> None:
    path = tmp_path / "report.csv"
    if before is not None:
        path.write_bytes(before)
    sandbox.faults.parse("truncate:report:*")
    impatient = connection(host=sandbox.base_url, password=sandbox.token, extra={"max_retries": 0})

    with pytest.raises(TingTingOutcomeUnknownError):
        impatient.download_campaign_report(reported, path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([] if before is None else [before])


def test_a_report_that_breaks_off_once_comes_whole(
    hook: TingTingHook, sandbox: Sandbox, reported: int, tmp_path: Path
) -> None:
    sandbox.faults.parse("truncate:report:1")
    size = hook.download_campaign_report(reported, tmp_path / "report.csv")

    content = (tmp_path / "report.csv").read_bytes()
    assert len(content) == size
    assert content.count(b"\r\n98410") == 100


def test_a_survey_report_comes_in_either_format(hook: TingTingHook, tmp_path: Path) -> None:
    hook.download_survey_report(12, tmp_path / "survey.csv")
    hook.download_survey_report(12, str(tmp_path / "survey.json"), format="json")

    assert (tmp_path / "survey.csv").read_text(encoding="utf-8").startswith("number,question,answer")
    assert len(json.loads((tmp_path / "survey.json").read_bytes())) == 3


def test_a_path_that_cannot_be_written_is_told_before_the_download(
    hook: TingTingHook, sandbox: Sandbox, reported: int, tmp_path: Path
) -> None:
    for path in (tmp_path, tmp_path / "a-file" / "report.csv"):
        (tmp_path / "a-file").touch()
        with pytest.raises(TingTingReportError, match="cannot be written"):
            hook.download_campaign_report(reported, path)
    assert sandbox.ledger.times_called("download_campaign_report") == 0


# -- the connection ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        {"host": "http://127.0.0.1:{port}/api/v1/"},
        {"host": "http://127.0.0.1:{port}/api/v1"},
        {"host": "http://127.0.0.1:{port}"},
        {"host": "127.0.0.1:{port}"},
        {"host": " 127.0.0.1:{port}/api/v1/ "},
        {"host": "127.0.0.1", "port": "{port}"},
        {"host": "127.0.0.1", "port": "{port}", "schema": "http"},
        {"host": "localhost:{port}"},
    ],
    ids=lambda parts: " ".join(parts.values()),
)
def test_the_host_may_be_written_as_people_write_it(
    connection: Callable[..., TingTingHook], sandbox: Sandbox, written: dict[str, str]
) -> None:
    parts: dict[str, Any] = {name: value.replace("{port}", str(sandbox.port)) for name, value in written.items()}
    if "port" in parts:
        parts["port"] = int(parts["port"])

    assert len(connection(password=sandbox.token, **parts).list_voice_models()) == 5


@pytest.mark.parametrize(
    "uri",
    [
        "tingting://:{token}@127.0.0.1:{port}",
        "tingting://:{token}@127.0.0.1:{port}/",
        "tingting://:{token}@127.0.0.1:{port}/api%2Fv1",
        "tingting://:{token}@127.0.0.1:{port}/?timeout=7&rate_limit=50",
        "tingting://:{token}@127.0.0.1:{port}/http",
        "tingting://:{token}@http%3A%2F%2F127.0.0.1%3A{port}%2Fapi%2Fv1%2F/",
    ],
)
def test_the_connection_may_be_a_uri(connection: Callable[..., TingTingHook], sandbox: Sandbox, uri: str) -> None:
    hook = connection(uri.format(token=sandbox.token, port=sandbox.port))

    assert len(hook.list_voice_models()) == 5
    assert hook.settings.timeout == (7 if "timeout" in uri else 60)


def test_the_connection_survives_airflows_own_uri(connection: Callable[..., TingTingHook], sandbox: Sandbox) -> None:
    from airflow.models import Connection

    kept = Connection(
        conn_type="tingting", host=sandbox.base_url, password="a/b:c@d?e=f%", extra={"timeout": 7, "verify": False}
    )
    sandbox.world.rotate_token("a/b:c@d?e=f%")
    hook = connection(kept.get_uri())

    assert (hook.settings.timeout, hook.settings.verify) == (7, False)
    assert len(hook.list_voice_models()) == 5


def test_the_sandboxs_own_connection_is_as_json(connection: Callable[..., TingTingHook], sandbox: Sandbox) -> None:
    hook = connection(sandbox.connection_json())

    assert len(hook.list_voice_models()) == 5
    assert hook.settings.campaign_link(7) == f"{sandbox.root_url}#campaign-7"


def test_the_extras_reach_the_client(connection: Callable[..., TingTingHook], sandbox: Sandbox) -> None:
    hook = connection(host=sandbox.base_url, password=sandbox.token, extra={"timeout": 0.2, "max_retries": 1})
    sandbox.faults.parse("stuck:voices:*")

    with pytest.raises(TingTingOutcomeUnknownError, match="no answer came in time"):
        hook.list_voice_models()
    assert len(sandbox.requests) == 2


def test_one_client_lives_as_long_as_the_hook(hook: TingTingHook) -> None:
    assert type(hook.get_conn()) is TingTingClient
    assert hook.get_conn() is hook.get_conn()


def test_a_replaced_token_is_used_after_the_connection_is_forgotten(
    connection: Callable[..., TingTingHook], sandbox: Sandbox
) -> None:
    hook = connection(host=sandbox.base_url, password=sandbox.token)
    hook.list_voice_models()
    sandbox.world.rotate_token("the-new-token")
    connection(host=sandbox.base_url, password="the-new-token")

    with pytest.raises(TingTingAuthError):
        hook.list_voice_models()
    hook.forget_connection()
    assert len(hook.list_voice_models()) == 5
    hook.forget_connection()
    hook.forget_connection()


def test_the_asynchronous_client_works_in_an_event_loop(hook: TingTingHook) -> None:
    async def read() -> tuple[type, int]:
        async with await hook.get_async_client() as client:
            return type(client), len(await client.send(calls.list_voice_models()))

    assert asyncio.run(read()) == (AsyncTingTingClient, 5)


def test_each_asynchronous_client_is_a_new_one_and_reads_the_connection_again(
    connection: Callable[..., TingTingHook], sandbox: Sandbox
) -> None:
    hook = connection(host=sandbox.base_url, password="the-old-token")

    async def read() -> int:
        async with await hook.get_async_client() as client:
            return len(await client.send(calls.list_voice_models()))

    with pytest.raises(TingTingAuthError):
        asyncio.run(read())
    connection(host=sandbox.base_url, password=sandbox.token)
    assert asyncio.run(read()) == 5


# -- test_connection ---------------------------------------------------------------------------------------------------


def _closed_port() -> int:
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        return int(once.getsockname()[1])


@pytest.fixture
def elsewhere() -> Iterator[RecordingServer]:
    """A web server that is not TingTing."""
    with RecordingServer() as running:
        running.always(b"<html><title>Welcome to nginx!</title></html>", Content_Type="text/html")
        yield running


@pytest.fixture
def troubles(
    connection: Callable[..., TingTingHook],
    sandbox: Sandbox,
    elsewhere: RecordingServer,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, Callable[[], TingTingHook]]:
    """Everything that may be wrong with a connection, by name, as a hook on it."""

    def fault(text: str) -> TingTingHook:
        sandbox.faults.parse(text)
        return connection(host=sandbox.base_url, password=sandbox.token)

    def stuck() -> TingTingHook:
        monkeypatch.setattr(hook_module, "_TEST_SECONDS", 0.3)
        return fault("stuck:voices:*")

    def elsewhere_saying(content: Any, status: int = 200, **headers: str) -> TingTingHook:
        elsewhere.always(content, status, **headers)
        return connection(host=elsewhere.base_url, password="a-token")

    return {
        "no token": lambda: connection(host=sandbox.base_url),
        "wrong token": lambda: connection(host=sandbox.base_url, password="not-the-token"),
        "wrong path": lambda: connection(host=f"{sandbox.root_url}tingting/v9/", password=sandbox.token),
        "nobody there": lambda: connection(host=f"127.0.0.1:{_closed_port()}", password="a-token"),
        "no such host": lambda: connection(host="https://tingting.invalid", password="a-token"),
        "https where http is": lambda: connection(host=f"https://127.0.0.1:{sandbox.port}", password=sandbox.token),
        "a web page": lambda: elsewhere_saying(b"<title>Welcome to nginx!</title>", Content_Type="text/html"),
        "another API": lambda: elsewhere_saying({"hello": "world"}),
        "a login page": lambda: elsewhere_saying(status=302, content=b"", Location="/login"),
        "down": lambda: fault("503-html:voices:*"),
        "throttled": lambda: fault("429=0.05:voices:*"),
        "cut": lambda: fault("lose-reply:voices:*"),
        "silent": stuck,
        "no connection": lambda: TingTingHook("never_defined"),
        "a wrong extra": lambda: connection(host=sandbox.base_url, password="a-token", extra={"timeout": "soon"}),
        "a wrong host": lambda: connection(host="not a host", password="a-token"),
        "no certificates": lambda: connection(
            host="https://127.0.0.1", password="a-token", extra={"verify": "/nowhere/ca.pem"}
        ),
    }


USEFUL = {
    "no token": r"'my_tingting' has no API token\. Put the token .* in its password",
    "wrong token": r"TingTing refuses the token\. Put a valid API token into the connection's password",
    "wrong path": r"/tingting/v9/ has no TingTing API\. The base URL is usually https://app\.tingting\.io/api/v1/",
    "nobody there": r"cannot be reached: cannot connect to 127\.0\.0\.1:\d+ \(Connection refused\)\. Check the host",
    "no such host": r"cannot be reached: cannot connect to tingting\.invalid \(.+\)\. Check the host",
    "https where http is": r"cannot be reached: cannot connect to 127\.0\.0\.1:\d+ \(.*SSL.*\)",
    "a web page": r"is not TingTing: .* an HTML page titled 'Welcome to nginx!'\. Usual is https",
    "another API": r"is not TingTing: the answer does not look like a list_voice_models answer",
    "a login page": r"is not TingTing: redirected to /login\. Usual is https",
    "down": r"answers with HTTP 503: an HTML page titled 'Service Unavailable'\. TingTing may be down",
    "throttled": r"HTTP 429.*throttled.*rate_limit",
    "cut": r"was reached, but the connection broke off before the whole answer came",
    "silent": r"was reached, but no answer came in time \(.+\)\. Check the port",
    "no connection": "never_defined",
    "a wrong extra": r"Extra 'timeout' of connection 'my_tingting' must be a number above 0",
    "a wrong host": r"The host of connection 'my_tingting' is no web address\. Write it like https",
    "no certificates": r"There are no CA certificates at /nowhere/ca\.pem",
}


@pytest.mark.parametrize("trouble", USEFUL)
def test_each_trouble_with_a_connection_is_told_in_a_useful_sentence(
    troubles: dict[str, Callable[[], TingTingHook]], trouble: str
) -> None:
    works, message = troubles[trouble]().test_connection()

    assert works is False
    assert re.search(USEFUL[trouble], message), message
    assert len(message) < 400


def test_no_two_troubles_are_told_alike(troubles: dict[str, Callable[[], TingTingHook]], sandbox: Sandbox) -> None:
    told = {}
    for name, trouble in troubles.items():
        sandbox.faults.clear()
        told[name] = trouble().test_connection()[1]

    assert len(set(told.values())) == len(USEFUL) == len(told)


def test_a_connection_that_works_says_so_after_one_free_read(hook: TingTingHook, sandbox: Sandbox) -> None:
    assert hook.test_connection() == (True, f"TingTing answers at {sandbox.base_url} and knows 5 voices.")
    assert [(entry.method, entry.call) for entry in sandbox.requests] == [("GET", "list_voice_models")]


def test_a_test_is_over_soon_whatever_the_connections_patience(
    connection: Callable[..., TingTingHook], sandbox: Sandbox
) -> None:
    sandbox.faults.parse("503-html:voices:*")
    hook = connection(host=sandbox.base_url, password=sandbox.token, extra={"max_retries": 50, "timeout": 900})

    assert hook.test_connection()[0] is False
    assert len(sandbox.requests) == 1
    assert hook_module._TEST_SECONDS <= 20


def test_airflows_own_button_gives_the_same_answers(sandbox: Sandbox) -> None:
    from airflow.models import Connection

    def ask(token: str) -> tuple[bool, str]:
        kept = Connection(conn_id="pressed", conn_type="tingting", host=sandbox.base_url, password=token)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_PRESSED", kept.get_uri())
            return kept.test_connection()  # type: ignore[no-any-return]

    assert ask(sandbox.token) == (True, f"TingTing answers at {sandbox.base_url} and knows 5 voices.")
    assert ask("not-the-token")[0] is False
    assert "TingTing refuses the token" in ask("not-the-token")[1]
