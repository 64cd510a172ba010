"""Figures as people read them: all digits, no `.0`, and nouns that agree."""

from __future__ import annotations

import pytest

from airflow_provider_tingting.formatting import amount, counted


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (19.0, "19"),
        (0.5, "0.5"),
        (9997.0, "9,997"),
        (1_234_567.25, "1,234,567.25"),
        (12_000_000.0, "12,000,000"),
    ],
)
def test_an_amount_keeps_all_its_digits(value, written):
    assert amount(value) == written


@pytest.mark.parametrize(("count", "written"), [(0, "0 calls"), (1, "1 call"), (2000, "2,000 calls")])
def test_a_noun_agrees_with_its_count(count, written):
    assert counted(count, "call") == written
