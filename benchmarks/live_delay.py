"""From the database to the browser: how long after an event is written a real Chromium hears of it.

Starts nasweb on a folder of its own (its demo search runs), opens the page of that search, and compares the time at which
each event was written with the time at which the page's socket has it. Same machine, same clock. Prints one JSON value.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
HEAR = """
const heard = window.heard = [];
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  constructor(...parts) {
    super(...parts);
    this.addEventListener("message", (message) => {
      const now = Date.now();
      for (const event of JSON.parse(message.data).events ?? []) heard.push([event.seq, now - Date.parse(event.at)]);
    });
  }
};
"""


def link(log: Path) -> str:
    """The one-time link, when it is there."""
    for _ in range(600):
        if found := re.findall(r"^Ready: (\S+)", log.read_text(), re.MULTILINE):
            return str(found[0])
        time.sleep(0.1)
    raise SystemExit("nasweb did not come up:\n" + log.read_text()[-2000:])


def listen(browser: Browser, entry: str, seconds: float) -> tuple[list[float], float]:
    """Delays of the events after the first page, and seconds from the link to the first point in a chart."""
    began = time.monotonic()
    page = browser.new_page()
    page.add_init_script(HEAR)
    page.goto(entry)
    page.get_by_role("link", name="Demo: aging evolution").first.click()
    drawn = "document.querySelector('[data-panel=best_so_far] [data-drawn]') || (window.nasweb && nasweb.search.seq > 3)"
    while not page.evaluate(f"Boolean({drawn})"):
        page.wait_for_timeout(100)
    moving = time.monotonic() - began
    page.wait_for_timeout(2000)                     # what was replayed at the start is no measure
    replayed = page.evaluate("heard.length")
    page.wait_for_timeout(seconds * 1000)
    return [delay for _, delay in page.evaluate("heard")[replayed:]], moving


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    box = Path(tempfile.mkdtemp(prefix="nasweb-delay-"))
    environment = {**os.environ, "NASWEB_HOME": str(box / "home"), "NASWEB_PORT": "18800", "PYTHONUNBUFFERED": "1"}
    with (box / "log").open("w") as log:
        up = subprocess.Popen([sys.executable, "-m", "nasweb.up"], env=environment, stdout=log, stderr=log,
                              start_new_session=True)
    try:
        with sync_playwright() as playwright:
            path = next(filter(None, map(shutil.which, NAMES)), None)
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            delays, moving = listen(browser, link(box / "log"), arguments.seconds)
            browser.close()
    finally:
        os.killpg(up.pid, signal.SIGINT)
        up.wait(30)
        shutil.rmtree(box, ignore_errors=True)
    cuts = statistics.quantiles(delays, n=100)
    print(json.dumps({"events": len(delays), "median_ms": cuts[49], "p95_ms": cuts[94], "p99_ms": cuts[98],
                      "link_to_moving_chart_s": round(moving, 1)}))


if __name__ == "__main__":
    main()
