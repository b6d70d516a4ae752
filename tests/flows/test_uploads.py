"""Uploading a text in a real browser: a fault first, then a file, its page, and a new search with it filled in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.flows.test_main_job import violations
from tests.flows.test_make_up import Up

pytestmark = pytest.mark.slow
TEXT = ("Call me Ishmael. Some years ago - never mind how long precisely.\n" * 300).encode()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    started = Up(tmp_path_factory.mktemp("uploads") / "home", 18_480, NASWEB_DEMO="0")
    yield started
    if started.process.poll() is None:
        started.interrupt()


def test_a_text_from_its_file_to_the_form(up: Up, page: Page, tmp_path: Path) -> None:
    origin = re.match(r"https?://[^/]+", page.url)[0]
    page.goto(f"{origin}/datasets/")
    for name, content in (("short.txt", b"too short"), ("whale.txt", TEXT)):
        (tmp_path / name).write_bytes(content)
        page.get_by_label(re.compile("A text")).set_input_files(tmp_path / name)
        page.get_by_role("button", name="Upload").click()
        if name == "short.txt":
            page.get_by_text("at least 1,000").wait_for()
            assert page.evaluate("document.activeElement.id") == "errors"
    page.get_by_text("“whale.txt” is uploaded").wait_for()
    assert "Call me Ishmael" in page.get_by_label("First lines of whale.txt").inner_text()
    sha256 = hashlib.sha256(TEXT).hexdigest()
    assert [path.name for path in (up.home / "datasets" / "uploads").iterdir() if path.name[0] != "."] == [sha256]
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page.get_by_role("link", name="whale.txt", exact=True).click()
    assert sha256 in page.locator("main").inner_text()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1300, "height": 1000})
    page.goto(f"{origin}/searches/new/?space=recurrent_cell")
    page.get_by_role("button", name="whale.txt").click()
    assert page.locator("[name=dataset][value=text_file]").is_checked()
    assert page.locator("[name='dataset.text_file.sha256']").input_value() == sha256
    assert violations(page) == []
    page.get_by_role("button", name="Check", exact=True).click()
    page.get_by_text("This document is fine").wait_for()
