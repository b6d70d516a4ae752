"""The arena in a real browser through the real stack: the form, curves that move by themselves, the test in words, CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.flows.test_main_job import until, violations
from tests.flows.test_make_up import Up

pytestmark = pytest.mark.slow
POINTS = "document.querySelector('[data-panel=best] [data-chart]').dataset.points"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    started = Up(tmp_path_factory.mktemp("arena") / "home", 18_520, NASWEB_DEMO="0", NASWEB_SLOTS="1")
    yield started
    if started.process.poll() is None:
        started.interrupt()


def narrow(page: Page) -> int:
    """How wide the page is in a window of a phone."""
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(700)
    width = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size({"width": 1300, "height": 1000})
    return int(width)


def test_from_the_form_to_a_comparison(page: Page) -> None:
    origin = re.match(r"https?://[^/]+", page.url)[0]
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(f"{origin}/arena/")
    assert violations(page) == [] and narrow(page) <= 390
    page.get_by_role("link", name="Estimators on fashion", exact=True).click()
    page.get_by_role("heading", name="Estimators on fashion", exact=True).wait_for()
    assert violations(page) == [] and narrow(page) <= 390
    page.go_back()
    page.get_by_role("link", name="Start the first one").click()
    expect(page.locator("[value=nasbot]")).to_be_disabled()
    page.get_by_label(re.compile("Network graphs")).check()
    expect(page.locator("[value=nasbot]")).to_be_enabled()
    page.get_by_label(re.compile("Conditional chain")).check()
    for name, wanted in (("aging_evolution", True), ("local_search", True), ("reinforce", False)):
        page.locator(f"[name=strategies][value={name}]").set_checked(wanted)
    page.get_by_label("Seeds", exact=True).fill("3")
    page.get_by_label("Evaluations", exact=True).fill("40")
    assert page.locator("#total").inner_text() == "3 strategies make 360 evaluations in all."
    assert violations(page) == [] and narrow(page) <= 390
    page.get_by_role("button", name="Start arena").click()
    page.wait_for_url(re.compile(r"/arena/[0-9a-f-]{36}/$"))

    until(page, "window.nasweb")
    page.evaluate("window.sameLoad = true")
    until(page, "document.querySelector('[data-panel=best] [data-drawn]')")
    until(page, "nasweb.arena.state === 'finished' && nasweb.arena.figures.seeds === 3", 120)
    until(page, f"{POINTS} === '120'")
    assert page.evaluate("window.sameLoad"), "the page must not have been loaded again"
    assert page.locator("[data-progress-words]").inner_text() == "9 of 9 runs"
    said = page.locator("[data-words]").inner_text()
    assert "Aging evolution: mean regret" in said and "corrected by Holm for 2 comparisons" in said
    assert "With 3 seeds the test cannot give less than" in said
    diagram = page.locator("[data-ranks] svg")
    assert diagram.get_attribute("aria-label").startswith("Mean ranks, best first:")
    assert page.locator("[data-panel=results] tbody tr").count() == 3

    best = page.locator("[data-panel=best]")
    best.get_by_role("button", name="Cost").click()
    assert page.url.endswith("?x=cost")
    with page.expect_download() as download:
        best.get_by_role("button", name="CSV").click()
    lines = list(csv.reader(Path(download.value.path()).open(encoding="utf-8", newline="")))
    assert lines[0] == ["series", "simulated cost", "regret", "low (95 %)", "high (95 %)"] and len(lines) == 121
    with page.expect_download() as download:
        page.locator("[data-panel=results]").get_by_role("link", name="CSV").click()
    assert len(Path(download.value.path()).read_text().splitlines()) == 10
    page.reload()
    until(page, "document.querySelector('[data-panel=best] [data-drawn]')")
    assert best.get_by_role("button", name="Cost").get_attribute("aria-pressed") == "true"
    assert violations(page) == [] and narrow(page) <= 390
    page.get_by_role("link", name="Play again, changed").click()
    assert page.get_by_label("Seeds", exact=True).input_value() == "3"
    assert page.locator("[name=strategies]:checked").count() == 2
    page.get_by_label("Seeds", exact=True).fill("1")
    page.get_by_role("button", name="Start arena").click()
    page.get_by_role("alert").get_by_text("Seeds must be a whole number").wait_for()
    assert violations(page) == []
    assert [line for line in complaints if "422" not in line] == []


def test_estimators_are_measured_from_the_page(page: Page) -> None:
    """A real comparison by the worker; where the table's images are not at hand the page says so."""
    origin = re.match(r"https?://[^/]+", page.url)[0]
    page.goto(f"{origin}/arena/tables/fashion/")
    for box in page.locator("[name=estimators]").all():
        box.set_checked(box.get_attribute("value") in ("parameters", "flops"))
    page.locator("[name=sample]").fill("9")
    page.get_by_role("button", name="Measure").click()
    page.get_by_role("alert").get_by_text("Sample must be a whole number").wait_for()
    page.locator("[name=sample]").fill("12")
    page.get_by_role("button", name="Measure").click()
    page.wait_for_url(re.compile(r"/arena/[0-9a-f-]{36}/$"))
    until(page, "window.nasweb?.correlation && ['finished', 'failed'].includes(nasweb.correlation.state)", 180)
    if page.evaluate("nasweb.correlation.state") == "failed":
        expect(page.locator("[data-reason]")).to_contain_text("No estimator could be measured")
        return
    until(page, "nasweb.correlation.figures.rows.length === 2")
    until(page, "document.querySelector('[data-panel=estimate] [data-drawn]')")
    forest, scatter = page.locator("[data-forest] svg"), page.locator("[data-panel=estimate]")
    expect(forest).to_have_attribute("aria-label", re.compile(r"^Kendall’s tau: \w+ [\d.−-]+, \w+ [\d.−-]+\.$"))
    page.get_by_role("button", name="Spearman").click()
    expect(forest).to_have_attribute("aria-label", re.compile("^Spearman"))
    scatter.locator("[data-choose]").select_option("flops")
    expect(scatter.locator("[data-summary]")).to_contain_text("flops: Kendall")
    assert page.url.endswith("?of=flops") and page.locator("[data-rows] tr").count() == 2
    assert violations(page) == [] and narrow(page) <= 390
