"""The panel "How the strategy thinks": its pictures, the tree of a population, and the reason for the newest proposal."""

from __future__ import annotations

import json

import pytest

from engine import insight
from tests.flows.test_search_page import Opened, event, opened  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow


def test_how_the_strategy_thinks_one_picture_at_a_time(opened: Opened) -> None:  # noqa: F811
    """Pictures that came with the page and live ones; series grow, others are replaced; the family line of the best."""
    trials = [{"number": n, "status": "done", "score": 0.5 + n / 10, "parents": [n - 1] if n else []} for n in range(3)]
    early = {"seq": 5, "trial": 1, "data": insight.shown(insight.population([0, 1], "2 alive"),
                                                        insight.series("Reward", mean=0.5))}
    stage = opened(seq=10, trials=trials, insights=[early])
    panel = "document.querySelector('[data-panel=insight]')"
    stage.wait(f"{panel}.querySelector('[data-chart]').dataset.drawn")
    stage.wait(f"{panel}.querySelector('[data-summary]').textContent.includes('descends from 0 → 1')")
    densities = insight.pairs("Densities", ("good", "rest"), {"kernel": (["3", "5"], [0.7, 0.3], [0.4, 0.6]),
                                                              "lr": ([0.1, 0.2], [1.0, 2.0], [2.0, 1.0])})
    kernel = insight.heat("Kernel", ["0", "1"], ["0", "1"], [[1.0, 0.2], [0.2, 1.0]], "Near trials are dark")
    down, on = ((1, 1), (1, 2)), ((1, 2), (2, 2))
    fabric = insight.trellis("Fabric", {down: 1.0, on: 0.1}, [down, on], "Bold")
    stage.send(event(11, "strategy", 2, **insight.shown(insight.series("Reward", mean=0.6), densities, kernel, fabric)))
    stage.wait(f"{panel}.querySelectorAll('[data-pictures] button').length === 5")
    tree = f"{panel}.querySelector('[data-chart]').data?.find((one) => one.name === 'tree of the living')"
    stage.wait(f"String({tree}?.x) === '0,1,' && {tree}.mode === 'lines'")
    for title, sentence in (("Fabric", "Bold"), ("Reward", "Now mean 0.6."), ("Kernel", "Near trials are dark"),
                            ("Densities", "Good against rest for kernel.")):
        stage.page.get_by_role("button", name=title).click()
        stage.wait(f"{panel}.querySelector('[data-summary]').textContent === {json.dumps(sentence)}")
    stage.page.get_by_label("Decision").select_option("lr")
    stage.wait(f"{panel}.querySelector('[data-summary]').textContent === 'Good against rest for lr.'")
    stage.page.get_by_role("button", name="Reward").click()
    stage.wait(f"{panel}.querySelector('[data-chart]').dataset.points === '2'")
    assert stage.faults == []


def test_the_tree_of_a_population_leads_from_all_its_ancestors_to_the_living(opened: Opened) -> None:  # noqa: F811
    """Trial 1 left nobody; 0 and 2 are dead and have descendants; a mutation of a mutation has two branches."""
    parents: dict[int, list[int]] = {0: [], 1: [], 2: [0], 3: [2], 4: [0, 5], 5: []}
    trials = [{"number": n, "status": "done", "score": 0.5 + n / 10, "parents": of} for n, of in parents.items()]
    stage = opened(trials=trials, insights=[{"seq": 5, "trial": 5, "data": insight.shown(insight.population([3, 4]))}])
    chart = "document.querySelector('[data-panel=insight] [data-chart]')"
    stage.wait(f"{chart}.data?.length === 4")
    line = stage.page.evaluate(f"[...{chart}.data[0].x]")
    assert {tuple(line[k:k + 2]) for k in range(0, len(line), 3)} == {(0, 2), (2, 3), (0, 4), (5, 4)}
    told = stage.page.locator("[data-panel=insight] footer").inner_text()
    assert "All that are alive descend from 2 first trials." in told


def test_predictions_have_the_line_on_which_they_come_true(opened: Opened) -> None:  # noqa: F811
    points = insight.scatter("Predicted and observed", "predicted score", "observed score", [(0.2, 0.9), (0.6, 0.1)])
    stage = opened(insights=[{"seq": 5, "trial": 5, "data": insight.shown(points)}])
    chart = "document.querySelector('[data-panel=insight] [data-chart]')"
    stage.wait(f"{chart}.data?.length === 2")
    assert stage.page.evaluate(f"[[...{chart}.data[1].x], [...{chart}.data[1].y]]") == [[0.2, 0.6], [0.2, 0.6]]


def test_a_strategy_without_pictures_says_why_and_without_reasons_has_no_card(opened: Opened) -> None:  # noqa: F811
    stage = opened()
    panel = stage.page.locator("[data-panel=insight]")
    assert panel.is_hidden()
    stage.send(event(11, "trial_proposed", 0, origin={"how": "sample", "why": "Drawn at random."}))
    stage.wait("document.querySelector('[data-why]').textContent === 'Trial 0: Drawn at random.'")
    assert panel.is_visible() and panel.locator("[data-chart]").is_hidden() and panel.get_by_role("button").count() == 0
