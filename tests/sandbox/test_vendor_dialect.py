"""The dialect `vendor` has the shapes that the vendor's own Python client expects, and the provider works with it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.sandbox.records import Caller

tingting = pytest.importorskip("tingting")


@pytest.fixture
def vendor_sandbox():
    with Sandbox(dialect="vendor") as sandbox:
        yield sandbox


@pytest.fixture
def vendor_client(vendor_sandbox):
    return tingting.TingTingClient(vendor_sandbox.root_url.rstrip("/"), vendor_sandbox.token)


@pytest.fixture
def new_campaign(vendor_client):
    """Create a campaign as the vendor's README does."""

    def create(**fields):
        defaults = {"name": "Vaccination", "services": tingting.Services.PHONE, "message": "Namaste"}
        return tingting.Campaign(
            vendor_client,
            **{**defaults, "dialers": vendor_client.get_dialers(), "voice": vendor_client.get_voices()[0], **fields},
        ).create()

    return create


def contact(client, number="9990000000"):
    return tingting.Contact(client, phoneNumber=number, attributes={"name": "John"})


def test_the_account_has_what_the_clients_own_tests_look_for(vendor_client):
    assert vendor_client.get_voice_by_id(1).displayName == vendor_client.get_voice_by_name("Rija").displayName == "rija"
    assert vendor_client.get_dialer_by_id(10).phoneNumber == "+97715970969"
    assert vendor_client.get_dialer_by_number("+97715970969").id == 10
    assert vendor_client.get_user().username == "sandbox"


@pytest.mark.parametrize("services", ["PHONE", "SMS", "SMS & PHONE"])
def test_a_campaign_of_each_kind_is_created_and_found(vendor_client, new_campaign, services):
    created = new_campaign(services=tingting.Services(services), smsMessage="Hello", name=f"About {services}")

    assert created.id == 723
    assert vendor_client.get_campaign(723).services.value == services
    assert [found.id for found in vendor_client.get_campaigns_by_name("about")] == [723]
    assert [found.id for found in vendor_client.get_campaigns_with_filter()] == [723]


def test_a_campaign_needs_neither_voice_nor_caller_number(vendor_client):
    assert tingting.Campaign(vendor_client, name="Bare").create().id == 723


def test_a_schedule_comes_back_as_it_was_sent(new_campaign):
    schedule = datetime.now(timezone.utc) + timedelta(minutes=5)

    assert abs((new_campaign(schedule=schedule).schedule - schedule).total_seconds()) < 1


def test_contacts_are_added_singly_and_by_a_csv_file_and_called_once(
    vendor_sandbox, vendor_client, new_campaign, tmp_path
):
    campaign = new_campaign()
    added = campaign.add_contact(contact(vendor_client))
    people = tmp_path / "contacts.csv"
    people.write_text("number,name\n9990000001,Jane\nnot a number,Joe\n")
    with people.open("rb") as file:
        campaign.add_contact_from_file(file)
    campaign.run()
    vendor_sandbox.play_out()

    assert (added.phoneNumber, added.status) == ("9990000000", tingting.ContactStatus.NOT_STARTED)
    assert vendor_sandbox.ledger.times_dialled() == {"9990000000": 1, "9990000001": 1}


def test_a_contact_is_renumbered_with_a_form(vendor_sandbox, vendor_client, new_campaign):
    added = new_campaign().add_contact(contact(vendor_client))
    added.phoneNumber = "9990000009"
    added.save()

    assert [one.number for one in vendor_sandbox.world.campaign(723).contacts.values()] == ["9990000009"]


def test_a_voice_preview_has_an_https_address(new_campaign):
    assert new_campaign().test_voice().startswith('"https://')


def test_a_survey_is_created_run_and_tested(vendor_sandbox, vendor_client, new_campaign, tmp_path):
    audio = tmp_path / "question.mp3"
    audio.write_bytes(b"ID3")
    with audio.open("rb") as file:
        campaign = new_campaign(
            services=tingting.Services.SURVEY,
            surveySteps=[
                tingting.SurveyStep(vendor_client, order=0, textOrUrl="Question 1"),
                tingting.SurveyStep(vendor_client, order=1, inputName="field_2", audioFile=file),
            ],
        )
    added = campaign.add_contact(contact(vendor_client))
    added.test_survey()
    campaign.run()
    vendor_sandbox.play_out()

    assert [step.inputName for step in vendor_client.get_survey_steps(campaign)] == ["field_1", "field_2"]
    assert vendor_sandbox.ledger.times_dialled(channel="demo") == {"9990000000": 1}
    assert vendor_sandbox.world.campaign(723).status == "Completed"


@pytest.mark.slow
def test_an_example_dag_succeeds_and_calls_each_contact_once(monkeypatch, run_dag):
    callers = [Caller(3, "+97715970969", owned=False)]
    with Sandbox(dialect="vendor", callers=callers, speed=100) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", sandbox.connection_json())
        monkeypatch.setenv("TINGTING_POLL_INTERVAL", "0.1")
        monkeypatch.setenv("TINGTING_CALLING_WINDOW", "00:00-24:00")
        run = run_dag("tingting_campaign_from_spreadsheet")

    assert run.state == "success", run.states
    assert set(sandbox.ledger.times_dialled().values()) == {1}
    assert run.xcom("download_report")["rows"] == len(sandbox.ledger.dialled)
