"""Pictures of the running product for the README and for a look at every page, so that they never go stale.

`python docs/screenshots.py LINK [FOLDER]`: LINK is the one-time link that `make up` or `make link` printed.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
PAGES = {
    "home": "/", "searches": "/searches/", "new_search": "/searches/new/", "spaces": "/spaces/", "datasets": "/datasets/",
    "strategies": "/strategies/", "strategy": "/strategies/aging_evolution/", "workers": "/workers/",
}
WIDTHS = {"": 1360, "_phone": 390}


def shoot(page: Page, folder: Path, name: str) -> None:
    """One page in both themes and both widths. Says where it is wider than the window."""
    for suffix, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 900})
        for theme in ("light", "dark"):
            page.evaluate(f"document.documentElement.dataset.bsTheme = '{theme}'")
            page.wait_for_timeout(900)
            page.screenshot(path=folder / f"{name}{suffix}_{theme}.png", full_page=True)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            print(f"{name}: {wide} px wide in a window of {width}")


def main(link: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    origin = re.match(r"https?://[^/]+", link)
    if origin is None:
        raise SystemExit(f"{link} is no address")
    with sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, NAMES)), None)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(link)
        for name, address in PAGES.items():
            page.goto(origin[0] + address)
            page.wait_for_timeout(800)
            shoot(page, folder, name)
        page.goto(origin[0] + "/searches/")
        page.get_by_role("link", name="Demo: aging evolution").first.click()
        page.wait_for_timeout(2500)
        shoot(page, folder, "search")
        page.locator("tr[data-trial] a").first.click()
        page.wait_for_timeout(1500)
        shoot(page, folder, "architecture")
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else "docs/screenshots"))
