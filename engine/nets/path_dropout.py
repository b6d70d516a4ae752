"""Path dropout: a batch sees every operation but those that chance has dropped (Bender et al., ICML 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from engine.architecture.relaxed import Path, Relaxed
from engine.nets.paths import Paths
from engine.nets.sampler import Draw, Step
from engine.nets.supernet import Choice
from engine.phases import Site

Place = tuple[str, int, int]                            # table, row, column: an operation on an edge


def arrivals(relaxed: Relaxed) -> list[tuple[Place, ...]]:
    """The paths that arrive at each sum of a type of cell: the operations on all edges into a node, zeros left out. A
    mixture that something else than a sum hears is a sum of its own."""
    nodes = {node.name: node for node in relaxed.graph}
    heard = {name: node.name for node in relaxed.graph if node.op == "add" and node.name not in relaxed.places
             for name in node.inputs}
    found: dict[str, dict[Place, None]] = {}
    seen: set[tuple[str, int]] = set()                  # rows: all cells of a type have the same
    for name, (table, row) in relaxed.places.items():
        if (table, row) not in seen:
            seen.add((table, row))
            columns = [k for k, source in enumerate(nodes[name].inputs) if nodes[source].op != "zero"]
            found.setdefault(heard.get(name, name), {}).update(dict.fromkeys((table, row, k) for k in columns))
    inner = ([(table, row, k) for table, row in rows for k, op in enumerate(relaxed.tables[table].ops) if op != "none"]
             for sums in relaxed.cells.values() for rows in sums)
    return list(dict.fromkeys(tuple(group) for group in (*found.values(), *inner) if group))


class PathDropout(Paths):
    """Each of the k paths into a sum is dropped on its own with probability `rate`^(1/k), so that all of them are with
    probability `rate`: then the sum is zero and the network goes on. Dropout grows with the progress of the training,
    from none. What is left is added up as it is, as it will be when an architecture is scored: it is not made larger for
    what is missing. Each ghost batch of about `ghost` examples has a mask and batch statistics of its own."""

    def __init__(self, site: Site, rate: float, ghost: int) -> None:
        super().__init__(site)
        self.rate, self.ghost = rate, ghost
        self.arrivals = arrivals(self.supernet.relaxed)
        self.chances = {place: rate ** (1 / len(group)) for group in self.arrivals for place in group}
        self.counts = self._nothing()                   # masks of this epoch that left a path
        self.masks, self.ramp = 0, 0.0                  # how many there were, and the sum of their progress
        self.counting = False

    def learn(self, step: Step) -> None:
        """Of no use but to know that the next draw is a step's, and counts."""
        if step.position == 0:
            self.counts, self.masks, self.ramp = self._nothing(), 0, 0.0
        self.counting = True

    def draw(self, step: Step) -> Sequence[Draw]:
        parts = max(1, step.examples // self.ghost)
        masks = [self.mask(step.progress, step.rng) for _ in range(parts)]
        if self.counting:
            self.counting = False
            for mask in masks:
                self._count(mask, step.progress)
        return [Draw(Choice(mask), 1 / parts, (k, parts)) for k, mask in enumerate(masks)]

    def mask(self, progress: float, rng: Random) -> Path:
        rows: dict[str, list[list[int]]] = {name: [[] for _ in table.edges]
                                            for name, table in self.supernet.relaxed.tables.items()}
        for (table, row, column), chance in self.chances.items():
            if rng.random() >= progress * chance:
                rows[table][row].append(column)
        return {name: tuple(tuple(row) for row in each) for name, each in rows.items()}

    def report(self, step: Step) -> dict[str, Any]:
        """`usage`: of each path the share of the epoch's masks that left it, None where there is no path; `expected`: what
        it would be on average."""
        masks = max(1, self.masks)
        usage: dict[str, list[list[float | None]]] = {}
        expected: dict[str, list[list[float | None]]] = {}
        for name, rows in self.counts.items():
            known = [[self.chances.get((name, row, column)) for column in range(len(each))] for row, each in enumerate(rows)]
            usage[name] = [[None if p is None else count / masks for count, p in zip(each, chances, strict=True)]
                           for each, chances in zip(rows, known, strict=True)]
            expected[name] = [[None if p is None else 1 - self.ramp / masks * p for p in chances] for chances in known]
        return {**super().report(step), "usage": usage, "expected": expected}

    def state_dict(self) -> dict[str, Any]:
        return {"counts": self.counts, "masks": self.masks, "ramp": self.ramp}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.counts = {name: [list(row) for row in rows] for name, rows in state["counts"].items()}
        self.masks, self.ramp = state["masks"], state["ramp"]

    def _nothing(self) -> dict[str, list[list[int]]]:
        return {name: [[0] * len(table.ops) for _ in table.edges] for name, table in self.supernet.relaxed.tables.items()}

    def _count(self, mask: Path, progress: float) -> None:
        self.masks, self.ramp = self.masks + 1, self.ramp + progress
        for name, rows in mask.items():
            for row, columns in enumerate(rows):
                for column in columns:
                    self.counts[name][row][column] += 1
