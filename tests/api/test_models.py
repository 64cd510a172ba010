from __future__ import annotations

import pytest
from pydantic import ValidationError

from airflow_provider_tingting.api.models import (
    AddContactsResult,
    Campaign,
    Contact,
    Page,
    UploadResult,
)


@pytest.mark.parametrize(
    ("voice", "voice_id"), [({"id": 5, "voice_display_name": "Shreegya"}, 5), (3, 3), (None, None)]
)
def test_a_voice_may_come_as_an_object_an_id_or_not_at_all(voice: object, voice_id: int | None) -> None:
    assert Campaign.model_validate({"id": 1, "status": "Running", "voice": voice}).voice_id == voice_id


def test_a_repr_shows_neither_message_nor_number_nor_variables() -> None:
    campaign = Campaign.model_validate({"id": 1, "status": "Running", "message": "secret text", "owner": "9841234567"})
    contact = Contact.model_validate({"id": 1, "number": 9841234567, "other_variables": {"name": "Sita"}})

    shown = repr(campaign) + str(campaign) + repr(contact) + str([contact])
    for hidden in ("secret", "9841234567", "Sita"):
        assert hidden not in shown


def test_models_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Campaign.model_validate({"id": 1, "status": "Running"}).status = "Completed"  # type: ignore[misc,assignment]


@pytest.mark.parametrize("errors", [None, [], "", {}])
def test_no_errors_may_be_written_in_any_way(errors: object) -> None:
    result = AddContactsResult.model_validate({"created": 1, "skipped": 0, "contacts": [], "errors": errors})

    assert result.errors == ()


def test_figures_written_as_texts_are_read_as_figures() -> None:
    contact = Contact.model_validate(
        {"id": 1, "call_duration": "10s", "playback": "", "credit_consumed": "1.50", "credit_consumed_SMS": 2}
    )

    assert (contact.call_duration, contact.playback) == (10, None)
    assert (contact.credit_consumed, contact.credit_consumed_sms) == (1.5, 2)


@pytest.mark.parametrize("sample", ["9841234567", ["9841234567", "9841234568"], None])
def test_samples_of_an_upload_may_be_a_text_or_a_list(sample: object) -> None:
    preview = UploadResult.model_validate({"samples": [{"column": "number", "sample": sample}]})

    assert preview.samples[0].sample == sample


def test_a_schedule_is_a_time_with_its_offset() -> None:
    campaign = Campaign.model_validate({"id": 1, "status": "Scheduled", "schedule": "2025-07-09T00:00:00+05:45"})

    assert campaign.scheduled_at is not None
    assert campaign.scheduled_at.utcoffset() is not None
    assert campaign.scheduled_at.isoformat() == "2025-07-09T00:00:00+05:45"


def test_a_schedule_that_is_no_time_is_kept_as_text() -> None:
    campaign = Campaign.model_validate({"id": 1, "status": "Scheduled", "schedule": "2082-03-25 भोलि"})

    assert campaign.scheduled_at is None
    assert campaign.schedule == "2082-03-25 भोलि"


def test_a_page_without_results_is_no_page() -> None:
    with pytest.raises(ValidationError):
        Page[Campaign].model_validate({"count": 0})
