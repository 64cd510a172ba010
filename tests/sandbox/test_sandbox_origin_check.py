"""A web page of another origin can neither read the sandbox nor change anything in it, with the token or without."""

from __future__ import annotations

import pytest
import requests


def ask(box, method, path, **headers):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, box.root_url + path, headers=sent, timeout=60)


@pytest.mark.parametrize("path", ["", "sandbox/state", "sandbox/requests", "sandbox/events", "openapi.json"])
def test_a_host_name_that_is_rebound_to_this_machine_reads_nothing(box, path):
    answer = ask(box, "GET", path, Host="campaigns.example:8080")

    assert (answer.status_code, answer.text) == (403, "This sandbox is for this machine only.\n")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_rebound_host_name_does_not_reach_the_api_even_with_the_token(box, api, method):
    campaign = api.create(1)
    response = api.send(method, f"campaign/{campaign}/", headers={"Host": "campaigns.example:8080"})

    assert (response.status_code, response.text) == (403, "This sandbox is for this machine only.\n")
    assert api.campaign(campaign)["id"] == campaign


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://campaigns.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.campaigns.example"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "null"},
    ],
)
def test_a_page_of_another_origin_cannot_reset_the_sandbox(box, api, headers):
    campaign = api.create(1)

    assert ask(box, "POST", "sandbox/reset", **headers).status_code == 403
    assert api.campaign(campaign)["id"] == campaign


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://127.0.0.1:8080"},
        {"Host": "localhost:8080"},
        {"Host": "[::1]:8080"},
        {"Sec_Fetch_Site": "same-origin", "Origin": "https://a-forwarded-port.example"},
    ],
)
def test_its_own_page_and_a_command_line_can(box, headers):
    assert ask(box, "POST", "sandbox/reset", **headers).status_code == 200
    assert ask(box, "GET", "sandbox/state", **headers | {"Sec_Fetch_Site": "cross-site"}).ok
