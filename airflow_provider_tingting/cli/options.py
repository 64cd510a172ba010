"""The arguments that several commands share."""

from __future__ import annotations

import argparse
import json
from typing import Any

from airflow_provider_tingting.connection import DEFAULT_CONN_ID
from airflow_provider_tingting.masking import printable

_MAX_DIGITS = 18
#: What common file systems take.
_LONGEST_NAME = 255
_LONGEST_SHOWN = 60


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Add `--conn-id`.

    :param parser: the parser of the command.
    """
    parser.add_argument(
        "--conn-id", default=DEFAULT_CONN_ID, help="the Airflow connection of type tingting (default: %(default)s)"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`.

    :param parser: the parser of the command.
    """
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def add_campaign(parser: argparse.ArgumentParser) -> None:
    """Add the campaign's id.

    :param parser: the parser of the command.
    """
    parser.add_argument("campaign_id", type=_campaign_id, help="the campaign's id")


def path_text(text: str) -> str:
    """Return an argument that is a path or URI, or holds one.

    :param text: the text of the option.
    :raises argparse.ArgumentTypeError: no file can have such a name.
    """
    if printable(text) != text:
        raise argparse.ArgumentTypeError(f"{text!r} contains a control character")
    if not text.strip():
        raise argparse.ArgumentTypeError("the path is empty")
    if any(len(name.encode()) > _LONGEST_NAME for name in text.split("/")):
        raise argparse.ArgumentTypeError(f"the path has a name of more than {_LONGEST_NAME} bytes")
    return text


def json_object(text: str) -> dict[str, Any]:
    """Return an argument that is a JSON object.

    :param text: the text of the option.
    :raises argparse.ArgumentTypeError: the text is none.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
        raise argparse.ArgumentTypeError(f'{shown!r} is not a JSON object such as \'{{"day": "2026-12-05"}}\'')
    return value


def positive_seconds(text: str) -> float:
    """Return an argument as seconds above 0.

    :param text: the text of the option.
    :raises argparse.ArgumentTypeError: the text is no such number.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def whole_number(text: str) -> int:
    """Return an argument as a whole number of at least 0.

    :param text: the text of the option.
    :raises argparse.ArgumentTypeError: the text is no such number.
    """
    if not _is_whole(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at most {_MAX_DIGITS} digits")
    return int(text)


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS


def _campaign_id(text: str) -> int:
    if not (_is_whole(text) and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a campaign's id, which is a whole number such as 79")
    return int(text)
