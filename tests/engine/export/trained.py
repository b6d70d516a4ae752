"""A small trained network of each space, made once for all export tests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch

from engine.architecture.graph import Graph
from engine.perform import perform, splits
from engine.rng import stream
from engine.spec import Spec, parse
from engine.work import Candidate, Outcome

SPACES = ("chain", "nas_bench_201")           # on images

DATA = {"recurrent_cell": {"name": "stdlib_text", "characters": 20_000, "length": 16}}


@dataclass(frozen=True)
class Trained:
    spec: Spec
    work: Candidate
    outcome: Outcome
    folder: Path
    data: Any

    @property
    def graph(self) -> Graph:
        return self.spec.space.network(self.work.architecture, self.data.shape, len(self.data.classes))


@cache
def trained(space: str, name: str = "", final: bool = False) -> Trained:
    torch.set_num_threads(1)
    spec = parse({"name": name, "space": {"kind": space, "preset": "cpu"}, "dataset": DATA.get(space, {"name": "digits"}),
                  "strategy": {"name": "random_search"}, "estimation": {"name": "scratch", "preset": "cpu", "epochs": 1}})
    work = Candidate(spec.space.sample(stream(1, "export")).architecture, trial=3, final_of=2 if final else None)
    folder = Path(mkdtemp(prefix="nasweb-export-tests-"))
    outcome = perform(spec, work, folder, folder / "data", "cpu", emit=lambda event: None, stop=lambda: False)
    assert outcome.ok, outcome.metrics
    return Trained(spec, work, outcome, folder, splits(spec, folder / "data", "cpu"))
