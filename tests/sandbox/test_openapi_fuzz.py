"""Schemathesis makes up requests from the sandbox's own OpenAPI page; none may end in a 5xx.

Over HTTP against a running sandbox, with a fixed seed. Schemathesis is there on the newest supported Airflow only.
"""

from __future__ import annotations

import pytest
import requests
from hypothesis import HealthCheck, seed, settings

schemathesis = pytest.importorskip("schemathesis", minversion="4.0")

from airflow_provider_tingting.sandbox import Sandbox, World  # noqa: E402
from airflow_provider_tingting.sandbox.account import Settings  # noqa: E402
from airflow_provider_tingting.sandbox.app import create_app  # noqa: E402

# Read when the first of these tests runs: the cases of all operations take seconds, in each process that collects.
calls = schemathesis.pytest.from_fixture("api")
few_and_repeatable = settings(
    max_examples=3, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
# Each test walks through all operations, which takes minutes on a busy machine.
pytestmark = pytest.mark.timeout(900)
# Ids that exist in a sandbox with the page's samples; made up ones hardly ever hit anything.
KNOWN_IDS = {"campaign_id": 79, "contact_id": 42, "survey_id": 12}


@pytest.fixture(scope="module")
def openapi():
    return create_app(World(Settings(samples=True))).openapi()


@pytest.fixture(scope="module")
def api(openapi):
    return schemathesis.openapi.from_dict(openapi)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(samples=True) as sandbox, requests.Session() as session:
        sandbox.session = session
        yield sandbox


@calls.include(path_regex="^/(api|output)/").parametrize()
@seed(20250707)
@few_and_repeatable
def test_no_call_of_the_api_ends_in_a_server_error(sandbox, case):
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    answer_without_server_error(sandbox, case, headers)
    if any(name in KNOWN_IDS for name in case.path_parameters):
        if 79 not in sandbox.world.campaigns or 42 not in sandbox.world.campaigns[79].contacts:
            sandbox.reset()
        case.path_parameters = {name: KNOWN_IDS.get(name, value) for name, value in case.path_parameters.items()}
        answer_without_server_error(sandbox, case, headers)


@calls.include(path_regex="^/sandbox/").parametrize()
@seed(20250707)
@few_and_repeatable
def test_no_control_ends_in_a_server_error(sandbox, case):
    answer_without_server_error(sandbox, case, {})


def test_every_call_is_on_the_openapi_page_with_the_model_of_its_body(openapi):
    from airflow_provider_tingting.sandbox.calls import API, ENDPOINTS

    for call in ENDPOINTS.values():
        for path in call.paths:
            operation = openapi["paths"][API + path][call.method.lower()]
            assert "422" not in operation["responses"]
            assert operation["security"]
            # Running, stopping and calling have none; the upload and the survey's steps are forms.
            without = ("run_campaign", "stop_campaign", "demo_call", "run_survey", "test_survey")
            if call.method in ("POST", "PATCH") and call.name not in without:
                assert operation["requestBody"]["content"]
    assert {"CreateCampaign", "ManyContacts", "OneContact", "FaultScript"} <= set(openapi["components"]["schemas"])


def answer_without_server_error(sandbox, case, headers):
    response = case.call(base_url=sandbox.root_url, headers=headers, session=sandbox.session, timeout=60)
    # A fault that a request added is not an error of the sandbox.
    sandbox.faults.clear()
    assert response.status_code < 500, (
        f"{case.method} {case.formatted_path}: {response.status_code} {response.text[:300]}"
    )
