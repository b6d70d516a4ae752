"""The space editor as a browser test holds it: a person who is signed in, the page, and what is read off it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error

from tests.flows.test_make_up import Up

STAGE = "[data-stage]"
NODE = "document.activeElement.dataset.key"


def signed_in(up: Up, browser: Browser) -> tuple[Any, str]:
    """A person who came in by a one-time link: what the browser keeps, and where the pages are."""
    up.ready()
    context = browser.new_context()
    page = context.new_page()
    page.goto(up.run("manage.py", "sign_in_link").stdout.strip())
    state = context.storage_state()
    origin = re.match(r"https?://[^/]+", page.url)[0]
    context.close()
    return state, origin


class Editor:
    """The page, what went wrong in it, and what a person reads off it."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.page, self.origin, self.faults = context.new_page(), origin, list[str]()
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda line: self.faults.append(line.text) if "Content Security" in line.text else None)

    def open(self, path: str) -> None:
        self.page.goto(f"{self.origin}{path}")
        self.wait("window.nasweb?.space && document.querySelector('[data-stage]').dataset.drawn")

    def wait(self, expression: str) -> None:
        for _ in range(200):
            with suppress(Error):                   # the page may just be going to another one
                if self.page.evaluate(f"Boolean({expression})"):
                    return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never true: {expression}")

    def document(self) -> Any:
        return json.loads(self.page.locator("#space-json").input_value())

    def fact(self, name: str, text: str) -> None:
        self.wait(f"document.querySelector('[data-fact={name}]').textContent === {json.dumps(text)}")

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()

    def typed(self, text: str) -> None:
        self.tab("JSON")
        self.page.locator("#space-json").fill(text)

    def save(self) -> None:
        self.page.get_by_role("button", name="Save", exact=True).click()
        self.wait("document.querySelector('.notice.good')")

    def focused(self) -> str:
        return str(self.page.evaluate(NODE))


@contextmanager
def opened(browser: Browser, known: tuple[Any, str]) -> Iterator[Editor]:
    """An editor in a window of its own, in which nothing may go wrong."""
    state, origin = known
    context = browser.new_context(viewport={"width": 1300, "height": 1000}, storage_state=state, accept_downloads=True)
    context.set_default_timeout(45_000)
    made = Editor(context, origin)
    made.page.on("dialog", lambda dialog: dialog.accept())
    yield made
    assert made.faults == []
    context.close()
