"""One-shot with path dropout: what is asked, what is shown, a planted toy and a real search to a final."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from engine import options
from engine.events import Event
from engine.nets.path_dropout import PathDropout
from engine.phases import Site
from engine.run import run
from engine.search import Search
from engine.spec import parse, parse_space
from engine.strategies.one_shot import OneShot, Options
from engine.work import Candidate, Outcome, SupernetEpoch, Weights
from tests.engine.strategies.planted import ranked

torch.set_num_threads(1)
SPACE = parse_space({"kind": "nas_bench_201", "preset": "table"})[1]
SMALL = {"kind": "darts_cell", "preset": "cpu", "nodes": 1, "layers": 2, "channels": 2}


def test_the_paper_drops_a_whole_sum_in_one_of_twenty_steps_and_ranks_twenty_thousand() -> None:
    o = Options()
    assert (o.dropout, o.ghost, o.batch_size, o.candidates, o.momentum) == (0.05, 32, 1024, 20_000, 0.9)
    declared = options.options_of(Options)
    assert all(option.paper in (None, getattr(o, name)) for name, option in declared.items() if name != "epochs")


def test_the_sampler_has_the_options_dropout_and_ghosts() -> None:
    sampler = OneShot.sampler(Site(SPACE, Options(dropout=0.2, ghost=7), (1, 8, 8), 10, 0))
    assert isinstance(sampler, PathDropout) and sampler.ghost == 7
    assert sampler.chances["cell", 0, 1] == 0.2 ** (1 / 4)


def test_epochs_come_first_then_random_members_ranked_then_the_best_from_scratch() -> None:
    spec = parse({"space": {"kind": "nas_bench_201", "preset": "table"}, "dataset": {"name": "digits"}, "seed": 4,
                  "strategy": {"name": "one_shot", "preset": "cpu", "epochs": 2, "candidates": 4}, "finals": {"top": 2}})
    search, scores = Search(spec), iter([0.1, 0.9, 0.3, 0.7])
    while not search.finished:
        for work in search.ready():
            shared = isinstance(work, SupernetEpoch) or work.weights.source == "shared"
            score = next(scores) if shared and isinstance(work, Candidate) else 0.5
            search.report(work, Outcome("done", score, "shared" if shared else "scratch"))
    asked = [work for work in search.items if isinstance(work, Candidate)]
    assert [work.weights for work in asked] == [Weights("shared", 1)] * 4 + [Weights()] * 2
    assert [work.final_of for work in asked[4:]] == [asked[1].trial, asked[3].trial] and "zero" in asked[0].origin["why"]


def payload(edges: int, ops: int) -> dict[str, Any]:
    names = {"edges": [f"{k} to {k + 1}" for k in range(edges)], "ops": ["none", *("sep_conv_3x3",) * (ops - 1)]}
    shares: list[list[float | None]] = [[None, *(0.123456,) * (ops - 1)]] * edges
    return {"train_loss": 1.0, "valid_loss": 1.5, "tables": {"normal": names}, "usage": {"normal": shares},
            "expected": {"normal": shares}}


def test_the_histogram_of_paths_is_small_data_for_small_and_large_cells() -> None:
    for edges, parts in ((14, 1), (44, 4)):             # the cell of the paper, and one of eight nodes
        strategy = OneShot(SPACE, Options(epochs=2), 0)
        [first] = strategy.ask(1)
        events = strategy.tell(replace(first, trial=0), Outcome("done", 0.5, "shared", payload=payload(edges, 8)))
        shown = [picture for event in events for picture in event.data["pictures"] if picture["picture"] == "pairs"]
        assert len(shown) == parts and sum(len(picture["decisions"]) for picture in shown) == edges
        assert all(len(each["at"]) == 7 for picture in shown for each in picture["decisions"])
        assert {picture["y"] for picture in shown} == {"share of the masks"}
        assert all(len(json.dumps(event.document())) < 4096 for event in events)


def test_shared_scores_are_shown_with_their_spread() -> None:
    strategy, events = OneShot(SPACE, Options(epochs=1), 0), []
    [first] = strategy.ask(1)
    strategy.tell(replace(first, trial=0), Outcome("done", 0.5, "shared"))
    for trial, work in enumerate(strategy.ask(3), 1):
        events += strategy.tell(replace(work, trial=trial), Outcome("done", trial / 4, "shared", {"parameters": 10 * trial}))
    dots, lines = events[-1].data["pictures"]
    assert dots["points"] == [[10, 0.25], [20, 0.5], [30, 0.75]] and lines["values"] == {"best": 0.75, "worst": 0.25}


def test_a_planted_useless_operation_is_found() -> None:
    slope, count = ranked(OneShot, Options(epochs=6, batch_size=16, ghost=8))
    assert slope < -0.03 and count <= 1


def test_a_search_on_digits_ends_with_networks_trained_from_scratch(tmp_path: Path) -> None:
    spec = parse({"space": SMALL, "dataset": {"name": "digits", "train_limit": 128},
                  "strategy": {"name": "one_shot", "preset": "cpu", "epochs": 2, "candidates": 3},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1}, "finals": {"top": 1}})
    events: list[Event] = []
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", events.append)
    assert [type(work) for work in search.items] == [SupernetEpoch] * 2 + [Candidate] * 4
    assert all(outcome.ok for outcome in search.outcomes.values())
    assert search.outcomes[5].score_kind == "scratch" and 0 <= search.outcomes[5].metrics["test"] <= 1
    usage = search.outcomes[0].payload["usage"]
    assert set(usage) == {"normal", "reduce"} and len(usage["normal"]) == 2 and usage["normal"][0][0] is None
    titles = {picture["title"] for event in events if event.type == "strategy" for picture in event.data["pictures"]}
    assert {"Path usage: normal", "Path usage: reduce", "Loss of the supernet", "Shared scores"} <= titles
