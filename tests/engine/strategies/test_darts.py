"""DARTS: the paper's values, what is asked when, and a real search to a network that can be downloaded."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import options
from engine.architecture.architecture import Architecture
from engine.events import Event
from engine.export.bundle import bundle
from engine.nets.mixture import Mixture
from engine.perform import splits
from engine.phases import Site
from engine.run import run
from engine.search import Search
from engine.spec import Spec, parse, parse_space
from engine.strategies.darts import Darts, Options
from engine.work import Candidate, Outcome, SupernetEpoch, Weights

torch.set_num_threads(1)
SPACE = parse_space({"kind": "darts_cell", "preset": "cpu"})[1]
DERIVED = SPACE.derived({name: [[0.1 * k for k in range(5)]] * 5 for name in ("normal", "reduce")})
REPORT = {"derived": DERIVED.document(), "train_loss": 1.0, "valid_loss": 1.0, "valid_score": 0.5, "skips": 0}


def spec_of(space: dict[str, Any], **more: Any) -> Spec:
    return parse({"space": space, "strategy": {"name": "darts", "preset": "cpu", "epochs": 3}, "dataset": {"name": "digits"},
                  **more})


def test_the_defaults_are_those_of_the_paper() -> None:
    o = Options()
    assert (o.epochs, o.batch_size, o.lr, o.last_lr) == (50, 64, 0.025, 0.001)
    assert (o.momentum, o.weight_decay, o.clip) == (0.9, 3e-4, 5.0)
    assert (o.order, o.alpha_lr, o.alpha_beta1, o.alpha_beta2, o.alpha_decay, o.alpha_after) == (
        "second", 3e-4, 0.5, 0.999, 1e-3, 0)
    for name, option in options.options_of(Options).items():
        assert option.paper == getattr(o, name)


def test_epochs_come_first_then_what_they_derived_then_nothing() -> None:
    search = Search(spec_of({"kind": "darts_cell", "preset": "cpu"}))
    asked = []
    while not search.finished:
        for work in search.ready():
            asked.append(work)
            payload = {**REPORT, "derived": DERIVED.document()} if isinstance(work, SupernetEpoch) else {}
            kind = "shared" if not isinstance(work, Candidate) or work.weights.source == "shared" else "scratch"
            search.report(work, Outcome("done", 0.9 if kind == "shared" else 0.8, kind, payload=payload))
    assert [type(work) for work in asked] == [SupernetEpoch] * 3 + [Candidate] * 2
    ranked, final = asked[3:]
    assert ranked.architecture == DERIVED and ranked.weights == Weights("shared", 2) and "alphas" in ranked.origin["why"]
    assert final.final_of == 3 and final.weights == Weights() and search.best is not None
    assert search.best[0].trial == final.trial          # a lower score of another kind is not compared


def test_the_pictures_show_each_epoch() -> None:
    strategy = Darts(SPACE, Options(epochs=2), 0)
    [first] = strategy.ask(1)
    events = strategy.tell(replace(first, trial=0), Outcome("done", 0.5, "shared", payload=REPORT))
    titles = [picture["title"] for event in events for picture in event.data["pictures"]]
    assert titles == ["Loss of the supernet", "Skips of the derived cell"]
    assert events[0].data["derived"] == DERIVED.document()


@pytest.mark.parametrize("order", ["first", "second"])
def test_the_sampler_is_a_mixture_with_the_chosen_order(order: str) -> None:
    site = Site(SPACE, Options(order=order, alpha_lr=0.1, alpha_after=2), (1, 8, 8), 10, 0)
    sampler = Darts.sampler(site)
    assert isinstance(sampler, Mixture) and sampler.learning == (0.1, (0.5, 0.999), 1e-3, order == "second", 2)


def test_the_ranking_is_by_softmax_not_by_raw_alphas() -> None:
    """Two edges into the same node: the higher raw alpha is on the edge that is less sure of it."""
    site = Site(SPACE, Options(), (1, 8, 8), 10, 0)
    sampler = Darts.sampler(site)
    assert isinstance(sampler, Mixture)
    with torch.no_grad():
        for table in sampler.alphas.tables.values():
            table.zero_()
            table[2, 3] = 1.0                           # 0 to node 3: probability 0.40
            table[3], table[3, 3] = 2.0, 2.5            # 1 to node 3: higher, but probability 0.29
            table[4, 3] = 0.9                           # 2 to node 3: 0.38
    genotype = sampler.report(None)["derived"]["genotype"]         # type: ignore[arg-type]
    assert [source for _, source in genotype["normal"][2:]] == [0, 2]


def test_a_failed_epoch_ends_the_training_and_what_there_was_is_derived() -> None:
    strategy = Darts(SPACE, Options(epochs=9), 0)
    [first] = strategy.ask(1)
    strategy.tell(replace(first, trial=0), Outcome("done", 0.5, "shared", payload=REPORT))
    [second] = strategy.ask(1)
    strategy.tell(replace(second, trial=1), Outcome("failed"))
    [ranked] = strategy.ask(1)
    assert isinstance(ranked, Candidate) and ranked.weights.trial == 0 and strategy.ask(1) == []


def test_a_search_on_digits_ends_with_a_network_trained_from_scratch_and_its_zip(tmp_path: Path) -> None:
    spec = spec_of({"kind": "darts_cell", "preset": "cpu", "nodes": 1, "layers": 2, "channels": 2},
                   strategy={"name": "darts", "preset": "cpu", "epochs": 2, "order": "second"},
                   dataset={"name": "digits", "train_limit": 128},
                   estimation={"name": "shared", "preset": "cpu", "epochs": 2})
    events: list[Event] = []
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", events.append)
    assert [type(work) for work in search.items] == [SupernetEpoch] * 2 + [Candidate] * 2
    assert all(outcome.ok for outcome in search.outcomes.values())
    final, outcome = search.items[3], search.outcomes[3]
    assert isinstance(final, Candidate) and outcome.score_kind == "scratch" and 0 <= outcome.metrics["test"] <= 1
    assert final.architecture == Architecture(**search.outcomes[1].payload["derived"])
    assert [event.data["epoch"] for event in events if event.type == "strategy" and "derived" in event.data] == [1, 2]
    assert all(len(json.dumps(event.document())) < 4096 for event in events)
    made = bundle(spec, final, outcome, tmp_path / "search" / "artifacts" / "3", tmp_path / "out.zip",
                  splits(spec, tmp_path / "data", "cpu"))
    with zipfile.ZipFile(made["path"]) as archive:
        assert {"model.py", "weights.safetensors", "genotype.json"} <= set(archive.namelist())
        assert json.loads(archive.read("genotype.json"))["genotype"] == final.architecture.genotype
