"""What a checked audience would take: calls, SMS parts and credits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_tingting.contacts.audience import AudienceOptions, check_audience
from airflow_provider_tingting.contacts.estimate import Prices, summary_of
from airflow_provider_tingting.contacts.message import tags_in
from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.errors import TingTingConfigError

PEOPLE = [
    {"number": "9841234501", "name": "Sita", "due": 500},
    {"number": "9801234502", "name": "सीता" * 20, "due": 500},
    {"number": "9841234501", "name": "Sita", "due": 500},
    {"number": "9841234503", "name": "", "due": ""},
    {"number": "9841234504", "name": "", "due": 5},
    {"number": "12", "name": "", "due": ""},
]


def summary(message: str | None = None, sms_message: str | None = None, **more: Any) -> dict[str, Any]:
    options = AudienceOptions(on_invalid="skip", required_tags=tags_in(message, sms_message))
    with check_audience(read_rows(PEOPLE), options) as audience:
        found = summary_of(audience, message=message, sms_message=sms_message, **more)
    assert json.loads(json.dumps(found)) == found
    return found


def test_counts_reasons_carriers_and_tags() -> None:
    found = summary("{name}: {due}")
    assert found["total"] == 6
    assert (found["valid"], found["invalid"], found["duplicates"]) == (2, 3, 1)
    assert found["reasons"] == {"blank_tag (name)": 2, "too_short": 1}
    assert found["carriers"] == {"NTC": 1, "Ncell": 1}
    assert found["tags"] == {"name": {"filled": 3, "blank": 2}, "due": {"filled": 4, "blank": 1}}


def test_an_sms_is_measured_for_each_contact_with_its_tags_filled() -> None:
    found = summary(sms_message="{name}, please pay")
    assert found["sms"] == {"messages": 2, "parts": 3, "most_parts": 2, "unicode": 1}
    assert found["calls"] == 0
    assert found["credits"]["estimate"] == 3


def test_an_sms_without_tags_is_measured_once_for_all() -> None:
    assert summary(sms_message="x" * 161)["sms"] == {"messages": 4, "parts": 8, "most_parts": 2, "unicode": 0}


def test_calls_and_sms_cost_what_the_user_says() -> None:
    found = summary("{name}", "Hello", prices=Prices(call=2.5, sms_part=0.5))
    assert (found["calls"], found["sms"]["parts"]) == (2, 2)
    assert found["credits"]["estimate"] == 6


@pytest.mark.parametrize(
    ("remaining", "limit", "enough"),
    [(None, None, None), (4, None, True), (3.5, None, False), (100, 3, False), (None, 3, False), (None, 100, None)],
)
def test_credits_are_compared_with_what_is_known(
    remaining: float | None, limit: float | None, enough: bool | None
) -> None:
    found = summary("Hello", remaining=remaining, limit=limit)["credits"]
    assert found == {"remaining": remaining, "limit": limit, "estimate": 4, "enough": enough}


@pytest.mark.parametrize("price", ["cheap", None, -1, float("nan")])
def test_a_price_is_a_number(price: Any) -> None:
    with pytest.raises(TingTingConfigError, match="credits_per_call"):
        Prices.of(price, 1)
    assert Prices.of("2.5", 0) == Prices(2.5, 0)
