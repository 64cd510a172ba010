"""The arguments that several commands share."""

from __future__ import annotations

import argparse

from airflow_provider_tingting.connection import DEFAULT_CONN_ID


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
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _campaign_id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a campaign's id, which is a whole number such as 79")
    return int(text)
