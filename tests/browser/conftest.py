"""A headless Chromium for all tests of this folder, and pages that remember what went wrong in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from browser.needs import missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_SECONDS_TO_WAIT = 15.0


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, started once."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        missing("Chromium (Debian's package chromium)")
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        missing("the Python package playwright")
    expect.set_options(timeout=_SECONDS_TO_WAIT * 1000)
    # Chromium's own sandbox does not start for root, as whom a container's tests often run.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=arguments)
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Browser, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """`open_page(url, width=1280, height=800, **options)` opens a page of its own.

    In the end no page may have asked another origin for anything, nor have said an error, other than those whose text
    holds one of `forgive`.
    """
    contexts = []
    errors: list[str] = []
    forgiven: list[str] = []
    strangers: list[str] = []

    def open_it(url: str, *, width: int = 1280, height: int = 800, forgive: tuple[str, ...] = (), **options) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(_SECONDS_TO_WAIT * 1000)
        contexts.append(context)
        forgiven.extend(forgive)
        page = context.new_page()
        origin = urlsplit(url).netloc

        def note_request(asked) -> None:
            parts = urlsplit(asked.url)
            if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != origin:
                strangers.append(asked.url)

        context.on("request", note_request)
        page.on("console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        return page

    yield open_it
    for number, context in enumerate(contexts):
        for page in context.pages:
            # For a person to read when a test has failed; pytest keeps the folders of the last runs.
            page.screenshot(path=tmp_path / f"page-{number}.png")
        context.close()
    assert not strangers, strangers
    left = [error for error in errors if not any(text in error for text in forgiven)]
    assert not left, left
