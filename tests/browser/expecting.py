"""Playwright's `expect`, imported when a test asks for it: without the package the tests are still collected."""

from __future__ import annotations

from typing import Any


def expect(what: Any) -> Any:
    """Expect something of a page or a part of it, and wait for it."""
    from playwright.sync_api import expect

    return expect(what)
