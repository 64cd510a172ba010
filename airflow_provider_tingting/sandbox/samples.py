"""The voices, caller numbers and surveys of every sandbox account, and the campaigns of the API page's samples."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from airflow_provider_tingting.sandbox.records import COMPLETED, Call, Caller, Campaign, Contact, Run, Voice

#: The time of the page's samples. A sandbox with samples begins then, so that its schedules are not past.
SAMPLE_TIME = "2025-07-07T14:01:50.508344+05:45"

VOICES = (
    Voice(1, "Rija", "np_rija", False),
    Voice(2, "Rija premium", "np_rija", True),
    Voice(3, "Prashanna", "np_prashanna", False),
    Voice(4, "Binod", "np_binod", False),
    Voice(5, "Shreegya", "np_shreegya", False),
)
CALLERS = (Caller(3, "+9779801000003", owned=False), Caller(12, "+9779801000012", owned=True))

# What the tests of the vendor's own client look for.
VENDOR_VOICES = (Voice(1, "rija", "np_rija", False), Voice(2, "prashanna", "np_prasanna", True))
VENDOR_CALLERS = (Caller(10, "+97715970969", owned=False), Caller(12, "+9779801000012", owned=True))
VENDOR_FIRST_CAMPAIGN_ID = 723

#: The API page does not show the columns of a survey; these are the sandbox's own.
SURVEYS: dict[int, list[dict[str, Any]]] = {
    12: [
        {
            "number": "9841234567",
            "question": "के तपाईं खोप लगाउन आउनुहुन्छ?",
            "answer": "1",
            "answered_at": "2025-07-07 11:32:10",
        },
        {
            "number": "9841234568",
            "question": "के तपाईं खोप लगाउन आउनुहुन्छ?",
            "answer": "2",
            "answered_at": "2025-07-07 11:33:41",
        },
        {"number": "9841234569", "question": "के तपाईं खोप लगाउन आउनुहुन्छ?", "answer": "", "answered_at": ""},
    ]
}

_ENDINGS = (("completed", 9, 100), ("completed", 9, 100), ("hungup", 4, 44), ("unanswered", 0, None))


def sample_records() -> Iterator[tuple[Campaign, list[Contact]]]:
    """Yield the sample campaigns 79 (with contact 42), 857 and 858, each with its contacts.

    Source: API page, Get campaign details and List campaigns; its list counts two completed campaigns and shows one.
    """
    planned = Campaign(
        id=79,
        name="example test campaign example",
        services="SMS & PHONE",
        user_phone=[3],
        message="नमस्ते तिङ्तिङ् म स्वागत् छ ",
        sms_message="नमस्ते तिङ्तिङ् म स्वागत् छ ",
        description="Test message",
        updated_at=_seconds(SAMPLE_TIME),
        schedule=_seconds("2025-07-09T00:00:00+05:45"),
        voice=3,
        category="example category",
        credit_limit=100,
    )
    variables = {"age": 22, "name": "राहुल", "salary": "एक लाख "}
    yield planned, [Contact(42, 79, "9808684324", variables, _seconds(SAMPLE_TIME))]
    for campaign_id, name, ended in (
        (857, "lullaby", "2025-07-06T10:12:01.118230+05:45"),
        (858, "rockabye", "2025-07-07T11:38:24.219065+05:45"),
    ):
        campaign = _completed(campaign_id, name, _seconds(ended))
        contacts = []
        for position, (status, duration, playback) in enumerate(_ENDINGS):
            contact = Contact(
                campaign_id * 10 + position, campaign_id, f"98412345{campaign_id % 10}{position}", {}, _seconds(ended)
            )
            dialled = _seconds(ended) - 60 + position
            answered = dialled + 10 if duration else None
            over = (answered or dialled + 30) + duration
            credits = 1 if duration else 0
            contact.call = Call(1, dialled, dialled + 2, answered, over, status, duration, playback, credits, 0)
            campaign.spent += credits
            contacts.append(contact)
        yield campaign, contacts


def _completed(campaign_id: int, name: str, ended: float) -> Campaign:
    return Campaign(
        id=campaign_id,
        name=name,
        services="PHONE",
        user_phone=[12],
        message="नमस्ते तिङ्तिङ् मा स्वागत् छ ",
        sms_message="",
        description="",
        updated_at=ended,
        voice=5,
        category="Text",
        status=COMPLETED,
        runs=[Run(1, campaign_id, ended - 61, started=True, over=True)],
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
