from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_tingting.connection import ConnectionSettings, normalize_base_url
from airflow_provider_tingting.connection.fields import EXTRA_FIELDS
from airflow_provider_tingting.connection.form import conn_fields, form_behaviour, ui_field_behaviour
from airflow_provider_tingting.errors import TingTingConfigError


@pytest.mark.parametrize(
    ("host", "schema", "port", "url"),
    [
        (None, None, None, "https://app.tingting.io/api/v1/"),
        ("", "", 0, "https://app.tingting.io/api/v1/"),
        ("app.tingting.io", None, None, "https://app.tingting.io/api/v1/"),
        (" app.tingting.io/ ", None, 0, "https://app.tingting.io/api/v1/"),
        ("https://app.tingting.io", None, None, "https://app.tingting.io/api/v1/"),
        ("https://app.tingting.io/api", None, None, "https://app.tingting.io/api/v1/"),
        ("app.tingting.io/api/v1", None, None, "https://app.tingting.io/api/v1/"),
        ("https://app.tingting.io/api/v1/", None, None, "https://app.tingting.io/api/v1/"),
        ("app.tingting.io", "https", 443, "https://app.tingting.io/api/v1/"),
        ("tingting.bank.np", "http", None, "http://tingting.bank.np/api/v1/"),
        ("gateway.bank.np/tingting/v1", None, None, "https://gateway.bank.np/tingting/v1/"),
        ("127.0.0.1", None, 8085, "http://127.0.0.1:8085/api/v1/"),
        ("localhost:8085", None, None, "http://localhost:8085/api/v1/"),
        ("http://127.0.0.1:8085/api/v1/", None, None, "http://127.0.0.1:8085/api/v1/"),
        ("127.0.0.1", "api/v1", 8085, "http://127.0.0.1:8085/api/v1/"),
        ("::1", None, 8085, "http://[::1]:8085/api/v1/"),
        ("[::1]:8085", None, None, "http://[::1]:8085/api/v1/"),
    ],
)
def test_the_host_may_be_written_in_each_way(host: str | None, schema: str | None, port: int | None, url: str) -> None:
    assert normalize_base_url(host, schema=schema, port=port) == url


@pytest.mark.parametrize(
    "host", ["a b", "ftp://app.tingting.io", "https://", "https://u:p@app.tingting.io", "http://x:99999"]
)
def test_a_host_that_is_no_web_address_is_refused_with_an_example(host: str) -> None:
    with pytest.raises(TingTingConfigError, match=r"app\.tingting\.io"):
        normalize_base_url(host)


@pytest.mark.parametrize("password", [None, "", "  "])
def test_the_error_of_a_missing_token_names_its_field(password: str | None) -> None:
    with pytest.raises(TingTingConfigError, match="'my_conn' has no API token"):
        ConnectionSettings.read(host=None, password=password, conn_id="my_conn")


def test_a_token_pasted_with_the_word_bearer_is_understood() -> None:
    assert ConnectionSettings.read(host=None, password="Bearer abc ").token == "abc"


def test_a_token_with_blanks_inside_is_refused_before_it_breaks_a_header() -> None:
    with pytest.raises(TingTingConfigError, match="Copy it from TingTing again") as caught:
        ConnectionSettings.read(host=None, password="abc\ndef")
    assert "abc" not in str(caught.value)


def test_the_token_is_not_in_the_repr() -> None:
    assert "abc" not in repr(ConnectionSettings.read(host=None, password="abc"))


def test_absent_empty_and_null_extras_mean_the_default() -> None:
    for value in ({}, {"timeout": None, "rate_limit": ""}, {"timeout": " "}):
        settings = ConnectionSettings.read(host=None, password="abc", extra=value)
        assert (settings.timeout, settings.rate_limit, settings.verify) == (60, None, True)


def test_extras_may_come_as_texts_from_a_uri() -> None:
    extra = {"timeout": "5", "connect_timeout": "2.5", "max_retries": "0", "rate_limit": "10", "verify": "false"}
    settings = ConnectionSettings.read(host=None, password="abc", extra=extra)

    assert (settings.timeout, settings.connect_timeout, settings.max_retries) == (5, 2.5, 0)
    assert (settings.rate_limit, settings.verify) == (10, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout", 0),
        ("timeout", -1),
        ("timeout", "soon"),
        ("timeout", float("inf")),
        ("timeout", float("nan")),
        ("connect_timeout", True),
        ("max_retries", 1.5),
        ("max_retries", -1),
        ("rate_limit", 0),
        ("verify", 7),
        ("campaign_url", ["x"]),
    ],
)
def test_an_extra_that_cannot_be_used_is_named(name: str, value: Any) -> None:
    with pytest.raises(TingTingConfigError, match=f"Extra '{name}' of connection 'tingting_default' must be"):
        ConnectionSettings.read(host=None, password="abc", extra={name: value})


def test_a_campaign_link_is_there_only_with_a_template() -> None:
    read = ConnectionSettings.read
    url = "https://app.example/campaigns/{campaign_id}?tab=report"

    assert read(host=None, password="abc").campaign_link(79) == ""
    assert read(host=None, password="abc", extra={"campaign_url": url}).campaign_link(79) == (
        "https://app.example/campaigns/79?tab=report"
    )


def test_the_form_has_every_field_of_the_table() -> None:
    assert set(conn_fields()) == {spec.name for spec in EXTRA_FIELDS}
    for field in conn_fields().values():
        assert field["label"]
        assert field["description"]
        assert "null" in field["schema"]["type"]


def test_old_and_new_airflow_get_the_same_form() -> None:
    new, old = ui_field_behaviour(), form_behaviour()

    assert old == {
        "hidden_fields": new["hidden-fields"],
        "relabeling": new["relabeling"],
        "placeholders": new["placeholders"],
    }


def test_the_salt_of_hashed_numbers_is_a_secret() -> None:
    settings = ConnectionSettings.read(host=None, password="abc", extra={"secret_salt": " long and random "})

    assert settings.secret_salt == "long and random"
    assert "long and random" not in repr(settings)
    assert "secret_salt" not in settings.client_arguments()
    assert conn_fields()["secret_salt"]["schema"] == {"type": ["string", "null"], "format": "password"}


def test_airflow_itself_hides_the_secret_fields_by_their_names() -> None:
    assert [field.name for field in EXTRA_FIELDS if field.secret] == ["secret_salt"]
    try:
        from airflow._shared.secrets_masker import should_hide_value_for_key
    except ImportError:
        try:
            from airflow.sdk.execution_time.secrets_masker import should_hide_value_for_key
        except ImportError:
            from airflow.utils.log.secrets_masker import should_hide_value_for_key
    assert all(should_hide_value_for_key(field.name) for field in EXTRA_FIELDS if field.secret)
