"""What the guide says is said about a failure is what is said, and the picture's words name the campaign so."""

from __future__ import annotations

from support.docs_pages import DOCS

from airflow_provider_tingting.notifications.callback_event import CallbackEvent
from airflow_provider_tingting.notifications.notification import Notification

PAGE = (DOCS / "notifications.md").read_text(encoding="utf-8")


def test_the_sentence_in_the_guide_is_the_one_that_is_said():
    assert f"\n> {CallbackEvent('failed', 'daily_water_notice', 'read_list').sentence('ne')}\n" in PAGE


def test_the_picture_is_of_the_failure_that_the_guide_tells_of():
    about = "daily_water_notice failed"
    name = Notification(key="0" * 16, about=about, to=(), text="").name.removesuffix(" 00000000")

    assert f'![A campaign "{name}"' in PAGE
