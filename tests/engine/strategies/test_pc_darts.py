"""PC-DARTS: the paper's values, alphas that wait, and real searches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from engine.nets.partial import Partial
from engine.options import options_of
from engine.phases import Site
from engine.run import run
from engine.spec import parse, parse_space
from engine.strategies.pc_darts import Options, PcDarts
from engine.work import Candidate, SupernetEpoch

torch.set_num_threads(1)
TINY: dict[str, dict[str, Any]] = {
    "darts_cell": {"kind": "darts_cell", "preset": "cpu", "nodes": 1, "layers": 2, "channels": 2},
    "nas_bench_201": {"kind": "nas_bench_201", "preset": "table"}}


def test_the_defaults_are_those_of_the_paper() -> None:
    o = Options()
    assert (o.batch_size, o.lr, o.parts, o.alpha_after, o.alpha_lr) == (256, 0.1, 4, 15, 6e-4)
    assert all(option.paper == getattr(o, name) for name, option in options_of(Options).items())


def test_the_sampler_has_the_options() -> None:
    sampler = PcDarts.sampler(Site(parse_space(TINY["nas_bench_201"])[1], Options(), (1, 8, 8), 10, 0))
    assert isinstance(sampler, Partial) and sampler.learning == (6e-4, (0.5, 0.999), 1e-3, False, 15)


@pytest.mark.parametrize("space", list(TINY))
def test_a_search_on_digits_waits_with_its_alphas_and_ends_from_scratch(space: str, tmp_path: Path) -> None:
    spec = parse({"space": TINY[space], "dataset": {"name": "digits", "train_limit": 64},
                  "strategy": {"name": "pc_darts", "preset": "cpu", "epochs": 2, "alpha_after": 1},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1}})
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", lambda event: None)
    assert [type(work) for work in search.items] == [SupernetEpoch] * 2 + [Candidate] * 2
    assert all(outcome.ok for outcome in search.outcomes.values()) and search.outcomes[3].score_kind == "scratch"
    first, second = (search.outcomes[k].payload["alphas"] for k in (0, 1))
    for name, table in first.items():
        sure = len(table["raw"][0]) == 1                        # a node with one edge has nothing to learn
        assert all(abs(alpha) < 0.006 for row in table["raw"] for alpha in row) and (sure or second[name] != table)
