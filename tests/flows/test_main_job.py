"""The main job in a real browser through the real stack: form, live page, pause and resume, the downloaded network."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.flows import bare
from tests.flows.test_make_up import Up

pytestmark = pytest.mark.slow

AXE = Path(__file__).with_name("axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
ANSWERS = {"name": "Flow", "dataset": "digits", "space": "nas_bench_201", "strategy": "aging_evolution",
           "budget.trials": "8", "strategy.aging_evolution.population": "4",
           "strategy.aging_evolution.sample": "2", "seed": "1"}
ROWS = "[...document.querySelectorAll('tr[data-trial]')].map((row) => Number(row.dataset.trial))"


def until(page: Page, expression: str, seconds: float = 60) -> None:
    """Until it is true in the search page, whose scripts may just be loading: a button of it loads it anew.
    (Playwright's own waiting evaluates in the page, which the policy forbids.)"""
    for _ in range(int(seconds * 5)):
        page.wait_for_load_state()
        if page.evaluate(f"Boolean(window.nasweb && ({expression}))"):
            return
        page.wait_for_timeout(200)
    raise AssertionError(f"never true: {expression}")


def violations(page: Page) -> list[str]:
    """What axe finds, in both themes."""
    page.evaluate(AXE)
    page.emulate_media(reduced_motion="reduce")     # no colour is caught half-way between two themes
    found = []
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.bsTheme = '{theme}'")
        page.wait_for_timeout(700)
        result = page.evaluate(f"axe.run(document, {{runOnly: {RULES}}})")
        found += [f"{theme} {v['id']}: {v['nodes'][0]['html'][:100]}" for v in result["violations"]]
    return found


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    started = Up(tmp_path_factory.mktemp("flow") / "home", 18_400)
    yield started
    if started.process.poll() is None:
        started.interrupt()


def answer(page: Page, name: str, value: str) -> None:
    """Fill the field of that name, whatever kind it is."""
    field = page.locator(f"[name='{name}']")
    kind = field.first.evaluate("(one) => one.tagName === 'INPUT' ? one.type : one.tagName.toLowerCase()")
    if kind == "radio":
        page.locator(f"[name='{name}'][value='{value}']").check(force=True)
    elif kind == "select":
        field.select_option(value)
    else:
        field.fill(value)


def shown(page: Page) -> list[object]:
    """Scores and curves as the page holds them, and the order of its table."""
    page.wait_for_timeout(1200)                     # drawing happens twice a second
    return page.evaluate(f"""[nasweb.search.scored().map((trial) => [trial.number, trial.score]), {ROWS},
        [...nasweb.search.curves].filter(([, curve]) => curve.length).sort((a, b) => a[0] - b[0])]""")


def test_from_the_form_to_a_network_that_runs_anywhere(up: Up, page: Page, tmp_path: Path) -> None:
    origin = re.match(r"https?://[^/]+", page.url)[0]
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)

    page.goto(f"{origin}/searches/new/")
    for name, value in ANSWERS.items():
        answer(page, name, value)
    page.get_by_role("button", name=re.compile("start", re.I)).click()
    page.wait_for_url(re.compile(r"/searches/[0-9a-f-]{36}/$"))
    until(page, "window.nasweb")
    page.evaluate("window.sameLoad = true")
    begun = page.evaluate("nasweb.search.seq")

    until(page, f"nasweb.search.seq >= {begun} + 20")
    until(page, "document.querySelector('[data-panel=incumbent] svg g[id*=node]')")
    until(page, "document.querySelector('[data-panel=best_so_far] [data-drawn]')")
    until(page, "document.querySelectorAll('tr[data-trial]').length >= 2")
    scores = page.evaluate(f"{ROWS}.map((number) => nasweb.search.trials.get(number).score)")
    assert scores == sorted(scores, reverse=True)
    before = page.evaluate(ROWS)
    until(page, f"{ROWS}.length > {len(before)}")

    other = page.context.new_page()                 # somebody else, in the middle of it
    other.goto(page.url)
    assert page.evaluate("window.sameLoad"), "the page must not have been loaded again"

    page.get_by_role("button", name="Pause").click()
    until(page, "document.querySelector('[data-state]').textContent.trim() === 'paused'")
    page.get_by_role("button", name="Resume").click()
    until(page, "nasweb.search.state === 'finished'", 120)
    until(other, "window.nasweb?.search.state === 'finished'")
    followed = [shown(each) for each in (page, other)]
    page.reload()
    until(page, "window.nasweb && document.querySelectorAll('tr[data-trial]').length >= 8")
    loaded = shown(page)
    for seen in followed:                           # followed from the start, and joined in the middle
        assert seen == loaded
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    until(page, "document.documentElement.scrollWidth <= 390")
    assert complaints == []

    with page.expect_download(timeout=60_000) as download:
        page.locator("tr[data-trial]").first.get_by_role("link", name=re.compile("Download")).click()
    folder = tmp_path / "network"
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(folder)
    names = {path.name for path in folder.iterdir()}
    assert {"model.py", "predict.py", "weights.safetensors", "genotype.json", "card.md"} <= names
    ran = bare.run(bare.build(tmp_path / "site"), "predict.py", folder=folder)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()


@pytest.mark.parametrize("path", ["/", "/searches/", "/searches/new/", "/datasets/", "/workers/", "/strategies/"])
def test_every_page_is_accessible_and_fits_a_phone(page: Page, path: str) -> None:
    origin = re.match(r"https?://[^/]+", page.url)[0]
    assert page.goto(f"{origin}{path}").status == 200
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
