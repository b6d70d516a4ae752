"""P-DARTS: the paper's counts and rates by stage, supernets that begin anew, cuts at every step, a real search."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import Invalid
from engine.nets.progressive import Progressive
from engine.options import options_of
from engine.phases import Site
from engine.run import run
from engine.search import Search
from engine.spec import parse, parse_space
from engine.strategies.p_darts import Options, PDarts, kept, skip_dropout, stage_of
from engine.work import Candidate, Outcome, SupernetEpoch
from tests.engine.cutting import to_the_end

torch.set_num_threads(1)
SPACE = parse_space({"kind": "darts_cell", "preset": "cpu"})[1]
TABLES = {name: {"edges": [f"{k}" for k in range(5)], "ops": list(SPACE.ops)} for name in ("normal", "reduce")}


def report(left: list[int], best: int = 0, **more: Any) -> Outcome:
    rows = {name: [[0.2 + 0.1 * (k == best) for k in range(5)]] * 5 for name in TABLES}
    return Outcome("done", 0.5, "shared", payload={
        "derived": SPACE.derived(rows).document(), "skips": 0, "train_loss": 1.0, "valid_loss": 1.0, "tables": TABLES,
        "alphas": {name: {"softmax": each, "raw": each} for name, each in rows.items()},
        "left": {name: [left] * 5 for name in TABLES}, **more})


def test_the_defaults_are_those_of_the_paper() -> None:
    o = Options()
    assert (o.epochs, o.stages, o.layers, o.deeper, o.alpha_after, o.batch_size) == (75, 3, 5, 6, 10, 96)
    assert (o.dropout, o.last_dropout, o.fading, o.most_skips, o.alpha_lr) == (0.1, 0.7, 0.2, 2, 6e-4)
    assert all(option.paper == getattr(o, name) for name, option in options_of(Options).items())


def test_eight_operations_become_five_three_and_one() -> None:
    assert [kept(8, stage, 3) for stage in range(3)] == [5, 3, 1]
    assert [kept(5, stage, 3) for stage in range(3)] == [3, 2, 1] and kept(8, 0, 1) == kept(1, 0, 3) == 1


def test_dropout_grows_from_stage_to_stage() -> None:
    assert [skip_dropout(Options(), stage) for stage in range(3)] == pytest.approx([0.1, 0.4, 0.7])
    assert skip_dropout(Options(stages=1), 0) == 0.1


def test_stages_share_the_epochs_evenly() -> None:
    assert [stage_of(Options(), epoch) for epoch in (0, 24, 25, 49, 50, 74)] == [
        (0, 25), (0, 25), (1, 25), (1, 25), (2, 25), (2, 25)]
    assert [stage_of(Options(epochs=5), epoch) for epoch in range(5)] == [(0, 2), (0, 2), (1, 2), (1, 2), (2, 1)]
    assert [problem.path for problem in Options(epochs=2).check()] == ["/epochs"] and Options(epochs=3).check() == []


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_sampler_is_as_deep_as_its_stage(number: int) -> None:
    options = Options(layers=3, deeper=2)
    left = {"left": {name: [[1, 2, 3]] * 5 for name in TABLES}} if number else {}
    settings = {"supernet": number, "plan": {"epochs": 25}, **left}
    sampler = PDarts.sampler(Site(SPACE, options, (1, 8, 8), 10, 0, settings=settings))
    assert isinstance(sampler, Progressive) and sampler.learning.after == 10
    rest = (kept(5, number, 3), skip_dropout(options, number), 0.2, 25, 2, number == 2)
    assert sampler.stage[:1] + sampler.stage[2:] == (3 + 2 * number, *rest)
    cells = {node.name.split("_edge_")[0] for node in sampler.supernet.relaxed.graph if "_edge_" in node.name}
    assert len(cells) == 3 + 2 * number and len(sampler.left["normal"][0]) == (3 if number else 5)


@pytest.mark.parametrize(("kind", "layers", "fine"), [("darts_cell", 2, False), ("darts_cell", 3, True),
                                                      ("nas_bench_201", 1, True)])
def test_a_first_stage_without_a_normal_cell_is_refused(kind: str, layers: int, fine: bool) -> None:
    document = {"space": {"kind": kind, "preset": "cpu"}, "dataset": {"name": "digits"},
                "strategy": {"name": "p_darts", "preset": "cpu", "layers": layers}}
    space = parse_space(document["space"])[1]
    tables = {table for table, _ in replace(space, layers=layers).supernet((1, 8, 8), 10).places.values()}
    assert ({"reduce"} < tables or tables == {"cell"}) is fine
    if fine:
        assert parse(document).strategy.options.layers == layers
        return
    with pytest.raises(Invalid) as caught:
        parse(document)
    [problem] = caught.value.problems
    assert problem.path == "/strategy/layers" and "normal cell" in problem.reason and problem.allowed == "at least 3"


def test_what_outlives_a_stage_goes_along_with_the_next_and_a_replay_comes_to_the_same() -> None:
    search, told = PDarts(SPACE, Options(epochs=6), 0), []
    for number in range(6):
        [epoch] = search.ask(1)
        assert isinstance(epoch, SupernetEpoch) and epoch.continues == (number - 1 if number else None)
        assert epoch.settings["supernet"] == number // 2 and epoch.settings["plan"] == {"epochs": 2}
        assert epoch.settings.get("left") == {0: None, 1: {n: [[1, 2, 3]] * 5 for n in TABLES},
                                              2: {n: [[2, 3]] * 5 for n in TABLES}}[number // 2]
        told.append((replace(epoch, trial=number), report([1, 2, 3] if number < 2 else [2, 3])))
        events = search.tell(*told[-1])
        titles = [picture["title"] for event in events for picture in event.data["pictures"]]
        assert ("What outlives a stage: normal" in titles) == (number in (1, 3))
        assert all(len(json.dumps(event.data)) < 4096 for event in events)
        again = PDarts(SPACE, Options(epochs=6), 0)
        for pair in told:
            again.tell(*pair)
        again.load_state_dict(search.state_dict())
        search = again
    [ranked] = search.ask(1)
    assert isinstance(ranked, Candidate) and ranked.weights.trial == 5 and "6 epochs" in ranked.origin["why"]
    assert search.ask(1) == []


def replayed(options: Options, outcomes: list[Outcome]) -> tuple[PDarts, list[SupernetEpoch]]:
    """A search that heard of these outcomes, made anew from its rows after each."""
    search, told = PDarts(SPACE, options, 0), []
    for number, outcome in enumerate(outcomes):
        [epoch] = search.ask(1)
        assert isinstance(epoch, SupernetEpoch)
        told.append((replace(epoch, trial=number), outcome))
        search.tell(*told[-1])
        again = PDarts(SPACE, options, 0)
        for pair in told:
            again.tell(*pair)
        again.load_state_dict(search.state_dict())
        search = again
    return search, [epoch for epoch, _ in told]


def test_an_early_stop_looks_at_the_last_stage_alone() -> None:
    options = Options(epochs=9, early_stop="curvature", stop_window=1, stop_delta=1, stop_start=0)
    grown = [report([2, 3], best, curvature=curvature) for best, curvature in ((2, 1.0), (3, 1.0), (4, 9.0))]
    search, epochs = replayed(options, [report([1, 2, 3])] * 6 + grown)         # no curvature before: nobody asks for it
    assert [epoch.settings["supernet"] for epoch in epochs] == [0] * 3 + [1] * 3 + [2] * 3
    [ranked] = search.ask(1)
    assert isinstance(ranked, Candidate) and ranked.architecture.document() == grown[1].payload["derived"]
    assert "since epoch 2 of the supernet" in ranked.origin["why"] and search.ask(1) == []


def test_a_return_goes_back_within_the_last_stage() -> None:
    options = Options(epochs=6, early_stop="adapt", stop_window=1, stop_delta=1, stop_start=0, adapt_times=1)
    calm, sharp = report([2, 3], curvature=1.0), report([2, 3], curvature=9.0)
    search, epochs = replayed(options, [report([1, 2, 3])] * 4 + [calm, sharp, calm])
    assert [epoch.continues for epoch in epochs] == [None, 0, 1, 2, 3, 4, 4]
    assert [epoch.settings["supernet"] for epoch in epochs] == [0, 0, 1, 1, 2, 2, 2]
    assert ["keep" in epoch.settings for epoch in epochs] == [False] * 4 + [True] * 3
    assert [epoch.settings["plan"].get("weight_decay") for epoch in epochs] == [None] * 6 + [pytest.approx(9e-4)]
    assert all(epoch.settings["plan"]["epochs"] == 2 for epoch in epochs)
    [ranked] = search.ask(1)
    assert isinstance(ranked, Candidate) and ranked.weights.trial == 6 and "at most 2 skips" in ranked.origin["why"]


def test_removals_follow_the_last_stage_whose_own_epochs_are_behind_it() -> None:
    options = Options(epochs=6, derivation="perturbation", tuning_epochs=2)
    last = {"rounds": 2, "agreed": 1, "answered": 4, "without": {}}
    search, epochs = replayed(options, [report([1, 2, 3])] * 4 + [report([2, 3], 4, **last)] * 6)
    assert [epoch.settings.get("round") for epoch in epochs] == [None] * 6 + [0, None, 1, None]
    assert all(epoch.settings["left"] == epochs[5].settings["left"] for epoch in epochs[6:])
    assert [epoch.settings["supernet"] for epoch in epochs[6:]] == [2] * 4
    assert all(epoch.settings["plan"]["begun"] == epoch.settings["plan"]["epochs"] == 2 for epoch in epochs[6:])
    [ranked] = search.ask(1)
    assert isinstance(ranked, Candidate) and "2 rounds of removals" in ranked.origin["why"]


@pytest.mark.parametrize(("number", "tuning", "watched", "most"), [(1, False, False, 2), (2, False, True, 2),
                                                                  (2, True, False, None)])
def test_only_the_last_stage_is_watched_and_removals_have_no_cap(number: int, tuning: bool, watched: bool,
                                                                 most: int | None) -> None:
    options = Options(layers=3, deeper=1, early_stop="curvature", derivation="perturbation")
    settings = {"supernet": number, "left": {name: [[1, 2, 3]] * 5 for name in TABLES}, "tuning": tuning}
    sampler = PDarts.sampler(Site(SPACE, options, (1, 8, 8), 10, 0, settings=settings))
    assert isinstance(sampler, Progressive) and sampler.watched is watched and sampler.stage.most == most
    assert sampler.removals and sampler.removals.given == sampler.left


@pytest.mark.parametrize(("given", "path"), [({"stop_skips": 3}, "/stop_skips"), ({"stop_skips": 2}, None),
                                             ({"early_stop": "adapt", "weight_decay": 0.0}, "/weight_decay")])
def test_an_early_stop_that_cannot_be_is_refused(given: dict[str, Any], path: str | None) -> None:
    assert [problem.path for problem in Options(**{"early_stop": "skips", **given}).check()] == ([path] if path else [])


def test_a_search_with_removals_and_a_stop_cut_at_every_step_is_the_unbroken_one(tmp_path: Path) -> None:
    """The slightest growth of the curvature in the last stage is an alarm."""
    spec = parse({"space": {"kind": "darts_cell", "preset": "cpu", "nodes": 1, "channels": 2,
                            "ops": ["none", "skip_connect", "max_pool_3x3", "avg_pool_3x3"]},
                  "dataset": {"name": "digits", "train_limit": 48},
                  "strategy": {"name": "p_darts", "preset": "cpu", "epochs": 5, "stages": 2, "batch_size": 24, "deeper": 0,
                               "alpha_after": 0, "early_stop": "adapt", "stop_window": 1, "stop_delta": 1, "stop_start": 0,
                               "stop_factor": 1.0, "adapt_times": 1, "derivation": "perturbation", "tuning_epochs": 1},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1, "checkpoint_seconds": 0.0}})

    def searched(name: str, **more: Any) -> Search:
        return run(spec, tmp_path / name, tmp_path / "data", "cpu", lambda event: None, **more)

    whole = searched("whole")
    cut, cuts = to_the_end(lambda: searched("cut", stop=lambda: True))
    assert cuts >= 5 and [w.document() for w in cut.items] == [w.document() for w in whole.items]
    for trial, outcome in whole.outcomes.items():
        assert outcome.ok and (cut.outcomes[trial].score, cut.outcomes[trial].payload) == (outcome.score, outcome.payload)
    epochs = [work for work in whole.items if isinstance(work, SupernetEpoch)]
    assert ["curvature" in whole.outcomes[work.trial].payload for work in epochs][:5] == [False] * 3 + [True] * 2
    rounds = [work.settings["round"] for work in epochs if "round" in work.settings]
    last = whole.outcomes[len(epochs) - 1].payload
    assert rounds == list(range(last["rounds"])) and last["answered"] > 0
    left = epochs[-1].settings["left"]
    for name, rows in last["without"].items():
        asked = [[k for k, value in enumerate(row[:-1]) if value is not None] for row in rows]
        assert all(set(columns) <= set(left[name][row]) for row, columns in enumerate(asked))
    ranked = whole.items[len(epochs)]
    assert isinstance(ranked, Candidate) and ranked.architecture.document() == last["derived"]


def test_a_search_cut_at_every_step_is_the_unbroken_one(tmp_path: Path) -> None:
    """Across the border of a stage, with dropout in the supernets."""
    spec = parse({"space": {"kind": "darts_cell", "preset": "cpu", "nodes": 1, "channels": 2},
                  "dataset": {"name": "digits", "train_limit": 64},
                  "strategy": {"name": "p_darts", "preset": "cpu", "epochs": 3, "stages": 2, "batch_size": 16,
                               "alpha_after": 0},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1, "checkpoint_seconds": 0.0}})

    def searched(name: str, **more: Any) -> Search:
        return run(spec, tmp_path / name, tmp_path / "data", "cpu", lambda event: None, **more)

    whole = searched("whole")
    cut, cuts = to_the_end(lambda: searched("cut", stop=lambda: True))
    assert cuts >= 3 and [w.document() for w in cut.items] == [w.document() for w in whole.items]
    assert [type(work) for work in whole.items] == [SupernetEpoch] * 3 + [Candidate] * 2
    for trial, outcome in whole.outcomes.items():
        assert outcome.ok and (cut.outcomes[trial].score, cut.outcomes[trial].payload) == (outcome.score, outcome.payload)
    [first, _, last] = [whole.outcomes[k].payload for k in range(3)]
    chances = last["alphas"]["normal"]["softmax"]
    assert [len([c for c in row if c]) for row in chances] == [3, 3] and last["skips"] <= 2
    assert all(c > 0 for row in first["alphas"]["normal"]["softmax"] for c in row)
    kept_states = {path.parts[-3] for path in (tmp_path / "whole").rglob("checkpoints/*.pt")}
    assert "0" not in kept_states and "2" in kept_states
