"""A stage of a progressive search (P-DARTS: Chen et al., ICCV 2019): so many cells, the operations that are left, dropout on
skips."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from torch import nn

from engine.architecture.graph import Graph, Node
from engine.architecture.relaxed import Path, Relaxed, Strengths, Table
from engine.nets.alphas import Alphas
from engine.nets.mixture import Learning, Mixture
from engine.nets.sampler import Step
from engine.nets.supernet import Choice
from engine.phases import Site

NONE, SKIP = "none", "skip_connect"


class Stage(NamedTuple):
    """`layers`: cells; `left`: columns of each row, all if None; `keep`: how many of a row outlive the stage; `dropout` on
    skips at first, over `epochs` of the stage; `most`: skips that an architecture may have (None: any); `last`: the one that
    is watched and derived from."""

    layers: int
    left: Path | None
    keep: int
    dropout: float
    fading: float
    epochs: int
    most: int | None
    last: bool = True


def dropped(stage: Stage, epoch: int, after: int) -> float:
    """The rate in an epoch: while only weights learn it falls on a line, then exponentially from the first rate again."""
    if epoch < after:
        return stage.dropout * (stage.epochs - epoch - 1) / stage.epochs
    return stage.dropout * math.exp(-stage.fading * (epoch - after))


def fewer(strengths: Strengths, left: Path, tables: Mapping[str, Table], keep: int) -> dict[str, list[list[int]]]:
    """The strongest columns of each row. One of them is neither none nor a skip, if there was any, so that each edge could
    do without its skip."""
    found: dict[str, list[list[int]]] = {}
    for name, rows in left.items():
        ops, found[name] = tables[name].ops, []
        for row, columns in enumerate(rows):
            order = sorted(columns, key=strengths[name][row].__getitem__, reverse=True)
            others = [k for k in order if ops[k] not in (NONE, SKIP)]
            kept = order[:keep]
            if others and not set(others) & set(kept):
                kept = [*order[:keep - 1], others[0]]
            found[name].append(sorted(kept))
    return found


def capped(space: Any, strengths: Strengths, tables: Mapping[str, Table], most: int) -> dict[str, list[list[float]]]:
    """The same strengths without the weakest skips, one after another, until what is derived has no more than `most`."""
    found = {name: [list(row) for row in rows] for name, rows in strengths.items()}
    first = next(iter(tables))                              # the table whose skips are counted
    if SKIP not in tables[first].ops:
        return found
    skip = tables[first].ops.index(SKIP)
    while space.skips(derived := space.derived(found)) > most:
        rows = [row for row, columns in enumerate(space.path(derived)[first]) if skip in columns and found[first][row][skip]]
        if not rows:
            break
        weakest = min(rows, key=lambda row: found[first][row][skip])
        found[first][weakest][skip] = 0.0
    return found


def with_dropout(relaxed: Relaxed) -> Relaxed:
    """Dropout behind every skip that is an identity; skips with stride 2 have weights and need none."""
    known = {node.name: node for node in relaxed.graph}
    nodes: list[Node] = []
    for node in relaxed.graph:
        if node.name in relaxed.places:
            ops = relaxed.tables[relaxed.places[node.name][0]].ops
            skips = [name for name, op in zip(node.inputs, ops, strict=True) if op == SKIP and known[name].op == "identity"]
            nodes += [Node(f"{name}_dropout", "dropout", (name,), {"rate": 0.5}, "dropout", node.group) for name in skips]
            node = node._replace(inputs=tuple(f"{name}_dropout" if name in skips else name for name in node.inputs))
        nodes.append(node)
    return replace(relaxed, graph=Graph(tuple(nodes), relaxed.graph.output))


class Progressive(Mixture):
    """The mixture of one stage. Layers of operations that are gone are not kept."""

    def __init__(self, site: Site, learning: Learning, stage: Stage) -> None:
        relaxed = replace(site.space, layers=stage.layers).supernet(site.shape, site.classes)
        self.stage, self.left = stage, stage.left or relaxed.everything
        super().__init__(site, learning, weigh=self._dropping, derive=self._derived,
                         relaxed=with_dropout(relaxed) if stage.dropout else relaxed, left=stage.left)
        self.watched = self.watched and stage.last
        self.supernet.confine(self.left)
        self.drops = [module for module in self.supernet.modules() if isinstance(module, nn.Dropout)]

    def report(self, step: Step) -> dict[str, Any]:
        tables = self.supernet.relaxed.tables
        return {**super().report(step), "left": fewer(self.alphas.strengths(), self.left, tables, self.stage.keep)}

    def _dropping(self, alphas: Alphas, step: Step) -> Choice:
        for module in self.drops:
            module.p = dropped(self.stage, step.epoch, self.learning.after)
        return Choice(self.left, alphas.probabilities())

    def _derived(self, alphas: Alphas) -> Strengths:
        strengths = alphas.strengths()
        if self.stage.most is None:
            return strengths
        return capped(self.space, strengths, self.supernet.relaxed.tables, self.stage.most)


def path_of(rows: Mapping[str, Sequence[Sequence[int]]] | None) -> Path | None:
    """What JSON has made of a path, as a path again."""
    return None if rows is None else {name: tuple(map(tuple, each)) for name, each in rows.items()}
