"""How many parts an SMS takes, by the rules of GSM 03.38 and of concatenation."""

from __future__ import annotations

import pytest

from airflow_provider_tingting.contacts.message import sms_size


@pytest.mark.parametrize(
    ("text", "parts", "is_unicode"),
    [
        pytest.param("", 0, False, id="nothing"),
        pytest.param("a" * 160, 1, False, id="160 of GSM"),
        pytest.param("a" * 161, 2, False, id="161 of GSM"),
        pytest.param("a" * 306, 2, False, id="twice 153"),
        pytest.param("a" * 307, 3, False, id="twice 153 and one"),
        pytest.param("é@£" + "a" * 157, 1, False, id="letters of the GSM alphabet beside ASCII"),
        pytest.param("€" * 80, 1, False, id="80 signs of two places"),
        pytest.param("€" * 81, 2, False, id="81 signs of two places"),
        pytest.param("a" * 152 + "€" + "a" * 152, 3, False, id="a sign of two places is not split"),
        pytest.param("क" * 70, 1, True, id="70 of Unicode"),
        pytest.param("क" * 71, 2, True, id="71 of Unicode"),
        pytest.param("क" * 134, 2, True, id="twice 67"),
        pytest.param("क" * 135, 3, True, id="twice 67 and one"),
        pytest.param("😀" * 35, 1, True, id="35 signs of two Unicode places"),
        pytest.param("😀" * 67, 3, True, id="67 signs of two places: 33 in each part"),
        pytest.param("a`" * 80, 3, True, id="a grave accent alone is not in the GSM alphabet"),
    ],
)
def test_parts(text: str, parts: int, is_unicode: bool) -> None:
    size = sms_size(text)
    assert (size.parts, size.is_unicode) == (parts, is_unicode)
