"""A sandbox whose clock stands still, and a plain HTTP client for it."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from support.pushed_clock import PushedClock

from airflow_provider_tingting.clock import use_clock
from airflow_provider_tingting.sandbox import Sandbox


class Api:
    """`api.get("campaign/1/")`: sends a request with the sandbox's token."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.sandbox.token}", **options.pop("headers", {})}
        options.setdefault("timeout", 10)
        return requests.request(method, self.sandbox.base_url + path, headers=headers, allow_redirects=False, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.send("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.send("POST", path, **options)

    def patch(self, path: str, **options: Any) -> requests.Response:
        return self.send("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        return self.send("DELETE", path, **options)

    def create(self, contacts: int = 0, *, voice: int | None = 3, **fields: Any) -> int:
        """Create a campaign, set its voice, add contacts 9841000000, 9841000001, …; return its id."""
        body = {"name": "Vaccination", "services": "PHONE", "user_phone": [3], "message": "Namaste {name}", **fields}
        response = self.post("campaign/create/", json=body)
        assert response.status_code == 201, response.text
        campaign_id = response.json()["id"]
        if voice:
            self.patch(f"campaign/create/{campaign_id}/message/", json={"voice": voice, "category": "Text"})
        if contacts:
            rows = [{"number": number(position), "other_variables": {"name": "Sita"}} for position in range(contacts)]
            assert self.post(f"campaign/{campaign_id}/add-contact/", json={"contacts": rows}).status_code == 200
        return campaign_id

    def run(self, campaign_id: int) -> requests.Response:
        return self.post(f"run-campaign/{campaign_id}/")

    def campaign(self, campaign_id: int) -> dict[str, Any]:
        return self.get(f"campaign/{campaign_id}/").json()


def number(position: int) -> str:
    return str(9841000000 + position)


@pytest.fixture(scope="session")
def standing_sandbox():
    with Sandbox(speed=0, token="tingting-sandbox-token") as sandbox:
        yield sandbox


@pytest.fixture
def box(standing_sandbox):
    """An empty account; time goes on only when the test pushes it."""
    standing_sandbox.reset()
    return standing_sandbox


@pytest.fixture
def api(box):
    return Api(box)


@pytest.fixture
def api_of():
    """Make a client for a sandbox of the test's own."""
    return Api


@pytest.fixture
def pushed_clock():
    """The clock of the package and of the sandboxes, which the test moves ahead with `sleep`."""
    with use_clock(made := PushedClock()):
        yield made
