"""`doctor --probe --save` writes what it has found into the connection, and the client uses it."""

from __future__ import annotations

import json

import pytest

from airflow_provider_tingting.api import TingTingClient, calls
from airflow_provider_tingting.cli.probe import Finding
from airflow_provider_tingting.cli.probe.findings import dialect_of
from airflow_provider_tingting.connection.server_dialect import ServerDialect
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.sandbox import Sandbox


@pytest.fixture
def stored_connection(sandbox, monkeypatch):
    """A connection in Airflow's database, and in no other place; its extra as a function."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    monkeypatch.delenv("AIRFLOW_CONN_TINGTING_DEFAULT", raising=False)
    fields = {**json.loads(sandbox.connection_json()), "conn_id": "tingting_stored"}
    fields["extra"] = json.dumps({"rate_limit": 50})
    with create_session() as session:
        session.add(Connection(**fields))

    def extra():
        with create_session() as session:
            return session.query(Connection).filter_by(conn_id="tingting_stored").one().extra_dejson

    yield extra
    with create_session() as session:
        session.query(Connection).filter_by(conn_id="tingting_stored").delete()


@pytest.fixture
def add_campaigns(sandbox):
    """Make the account have more campaigns than a page takes."""
    for number in range(12):
        sandbox.world.create_campaign(name=f"Notice {number}", services="PHONE", user_phone=[3], message="Hello")


@pytest.mark.usefixtures("add_campaigns")
def test_what_is_found_is_saved_beside_the_other_extras(tingting, stored_connection):
    code, out, _ = tingting("doctor --probe --save --json --conn-id tingting_stored")

    assert (json.loads(out)["saved"], json.loads(out)["problems"] - (code == 1)) in ((True, 0), (True, -1))
    saved = stored_connection()
    assert saved["rate_limit"] == 50
    assert ServerDialect.read(saved["dialect"]) == ServerDialect("page", "add", "reliable", 10)


@pytest.mark.usefixtures("add_campaigns")
def test_without_the_option_nothing_is_saved(tingting, stored_connection):
    _, out, _ = tingting("doctor --probe --conn-id tingting_stored")

    assert "Not saved (--save): report_path=page, upload=add, search=reliable, page_size=10" in out
    assert stored_connection() == {"rate_limit": 50}


def test_a_connection_from_the_environment_is_left_alone_and_the_text_says_what_to_write(tingting):
    code, _, err = tingting("doctor --probe --save")

    assert code == 2
    assert "does not come from Airflow's database" in err
    assert '{"dialect": "report_path=page, upload=add, search=reliable"}' in err


def test_save_without_probe_is_refused(tingting, sandbox):
    code, _, err = tingting("doctor --save")

    assert code == 2
    assert "Add --probe." in err
    assert list(sandbox.requests) == []


def test_the_dialect_is_what_all_findings_say():
    findings = [
        Finding("A", "a", "", dialect={"search": "unreliable"}),
        Finding("B", "b", ""),
        Finding("C", "c", "", dialect={"page_size": 10}),
    ]

    assert str(dialect_of(findings)) == "search=unreliable, page_size=10"


@pytest.mark.parametrize(
    "text",
    ["report_path=seed", "page_size=0", "page_size=ten", "speed=9", "search"],
    ids=["unknown word", "zero", "no number", "unknown entry", "no value"],
)
def test_a_dialect_that_cannot_be_read_is_refused_with_the_choices(text):
    with pytest.raises(TingTingConfigError) as refused:
        ServerDialect.read(f"search=reliable, {text}")

    assert repr(text) in str(refused.value)
    assert "report_path=page|other" in str(refused.value)


def client_of(sandbox, dialect):
    return TingTingClient(sandbox.token, base_url=sandbox.base_url, dialect=dialect)


def test_the_client_asks_for_the_report_at_the_path_that_answers(tmp_path):
    with Sandbox(dialect={"report_path": "old"}) as sandbox, client_of(sandbox, "report_path=other") as client:
        campaign = sandbox.world.create_campaign(name="A", services="PHONE", user_phone=[3], message="Hello")
        with (tmp_path / "report.csv").open("wb") as file:
            client.download(calls.download_campaign_report(campaign.id), file)

        assert [request.path.split("/")[-2] for request in sandbox.requests] == [str(campaign.id)]


@pytest.mark.usefixtures("add_campaigns")
def test_the_client_asks_for_pages_of_the_server_s_size(sandbox):
    with client_of(sandbox, "page_size=10") as client:
        assert len(list(client.iterate(calls.list_campaigns()))) == 12

    assert {part for one in sandbox.requests for part in one.query.split("&") if "limit" in part} == {"limit=10"}


@pytest.mark.usefixtures("add_campaigns")
def test_an_unreliable_search_is_not_sent_and_the_names_are_compared_here(sandbox):
    with client_of(sandbox, "search=unreliable") as client:
        names = {one.name for one in client.iterate(calls.list_campaigns(search="notice 1"))}

    assert names == {"Notice 1", "Notice 10", "Notice 11"}
    assert not any("search" in one.query for one in sandbox.requests)


@pytest.mark.parametrize("upload", ["replace", "nothing", "repeat"])
def test_a_workbook_is_not_uploaded_where_that_does_not_add(sandbox, run_operator_with, upload):
    error = run_operator_with(sandbox, f"upload={upload}")

    assert "Use transport='json'." in error
    assert "upload_contacts" not in {one.call for one in sandbox.requests}


@pytest.fixture
def run_operator_with(monkeypatch):
    """Run the task that uploads contacts with a dialect in its connection, and return its error."""
    from support.task_context import execute

    from airflow_provider_tingting._compat import AirflowFailException
    from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator

    def run(sandbox, dialect):
        connection = json.loads(sandbox.connection_json())
        connection["extra"]["dialect"] = dialect
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", json.dumps(connection))
        campaign = sandbox.world.create_campaign(name="A", services="PHONE", user_phone=[3], message="Hello")
        operator = TingTingAddContactsOperator(
            task_id="add", campaign_id=campaign.id, contacts=["9841234567"], transport="xlsx"
        )
        with pytest.raises(AirflowFailException) as failed:
            execute(operator)
        return str(failed.value)

    return run
