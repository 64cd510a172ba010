"""What the guide says about a failure is what the provider says, and the screenshot names the campaign so."""

from __future__ import annotations

from support.docs_pages import DOCS

from airflow_provider_tingting.notifications.callback_event import CallbackEvent
from airflow_provider_tingting.notifications.notification import Notification

PAGE = (DOCS / "notifications.md").read_text(encoding="utf-8")


def test_the_sentence_in_the_guide_is_the_one_that_is_said():
    assert f"\n> {CallbackEvent('failed', 'daily_water_notice', 'read_list').sentence('ne')}\n" in PAGE


def test_the_screenshot_shows_the_failure_that_the_guide_describes():
    about = "daily_water_notice failed"
    name = Notification(key="0" * 16, about=about, to=(), text="").name.removesuffix(" 00000000")

    assert f'![A campaign "{name}"' in PAGE
