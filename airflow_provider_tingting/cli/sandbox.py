"""`sandbox`: start a TingTing on this machine; the same as `tingting-sandbox`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from airflow_provider_tingting.sandbox.__main__ import add_arguments, serve

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["add_arguments", "run"]


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Serve until it is interrupted."""
    return serve(arguments)
