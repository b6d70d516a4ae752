"""The search page of a method that shares weights: a slider over epochs, what would be derived, and the baselines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from engine.events import Event
from engine.phases import pictures
from engine.work import SupernetEpoch
from tests.flows import test_search_page as search_page
from tests.flows.test_main_job import answer, until, violations
from tests.flows.test_make_up import Up
from tests.flows.test_search_page import Opened, Stage, event, finished, opened  # noqa: F401 - a fixture

PANEL = (search_page.ROOT / "templates" / "searches" / "supernet.html").read_text()
OPS = ["none", "skip_connect", "sep_conv_3x3"]
SLIDER, TOLD = "document.querySelector('#supernet-epoch')", "document.querySelector('[data-told]').textContent"


def report(share: float) -> dict[str, Any]:
    """A table of two edges on which a convolution takes `share`."""
    rows = [[(1 - share) / 2, (1 - share) / 2, share], [1 / 3] * 3]
    kept = [["0 to 1", "sep_conv_3x3"], ["1 to 2", "skip_connect"]]
    return {"train_loss": 1.0, "valid_loss": 1.1, "skips": 1, "entropy": {"cell": [1.0, 1.0]}, "kept": {"cell": kept},
            "tables": {"cell": {"edges": ["0 to 1", "1 to 2"], "ops": OPS}}, "derived": {"kind": "x", "genotype": {}},
            "alphas": {"cell": {"softmax": rows, "raw": [[0.0, 0.0, 7 * share], [0.0] * 3]}}}


def said(seq: int, number: int, share: float, *more: Event) -> list[dict[str, Any]]:
    """The events of an epoch, as they stand in the log."""
    work = SupernetEpoch(number, trial=number)
    events = [*pictures(work, report(share)), *more]
    return [event(seq + k, "strategy", one.trial, **one.data) for k, one in enumerate(events)]


@pytest.fixture
def sharing(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> Stage:  # noqa: F811
    """A page that holds two of four epochs."""
    monkeypatch.setattr(search_page, "PAGE", search_page.PAGE.replace("</main>", f"{PANEL}</main>"))
    told = [one for number, share in enumerate((0.34, 0.6)) for one in said(1, number, share)]
    epochs = [{"number": n, "status": "done", "score": 0.4 + n / 10, "kind": "supernet_epoch", "encoding_id": "",
               "parents": []} for n in range(2)]
    return opened(seq=10, sharing=True, insights=told, trials=epochs, derived={"trial": 1, "epoch": 2},
                  spec={"budget": {"trials": 4}, "strategy": {"name": "darts", "epochs": 4}})


def test_the_slider_goes_back_and_follows_the_newest_epoch_unless_moved(sharing: Stage) -> None:
    page, place = sharing.page, "document.querySelector('[data-at]').textContent"
    sharing.wait(f"{place} === 'epoch 2 of 4'")
    assert "sharpening" in page.evaluate(TOLD) and "sep conv 3×3 on 0 to 1 with 0.60" in page.evaluate(TOLD)
    sharing.send(*said(11, 2, 0.8))
    sharing.wait(f"{place} === 'epoch 3 of 4'")
    page.locator("#supernet-epoch").focus()
    page.keyboard.press("Home")
    sharing.wait(f"{SLIDER}.getAttribute('aria-valuetext') === 'before the first epoch'")
    assert page.evaluate(TOLD).startswith("Before the first epoch nothing is known: each of 2 edges")
    assert page.locator(".stages [aria-current]").inner_text() == "Unknown operations"
    assert page.locator(".mixture .mark").all_text_contents() == ["?", "?"]
    page.keyboard.press("ArrowRight")
    sharing.wait(f"{place} === 'epoch 1 of 4'")
    assert page.locator(".stages [aria-current]").inner_text() == "Mixture"
    sharing.send(*said(13, 3, 0.9))
    sharing.wait(f"{SLIDER}.max === '4'")
    assert page.evaluate(place) == "epoch 1 of 4", "who looks back is left there"
    page.get_by_role("button", name="Follow the newest").click()
    sharing.wait(f"{place} === 'epoch 4 of 4'")
    lines = "[...document.querySelectorAll('.mixture path:has(title)')]"
    widths = page.evaluate(f"{lines}.map((one) => parseFloat(one.style.strokeWidth))")
    assert widths[2] == max(widths) and widths[0] == widths[1] < 1
    assert sharing.faults == []


def test_raw_alphas_and_the_derived_cell_in_the_end(sharing: Stage) -> None:
    page, drawn = sharing.page, "document.querySelector('#supernet [data-chart]').data?.[0]"
    sharing.wait(f"{drawn}?.zmax === 1")
    sharing.wait(f"{drawn}.z[0][2] === 0.6")
    page.get_by_role("button", name="Raw alphas").click()
    sharing.wait(f"{drawn}.z[0][2] === 4.2 && {drawn}.zmax === 4.2")
    assert page.get_by_role("button", name="Raw alphas").get_attribute("aria-pressed") == "true"
    alarm = Event("strategy", 2, {"pictures": [], "epoch": 3, "alarm": "Too many skips. Stopped.", "kept": 1})
    sharing.send(*said(11, 2, 0.5, alarm), event(14, "trial_proposed", 3, encoding_id="e3", parents=[]))
    sharing.wait("document.querySelector('[data-at]').textContent === 'derived cell'")
    assert page.evaluate(TOLD) == ("The derived cell: 0 to 1 sep conv 3×3; 1 to 2 skip connect. "
                                   "Only training it from scratch tells how good it is.")
    assert page.locator("#supernet [data-alarm]").inner_text() == "Alarm after epoch 3. Too many skips. Stopped."
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.querySelector('.mixture .edge')).transitionDuration") == "0s"
    page.get_by_role("button", name="Play").click()
    sharing.wait("document.querySelector('[data-at]').textContent === 'before the first epoch'")
    sharing.wait("document.querySelector('[data-at]').textContent === 'derived cell'")
    assert page.locator("[data-play]").inner_text() == "Play"


def test_while_the_supernet_trains_the_page_says_so_and_shows_what_would_be_derived(sharing: Stage) -> None:
    page, incumbent = sharing.page, "document.querySelector('[data-panel=incumbent]')"
    summary = f"{incumbent}.querySelector('[data-summary]').textContent"
    sharing.wait(f"{incumbent}.querySelector('h2').textContent === 'Derived now, epoch 2'")
    sharing.wait(f"{incumbent}.querySelector('svg')?.textContent.includes('conv of 1')")
    assert page.evaluate(summary).startswith("Derived now, not yet trained from scratch")
    best = page.locator("[data-panel=best_so_far] [data-summary]")
    assert best.inner_text() == "The supernet has trained 2 of 4 epochs; the first shared scores come after the last one."
    sharing.send(*said(11, 2, 0.8))
    sharing.wait(f"{incumbent}.querySelector('h2').textContent === 'Derived now, epoch 3'")
    proposed = event(13, "trial_proposed", 3, encoding_id="e3", parents=[])
    ended = finished(14, 3, 0.5, encoding_id="e3")
    ended["data"]["score_kind"] = "shared"
    sharing.send(proposed, ended, event(15, "incumbent", 3))
    sharing.wait(f"{summary}.startsWith('Score 0.5000 with shared weights, not yet trained from scratch')")
    assert best.inner_text().startswith("Best 0.5000 at trial 3")
    final = event(16, "trial_proposed", 4, encoding_id="e3", final_of=3, parents=[3])
    sharing.send(final, finished(17, 4, 0.7, encoding_id="e3", final_of=3))
    page.get_by_role("button", name="Against training from scratch").click()
    sharing.wait("document.querySelector('[data-panel=insight] [data-chart]').data?.[0].y?.[0] === 0.7")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    started = Up(tmp_path_factory.mktemp("sharing") / "home", 18_560, NASWEB_DEMO="0")
    yield started
    if started.process.poll() is None:
        started.interrupt()


ANSWERS = {"name": "Sharing", "dataset": "digits", "space": "nas_bench_201", "strategy": "darts",
           "space.nas_bench_201.channels": "2", "space.nas_bench_201.layers": "1",
           "strategy.darts.epochs": "3", "strategy.darts.batch_size": "256",
           "strategy.darts.order": "first", "strategy.darts.alpha_lr": "0.3", "estimation": "shared",
           "estimation.shared.epochs": "1", "finals.epochs": "1"}


@pytest.mark.slow
def test_a_search_by_gradient_from_the_form_to_its_baselines(page: Page, tmp_path: Path) -> None:
    origin = re.match(r"https?://[^/]+", page.url)[0]
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{origin}/searches/new/?space=nas_bench_201&strategy=darts")
    for name, value in ANSWERS.items():
        answer(page, name, value)
    page.get_by_role("button", name=re.compile("start", re.I)).click()
    page.wait_for_url(re.compile(r"/searches/[0-9a-f-]{36}/$"))
    search = page.url
    until(page, "document.querySelector('[data-at]').textContent.startsWith('epoch')")
    until(page, "nasweb.search.state === 'finished'", 120)
    until(page, "document.querySelector('[data-at]').textContent === 'derived cell'")
    until(page, f"{SLIDER}.max === '4'")
    page.locator("#supernet-epoch").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('[data-at]').textContent === 'epoch 1 of 3'")
    page.get_by_role("button", name="Raw alphas").click()
    until(page, "document.querySelector('#supernet [data-chart]').data?.[0].name === 'raw alphas'")
    page.get_by_role("button", name="Compare with baselines at equal cost").click()
    until(page, "document.querySelectorAll('#baselines tbody tr').length === 3")
    assert page.url == search and page.get_by_role("button", name="Compare with baselines").count() == 0
    until(page, "document.querySelector('#baselines footer').textContent.startsWith('The final of this search')", 180)
    assert page.locator("#baselines .state").all_inner_texts() == ["finished"] * 3
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []
