"""ENAS: values by source, what is asked when, what is shown, and real searches of whole networks and of cells."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import options
from engine.events import Event
from engine.registry import discover
from engine.run import run
from engine.spec import incompatible, parse, parse_space
from engine.strategies.enas import Enas, Options
from engine.work import Candidate, Outcome, SupernetEpoch, Weights

torch.set_num_threads(1)
SPACE = parse_space({"kind": "enas_macro", "layers": 3, "channels": 2})[1]
FIRST, SECOND = {"layers": [[0], [1, 1], [2, 0, 1]]}, {"layers": [[5], [0, 0], [2, 1, 1]]}
REPORT: dict[str, Any] = {
    "train_loss": 1.0, "valid_loss": 1.2, "derived": SPACE.parse(FIRST).document(), "skips": 2, "drawn": [FIRST, SECOND],
    "policy": {"reward": 0.5, "baseline": 0.4, "entropy": 1.0, "skip rate": 0.4},
    "chances": [{"title": "layer op", "rows": ["layer_1_op"], "columns": ["0", "1"], "values": [[0.25, 0.75]]}]}


def test_the_defaults_are_those_of_the_paper_and_each_source_has_a_preset() -> None:
    o = Options()
    assert (o.units, o.depth, o.scale, o.controller_lr, o.temperature, o.bound) == (64, 2, 0.1, 1e-3, 5.0, 2.5)
    assert (o.entropy, o.skip_target, o.skip_weight, o.steps, o.samples, o.models) == (0.1, 0.4, 0.5, 2000, 1, 1)
    assert o.schedule() == {"nesterov": True, "cycle": 10, "growth": 2} and (o.lr, o.last_lr, o.epochs) == (0.05, 1e-3, 310)
    for name, option in options.options_of(Options).items():
        assert option.paper in (None, getattr(o, name))
    presets = discover("strategies")["enas"].presets
    made = {name: options.parse(Options, {"preset": name}, presets=presets) for name in presets}
    assert set(made) == {"paper", "macro", "micro", "recurrent", "cpu", "recurrent_cpu"}
    macro, micro = made["macro"], made["micro"]
    assert (macro.steps, macro.samples, macro.bound, macro.skip_weight, macro.baseline) == (50, 20, 1.5, 0.8, 0.99)
    assert (micro.steps, micro.samples, micro.bound, micro.eased, micro.controller_lr) == (30, 10, 1.1, 2.5, 3.5e-3)
    for each in (macro, micro):
        assert (each.beta1, each.eps, each.entropy, each.entropy_in) == (0.0, 1e-3, 1e-4, "reward")


def test_it_works_on_every_space_with_a_supernet_and_finitely_many_choices() -> None:
    for kind in ("enas_macro", "enas_micro", "darts_cell", "nas_bench_201", "recurrent_cell"):
        assert not incompatible("enas", kind) and not incompatible("random_sharing", kind)
    assert incompatible("enas", "mlp")


def test_epochs_come_first_then_what_the_controller_drew_in_the_last_one() -> None:
    strategy = Enas(SPACE, Options(epochs=2), 0)
    for number in range(2):
        [epoch] = strategy.ask(4)
        assert isinstance(epoch, SupernetEpoch) and strategy.ask(4) == []
        strategy.tell(replace(epoch, trial=number), Outcome("done", 0.5, "shared", payload=REPORT))
    works = strategy.ask(1) + strategy.ask(5)
    assert all(isinstance(work, Candidate) and work.weights == Weights("shared", 1) for work in works)
    assert [work.architecture.genotype for work in works if isinstance(work, Candidate)] == [FIRST, SECOND]
    assert "Draw 1 of 2" in works[0].origin["why"] and strategy.ask(5) == []
    again = Enas(SPACE, Options(epochs=2), 0)
    again.load_state_dict(strategy.state_dict())
    assert again.state_dict() == {"asked": 2, "proposed": 2}


def test_without_a_trained_epoch_there_is_nothing_to_derive() -> None:
    strategy = Enas(SPACE, Options(epochs=3), 0)
    [first] = strategy.ask(1)
    strategy.tell(replace(first, trial=0), Outcome("failed"))
    assert strategy.ask(1) == []


def test_the_controller_is_shown_as_it_learns() -> None:
    strategy = Enas(SPACE, Options(epochs=2), 0)
    [first] = strategy.ask(1)
    events = strategy.tell(replace(first, trial=0), Outcome("done", 0.5, "shared", payload=REPORT))
    shown = {picture["title"]: picture for event in events for picture in event.data["pictures"]}
    assert shown["Reward of the controller"]["values"] == {"reward": 0.5, "baseline": 0.4}
    assert shown["Probability of a skip"]["values"] == {"skip rate": 0.4} and "Entropy of a decision" in shown
    assert shown["Controller: layer op"]["picture"] == "heat" and shown["Controller: layer op"]["values"] == [[0.25, 0.75]]


@pytest.mark.parametrize("space", [
    {"kind": "enas_macro", "layers": 3, "channels": 2, "ops": ["conv_3x3", "max_pool_3x3"]},
    {"kind": "enas_micro", "nodes": 1, "channels": 2, "layers": 1, "reductions": 1, "ops": ["avg_pool_3x3", "identity"]}],
    ids=["macro", "micro"])
def test_a_search_on_digits_ends_with_a_network_trained_from_scratch(space: dict[str, Any], tmp_path: Path) -> None:
    spec = parse({"space": space, "dataset": {"name": "digits", "train_limit": 96},
                  "strategy": {"name": "enas", "preset": "cpu", "epochs": 2, "steps": 2, "samples": 2, "candidates": 2},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1}})
    events: list[Event] = []
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", events.append)
    assert [type(work) for work in search.items] == [SupernetEpoch] * 2 + [Candidate] * 3
    assert [search.outcomes[k].score_kind for k in range(5)] == ["shared"] * 4 + ["scratch"]
    best = max(search.items[2:4], key=lambda work: search.outcomes[work.trial].score or 0.0)
    final = search.items[4]
    assert isinstance(final, Candidate) and isinstance(best, Candidate) and final.architecture == best.architecture
    assert 0 <= search.outcomes[4].metrics["test"] <= 1
    titles = [p["title"] for event in events if event.type == "strategy" for p in event.data["pictures"]]
    assert titles.count("Reward of the controller") == 2 and any(title.startswith("Controller: ") for title in titles)
    assert all(len(json.dumps(event.document())) < 4096 for event in events)
