"""Strict fairness: in every step each operation of each edge is trained exactly once (FairNAS; Chu et al., ICCV 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from engine.architecture.relaxed import Path, choosable
from engine.nets.paths import Paths
from engine.nets.sampler import Draw, Step
from engine.nets.supernet import Choice
from engine.phases import Site


class FairPaths(Paths):
    """A step draws for each edge an order of its operations; its k-th path takes the k-th of each. The gradients of all
    paths are added up, and the weights move once."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.columns: Mapping[str, Sequence[int]] = choosable(self.space, self.supernet.relaxed.tables)
        self.count = max(map(len, self.columns.values()))               # paths of a step

    def draw(self, step: Step) -> Sequence[Draw]:
        return [Draw(Choice(path)) for path in self.paths(step.rng)]

    def paths(self, rng: Random) -> list[Path]:
        """Where a table has fewer operations than another, its orders are drawn again until there are enough."""
        orders: dict[str, list[list[int]]] = {}
        for name, table in self.supernet.relaxed.tables.items():
            columns = self.columns[name]
            rounds = -(-self.count // len(columns))
            orders[name] = [[k for _ in range(rounds) for k in rng.sample(columns, len(columns))] for _ in table.edges]
        return [{name: tuple((order[k],) for order in rows) for name, rows in orders.items()} for k in range(self.count)]
