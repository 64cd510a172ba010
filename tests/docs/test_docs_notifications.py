"""What the guide says is said about a failure is what is said, and the picture's words name the campaign so."""

from __future__ import annotations

from support.docs_pages import DOCS

from airflow_provider_tingting.notifications.notice import Notice
from airflow_provider_tingting.notifications.texts import default_text

PAGE = (DOCS / "notifications.md").read_text(encoding="utf-8")


def test_the_sentence_in_the_guide_is_the_one_that_is_said():
    assert f"\n> {default_text('failed', 'ne', dag_id='daily_water_notice', task_id='read_list')}\n" in PAGE


def test_the_picture_is_of_the_failure_that_the_guide_tells_of():
    about = "daily_water_notice failed"
    name = Notice(key="0" * 16, about=about, to=(), text="").name.removesuffix(" 00000000")

    assert f'![A campaign "{name}"' in PAGE
