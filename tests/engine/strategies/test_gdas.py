"""GDAS: the paper's values, its schedule of temperatures, and real searches."""

from __future__ import annotations

from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine.events import Event
from engine.nets import gumbel
from engine.nets.mixture import Mixture
from engine.phases import Site
from engine.run import run
from engine.spec import parse, parse_space
from engine.strategies.gdas import Gdas, Options
from engine.work import Candidate, SupernetEpoch

torch.set_num_threads(1)
SPACE = parse_space({"kind": "nas_bench_201", "preset": "table"})[1]
TINY = {"darts_cell": {"kind": "darts_cell", "preset": "cpu", "nodes": 1, "layers": 2, "channels": 2},
        "nas_bench_201": {"kind": "nas_bench_201", "preset": "table"}}


def test_the_defaults_are_those_of_the_paper() -> None:
    o = Options()
    assert (o.epochs, o.tau, o.last_tau, o.alpha_lr, o.alpha_decay) == (250, 10.0, 0.1, 3e-4, 1e-3)


def test_the_temperature_falls_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    original = gumbel.drawn

    def spied(alphas: Any, rng: Random, tau: float) -> Any:
        seen.append(tau)
        return original(alphas, rng, tau)

    monkeypatch.setattr(gumbel, "drawn", spied)
    sampler = Gdas.sampler(Site(SPACE, Options(), (1, 8, 8), 10, 0))
    assert isinstance(sampler, Mixture)
    for progress in (0.0, 0.5, 1.0):
        step: Any = SimpleNamespace(rng=Random(1), progress=progress)
        [draw] = sampler.draw(step)
        assert all(len(row) == 1 for row in draw.choice.path["cell"])
    assert seen == pytest.approx([10.0, 5.05, 0.1])


def test_a_step_leaves_operations_that_were_not_drawn_without_gradient() -> None:
    torch.manual_seed(0)
    sampler = Gdas.sampler(Site(SPACE, Options(), (1, 8, 8), 10, 0))
    assert isinstance(sampler, Mixture)
    step: Any = SimpleNamespace(rng=Random(1), progress=0.0)
    [draw] = sampler.draw(step)
    sampler.supernet(torch.randn(2, 1, 8, 8), draw.choice).sum().backward()
    touched = {name for name, weight in sampler.supernet.named_parameters() if weight.grad is not None}
    assert touched == sampler.supernet.used(draw.choice.path) != {name for name, _ in sampler.supernet.named_parameters()}


@pytest.mark.parametrize("space", ["darts_cell", "nas_bench_201"])
def test_a_search_on_digits_measures_curvature_and_ends_from_scratch(space: str, tmp_path: Path) -> None:
    spec = parse({"space": TINY[space], "dataset": {"name": "digits", "train_limit": 64},
                  "strategy": {"name": "gdas", "preset": "cpu", "epochs": 2, "early_stop": "curvature"},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1}})
    events: list[Event] = []
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", events.append)
    assert [type(work) for work in search.items] == [SupernetEpoch] * 2 + [Candidate] * 2
    assert all(outcome.ok for outcome in search.outcomes.values()) and search.outcomes[3].score_kind == "scratch"
    assert all(isinstance(search.outcomes[k].payload["curvature"], float) for k in (0, 1))
    titles = [picture["title"] for event in events if event.type == "strategy" for picture in event.data.get("pictures", [])]
    assert titles.count("Largest eigenvalue of the alphas' Hessian") == 2
