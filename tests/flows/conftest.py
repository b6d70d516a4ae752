"""A browser for the flows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.flows.editing import Editor, opened, signed_in
from tests.flows.test_make_up import Up

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")                # playwright holds an event loop: no longer than it must
def browser() -> Iterator[Browser]:
    """Chromium from the system where it has one, else playwright's own."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1300, "height": 1000}, accept_downloads=True)
    context.set_default_timeout(45_000)
    yield context
    context.close()


@pytest.fixture
def page(up: Up, context: BrowserContext) -> Page:
    """A browser that came in by a one-time link of its own; `up` is the file's."""
    up.ready()
    page = context.new_page()
    page.goto(up.run("manage.py", "sign_in_link").stdout.strip())
    return page


@pytest.fixture(scope="module")
def known(up: Up, browser: Browser) -> tuple[Any, str]:
    """For the files that open the space editor: one person for the whole file."""
    return signed_in(up, browser)


@pytest.fixture
def editor(browser: Browser, known: tuple[Any, str]) -> Iterator[Editor]:
    with opened(browser, known) as made:
        yield made
