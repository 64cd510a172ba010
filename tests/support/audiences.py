"""Checking an audience as a task does, and what then is sent or said."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_tingting.contacts.audience import AudienceOptions, ValidatedAudience, check_audience
from airflow_provider_tingting.contacts.exclusion import Exclusion
from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.errors import TingTingContactsError


def check(source: object, exclude: Exclusion | None = None, **options: Any) -> ValidatedAudience:
    """Check all contacts of a source, but for those that are excluded."""
    return check_audience(read_rows(source), AudienceOptions(**options), exclude=exclude)


def numbers_of(audience: ValidatedAudience) -> list[str]:
    """The last two digits of the contacts' numbers; the audience is closed."""
    with audience:
        return [contact.number[-2:] for contact in audience.contacts()]


def sent(audience: ValidatedAudience) -> list[dict[str, object]]:
    """The contacts as they go out; the audience is closed."""
    with audience:
        return [contact.as_api() for contact in audience.contacts()]


def refusal(source: object, **options: Any) -> str:
    """What is said when an audience is refused."""
    with pytest.raises(TingTingContactsError) as caught, check(source, **options) as audience:
        audience.raise_if_refused()
    return str(caught.value)
