"""A number that comes again is dropped, and a row that no file can hold takes no number away."""

from __future__ import annotations

import pytest

from airflow_provider_tingting.contacts.audience import AudienceOptions, check_audience
from airflow_provider_tingting.contacts.sources import read_rows

HALF = "\ud83d"


@pytest.mark.parametrize(
    ("policy", "number", "neighbour"),
    [("nepal_mobile", "9841234567", "9841234566"), ("as_is", "14155550123", "4412345")],
)
def test_a_row_that_no_file_can_hold_leaves_its_number_to_a_good_row_that_comes_later(policy, number, neighbour):
    rows = [
        {"number": neighbour, "name": "Gita"},
        {"number": number, "name": f"Sita {HALF}"},
        {"number": number, "name": "Sita"},
        {"number": number, "name": "Sita again"},
        {"number": neighbour, "name": f"Gita {HALF}"},
    ]

    with check_audience(read_rows(rows), AudienceOptions(on_invalid="skip", number_policy=policy)) as audience:
        kept = [(contact.number, contact.variables["name"]) for contact in audience.contacts()]
        counts = (audience.total, audience.valid, audience.invalid, audience.duplicates)

    assert kept == [(neighbour, "Gita"), (number, "Sita")]
    assert counts == (5, 2, 1, 2)
    assert list(audience.reasons) == ["unusable_value (a text holds half a character)"]
