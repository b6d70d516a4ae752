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


def report(left: list[int]) -> Outcome:
    rows = {name: [[0.2] * 5] * 5 for name in TABLES}
    return Outcome("done", 0.5, "shared", payload={
        "derived": SPACE.derived(rows).document(), "skips": 0, "train_loss": 1.0, "valid_loss": 1.0, "tables": TABLES,
        "alphas": {name: {"softmax": each, "raw": each} for name, each in rows.items()},
        "left": {name: [left] * 5 for name in TABLES}})


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
    rest = (kept(5, number, 3), skip_dropout(options, number), 0.2, 25, 2)
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
