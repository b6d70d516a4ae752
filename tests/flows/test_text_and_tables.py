"""Searches on text and on tables, bundled and uploaded, in a real browser: from the form to a network that predicts."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from playwright.sync_api import Page, TimeoutError

from tests.flows.test_main_job import answer, until, violations
from tests.flows.test_make_up import Up

pytestmark = pytest.mark.slow
TEXT = "Call me Ishmael. Some years ago - never mind how long precisely.\n" * 40
SHORT = {"budget.trials": "1", "estimation.scratch.epochs": "1", "finals.epochs": "1"}
NET = {"space.mlp.max_updates": "50", "space.mlp.max_batch": "32", "space.mlp.max_layers": "1"}
CELL = {"space.recurrent_cell.embedding": "8", "space.recurrent_cell.hidden": "8"}
RUNS = {"a text that ships": ("recurrent_cell", "stdlib_text", {**CELL, "dataset.stdlib_text.characters": "3000"}),
        "a text of one's own": ("recurrent_cell", "whale.txt", CELL),
        "a table that ships": ("mlp", "iris", NET),
        "a table of one's own": ("mlp", "buyers.csv", NET)}


def table() -> str:
    rng = Random(3)
    rows = [(rng.randint(18, 80), rng.choice(("red", "blue"))) for _ in range(60)]
    return "age,colour,bought\n" + "".join(f"{age},{colour},{'yes' if age > 45 else 'no'}\n" for age, colour in rows)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    started = Up(tmp_path_factory.mktemp("kinds") / "home", 18_540, NASWEB_DEMO="0")
    yield started
    if started.process.poll() is None:
        started.interrupt()


def choose(page: Page, origin: str, space: str, dataset: str, folder: Path) -> None:
    """The form with its dataset; a file is uploaded first."""
    if "." in dataset:
        (folder / dataset).write_text(TEXT if dataset.endswith(".txt") else table())
        page.goto(f"{origin}/datasets/")
        page.locator("input[type=file]").set_input_files(folder / dataset)
        page.get_by_role("button", name="Upload").click()
        page.get_by_text(f"“{dataset}” is uploaded").wait_for()
    page.goto(f"{origin}/searches/new/?space={space}")
    if "." in dataset:
        page.get_by_role("button", name=dataset).click()
    else:
        answer(page, "dataset", dataset)


@pytest.mark.parametrize("what", RUNS)
def test_from_the_form_to_the_download(page: Page, tmp_path: Path, what: str) -> None:
    origin = re.match(r"https?://[^/]+", page.url)[0]
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    space, dataset, values = RUNS[what]
    choose(page, origin, space, dataset, tmp_path)
    for name, value in {**SHORT, **values}.items():
        answer(page, name, value)
    if what == "a table of one's own":              # one number, two words
        page.get_by_text("3 features, 2 classes").wait_for()
    started = re.compile(r"/searches/[0-9a-f-]{36}/$")
    page.get_by_role("button", name="Start search").click()
    with suppress(TimeoutError):                    # a click can be lost while facts arrive and the page moves
        page.wait_for_url(started, timeout=20_000)
    if not started.search(page.url):
        page.get_by_role("button", name="Start search").click()
        page.wait_for_url(started, timeout=60_000)
    search = page.url
    until(page, "nasweb.search.state === 'finished'", 90)
    until(page, "document.querySelector('[data-panel=incumbent] svg g[id*=node]')")
    with page.expect_download(timeout=60_000) as download:
        page.locator("tr[data-trial]").first.get_by_role("link", name=re.compile("Download")).click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert {"model.py", "predict.py", "weights.safetensors", "genotype.json", "card.md"} <= set(archive.namelist())
    page.goto(search)
    page.locator("tr[data-trial] a").first.click()
    page.get_by_role("heading", name="The network").wait_for()
    if "own" in what:
        assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []
