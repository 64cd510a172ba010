"""No text of the server controls a terminal or forges a log line."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.api.lookups import choose_voice
from airflow_provider_tingting.api.models import Voice
from airflow_provider_tingting.api.protocol import Response
from airflow_provider_tingting.api.responses import read_response
from airflow_provider_tingting.cli.tables import table
from airflow_provider_tingting.errors import TingTingConfigError

ATTACK = "Asha\x1b[2J\x1b]0;owned\x07\r\n[2026-11-23] INFO all contacts were called"


def test_an_unknown_status_is_one_printable_line() -> None:
    content = json.dumps({"id": 79, "status": ATTACK}).encode()
    status = read_response(calls.get_campaign(79), Response(200, {}, content)).status

    assert str(status).isprintable()
    assert not status.is_known


def test_the_sentence_of_a_response_is_one_printable_line() -> None:
    content = json.dumps({"message": ATTACK}).encode()

    assert read_response(calls.run_campaign(79), Response(200, {}, content)).message.isprintable()


def test_the_error_that_lists_the_voices_is_one_printable_line() -> None:
    with pytest.raises(TingTingConfigError) as caught:
        choose_voice([Voice(id=1, voice_display_name=ATTACK)], "Ram")
    assert str(caught.value).isprintable()


def test_a_table_of_the_command_line_passes_no_escape_on() -> None:
    console = Console(width=200, force_terminal=False)
    with console.capture() as captured:
        console.print(table(("name",), [(ATTACK,)]))

    assert "\x1b" not in captured.get()
    assert "\x07" not in captured.get()
