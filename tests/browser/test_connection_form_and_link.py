"""The connection's form, its test and a task's link, in the pages of a real Airflow."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from browser.airflow_pages import AirflowPages
from browser.expecting import expect

from airflow_provider_tingting.connection import EXTRA_FIELDS
from airflow_provider_tingting.sandbox import Sandbox

# The form of older versions is another one; its widgets are tested without a browser.
pytestmark = [pytest.mark.browser, pytest.mark.newest, pytest.mark.timeout(300)]

# What Airflow's own pages say on their own account.
AIRFLOWS_OWN = ("Password field is not contained in a form",)


@pytest.fixture(scope="module")
def tingting() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def airflow(browser, tingting, tmp_path_factory) -> Iterator[AirflowPages]:
    with AirflowPages(tmp_path_factory.mktemp("airflow"), tingting) as pages:
        yield pages


@pytest.fixture
def connections(airflow, open_page):
    """The page of the connections, with none yet."""
    airflow.forget_connections()
    return open_page(f"{airflow.url}/connections", forgive=AIRFLOWS_OWN)


def fill_form(page, conn_id, **fields):
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Connection ID").fill(conn_id)
    form.get_by_label("Connection Type").click()
    page.keyboard.type("TingTing")
    page.keyboard.press("Enter")
    for label, value in fields.items():
        form.get_by_label(label.replace("_", " "), exact=True).fill(value)
    return form


def save(page, form):
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Connection has been successfully created")).to_be_visible()
    expect(form).to_have_count(0)


def test_the_form_asks_for_the_token_and_the_address_and_hides_what_is_not_used(connections):
    form = fill_form(connections, "tingting_form")
    token = form.get_by_label("API token", exact=True)
    expect(token).to_have_attribute("type", "password")
    expect(token).to_have_attribute("placeholder", "the token from your TingTing account")
    expect(form.get_by_label("Base URL", exact=True)).to_have_attribute(
        "placeholder", "https://app.tingting.io/api/v1/"
    )
    for hidden in ("Login", "Schema", "Password", "Host"):
        expect(form.get_by_label(hidden, exact=True)).to_have_count(0)


def test_each_extra_field_has_its_label_help_and_default(connections):
    form = fill_form(connections, "tingting_form")
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    for field in EXTRA_FIELDS:
        expect(form.get_by_text(field.label, exact=True)).to_be_visible()
        expect(form.get_by_text(field.help, exact=True)).to_be_visible()
        default = "" if field.default is None else str(field.default).lower()
        expect(form.locator(f'input[name="element_{field.name}"]')).to_have_value(default)
    retries = form.get_by_label("Retries of a read")
    retries.fill("-1")
    retries.blur()
    expect(retries).to_have_value("0")


def test_what_the_form_saves_is_a_connection_that_works_and_never_shows_its_token(connections, airflow, tingting):
    form = fill_form(connections, "tingting_form", Base_URL=tingting.base_url, API_token=tingting.token)
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    form.locator('input[name="element_rate_limit"]').fill("5")
    form.locator('input[name="element_campaign_url"]').fill("https://tingting.example/c/{campaign_id}")
    # The JSON below the fields follows each of them.
    form.locator('input[name="element_campaign_url"]').blur()
    save(connections, form)

    stored = airflow.connection("tingting_form")
    assert stored["conn_type"] == "tingting"
    assert stored["host"] == tingting.base_url
    assert stored["password"] == "***"
    assert airflow.test_on_the_command_line("tingting_form")
    connections.get_by_role("button", name="Edit Connection").click()
    form = connections.get_by_role("dialog")
    expect(form.get_by_label("API token", exact=True)).to_have_value("***")
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    expect(form.locator('input[name="element_rate_limit"]')).to_have_value("5")
    assert tingting.token not in connections.content()


@pytest.mark.parametrize(
    ("password", "extra", "said"),
    [
        (None, {}, r"TingTing answers at \S+/api/v1/ and knows 5 voices\."),
        ("an-old-token", {}, r"TingTing refuses the token\. Put a valid API token into the connection's password"),
        ("", {}, r"This connection has no API token\. Put the token of your TingTing account in its password\."),
        (None, {"timeout": "soon"}, r"Extra 'timeout' of this connection must be a number above 0"),
    ],
    ids=["works", "wrong token", "no token", "wrong extra"],
)
def test_the_button_says_whether_the_connection_works_and_what_is_wrong(
    airflow, tingting, open_page, password, extra, said
):
    airflow.forget_connections()
    airflow.store_connection(
        "tingting_form",
        host=tingting.base_url,
        # With a port: Airflow 3.3.2 refuses to test a stored connection without one (apache/airflow#73298).
        port=tingting.port,
        password=tingting.token if password is None else password,
        extra=extra,
    )
    page = open_page(f"{airflow.url}/connections", forgive=AIRFLOWS_OWN)
    page.get_by_role("button", name="Test Connection").click()
    expect(page.get_by_text(re.compile(said))).to_be_visible()


def test_the_link_of_a_finished_task_opens_its_campaign(airflow, tingting, open_page):
    page = open_page(f"{airflow.task_page('with_link')}/details", forgive=AIRFLOWS_OWN)
    link = page.get_by_role("link", name="TingTing campaign")
    campaign = next(one for one in tingting.world.campaigns.values() if one.name.endswith("with_link"))
    expect(link).to_have_attribute("href", f"{tingting.root_url}#campaign-{campaign.id}")
    # Airflow leaves this page to another tab, whose origin is the sandbox's.
    opened = open_page(link.get_attribute("href"))
    expect(opened.get_by_role("heading", name=re.compile("Contacts of खोप अभियान with_link"))).to_be_visible()


def test_without_an_address_in_the_connection_there_is_no_link(airflow, open_page):
    page = open_page(f"{airflow.task_page('without_link')}/details", forgive=AIRFLOWS_OWN)
    expect(page.get_by_text("TingTingCreateCampaignOperator").first).to_be_visible()
    expect(page.get_by_text("Task ID")).to_be_visible()
    expect(page.get_by_role("link", name="TingTing campaign")).to_have_count(0)
