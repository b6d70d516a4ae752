"""All recurrent cells of a space at once: the mixture of DARTS, the paths of ENAS (Liu, Simonyan, Yang, ICLR 2019; Pham et
al., ICML 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from engine.architecture.relaxed import CELL, FIRST, Path
from engine.nets.mixed_op import mixed
from engine.nets.ops import Recurrent


class Taken(NamedTuple):
    """What a node takes: earlier nodes, activations, for each of these its shares (nodes × 1 × 1), and their sum. Without
    shares it is one activation of one node, in full."""

    sources: tuple[int, ...]
    ops: tuple[str, ...]
    shares: tuple[Tensor, ...] = ()
    total: Tensor | None = None


class RecurrentMixture(Recurrent):
    """A step of `Recurrent` in which a node is the sum over earlier nodes j and activations f, by their shares, of
    state_j + sigmoid(c) (f(h) - state_j); with one pair and no `norm` it is that cell exactly. `none` adds nothing.

    `apart`: a matrix for each pair of nodes (ENAS), else one for a node, whatever it takes (DARTS). `loose`: the new state
    is the mean of the nodes that no later one takes, each counted as far as it is not taken: Π (1 - share taken of it);
    else of all but the first. `first`: the first node's activation, if it is not chosen as well.
    """

    def __init__(self, features: int, hidden: int, ops: Sequence[str], nodes: int, *, first: str | None, apart: bool,
                 loose: bool, norm: bool, dropout: float = 0.0) -> None:
        super().__init__(features, hidden, first or "", [], [], dropout)
        self.ops, self.apart, self.loose = tuple(ops), apart, loose
        self.rows = [range(i * (i - 1) // 2, i * (i + 1) // 2) for i in range(1, nodes + 1)]
        self.weights = nn.ModuleList(
            nn.ModuleList(self._matrix() for _ in rows) if apart else self._matrix() for rows in self.rows)
        count = 1 + nodes if norm else 0
        self.norms = nn.ModuleList(nn.BatchNorm1d(hidden, affine=False, track_running_stats=False) for _ in range(count))
        self.taken: list[Taken] = []
        self.voices: Tensor | None = None       # of each node in the new state, where they are not equal

    def mixed(self, x: Tensor, path: Path, weights: Mapping[str, Tensor] | None) -> Tensor:
        """What it gives on a choice."""
        first = Taken((0,), (self.first,)) if self.first else self._taken(FIRST, range(1), path, weights)
        self.taken = [first, *(self._taken(CELL, rows, path, weights) for rows in self.rows)]
        self.heard, self.voices = self._heard(weights is not None)
        try:
            found: Tensor = self(x)
            return found
        finally:
            self.taken, self.voices = [], None

    def used(self, path: Path) -> set[str]:
        """Names of the parameters that a path uses."""
        found = {"reads.weight", "keeps.weight"}
        for i, rows in enumerate(self.rows):
            sources = self._taken(CELL, rows, path, None).sources
            found |= {f"weights.{i}.{j}.weight" if self.apart else f"weights.{i}.weight" for j in sources}
        return found

    def step(self, read: Tensor, state: Tensor, kept: Tensor | None) -> Tensor:
        linear = read + self.keeps(state if kept is None else state * kept)
        found = [self._normed(0, self._blend(self.taken[0], state, linear))]
        for i, taken in enumerate(self.taken[1:], 1):
            if not taken.sources:
                found.append(torch.zeros_like(state))
                continue
            states = [found[j] for j in taken.sources]
            earlier = states[0] if len(states) == 1 else torch.stack(states)
            linear = self._linear(i, taken.sources, earlier if kept is None else earlier * kept)
            found.append(self._normed(i, self._blend(taken, earlier, linear)))
        heard = [found[place] for place in self.heard]
        if len(heard) == 1:
            return heard[0]
        stacked = torch.stack(heard)
        return stacked.mean(0) if self.voices is None else torch.einsum("n,nbh->bh", self.voices, stacked)

    def _blend(self, taken: Taken, states: Tensor, linear: Tensor) -> Tensor:
        """The states, moved by their gates towards bent linear functions of them, summed by their shares."""
        if not taken.ops:
            return torch.zeros_like(states)
        if taken.total is None:
            return self.bend(taken.ops[0], states, linear)
        gate, new = linear.chunk(2, -1)
        bent = mixed([new if op == "identity" else getattr(torch, op)(new) for op in taken.ops], taken.shares)
        states = states * taken.total
        return torch.addcmul(states, torch.sigmoid(gate), bent - states).sum(0)

    def _linear(self, node: int, sources: Sequence[int], states: Tensor) -> Tensor:
        """Of one earlier state, or of several as they are stacked."""
        weights = self.weights[node - 1]
        if not isinstance(weights, nn.ModuleList):
            found: Tensor = weights(states)
            return found
        each = states.unbind(0) if states.ndim == 3 else (states,)
        moved = [weights[j](state) for j, state in zip(sources, each, strict=True)]
        return moved[0] if len(moved) == 1 else torch.stack(moved)

    def _normed(self, node: int, state: Tensor) -> Tensor:
        found: Tensor = self.norms[node](state) if self.norms else state
        return found

    def _taken(self, table: str, rows: range, path: Path, weights: Mapping[str, Tensor] | None) -> Taken:
        """Left-out activations of a node that others of its edges keep have a share of zero."""
        ops = self.ops if table == CELL else tuple(op for op in self.ops if op != "none")
        kept = {j: [k for k in path[table][row] if ops[k] != "none"] for j, row in enumerate(rows)}
        sources = tuple(j for j, columns in kept.items() if columns)
        columns = sorted({k for each in kept.values() for k in each})
        names = tuple(ops[k] for k in columns)
        if weights is None and len(sources) <= 1 and len(names) <= 1:
            return Taken(sources, names)
        mask = torch.tensor([[float(k in kept[j]) for k in columns] for j in sources])
        mask = mask.to(self.keeps.weight).reshape(len(sources), len(columns))
        if weights is not None:
            mask = mask * weights[table][[rows[j] for j in sources]][:, columns]
        return Taken(sources, names, mask[:, :, None, None].unbind(1), mask.sum(1)[:, None, None])

    def _heard(self, weighed: bool) -> tuple[list[int], Tensor | None]:
        later = list(range(1, len(self.taken))) or [0]
        if not self.loose:
            return later, None
        if not weighed:
            taken = {j for each in self.taken[1:] for j in each.sources}
            return [place for place in range(len(self.taken)) if place not in taken], None
        one = self.keeps.weight.new_ones(())
        free = [one] * len(self.taken)
        for each in self.taken[1:]:
            if each.total is not None:
                for j, share in zip(each.sources, each.total.flatten().unbind(), strict=True):
                    free[j] = free[j] * (1 - share)
        voices = torch.stack(free)
        return list(range(len(self.taken))), voices / voices.sum()

    def _matrix(self) -> nn.Linear:
        return nn.Linear(self.hidden, 2 * self.hidden, bias=False)
