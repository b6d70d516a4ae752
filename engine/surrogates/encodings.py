"""Architectures as features: by the paths through their graph (White, Neiswanger, Savani, AAAI 2021) or by decisions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.architecture.architecture import Proposal
from engine.architecture.canonical import MERGES, simplified
from engine.architecture.graph import Graph
from engine.spaces.space import Parameter

Features = NDArray[np.float32]
Path = tuple[str, ...]
MOST = 2_000                                    # paths to one node that are followed


def paths(graph: Graph) -> frozenset[Path]:
    """Every way from an input to the output, as the operations on it. `none` is no way; merges are not named."""
    alive = simplified(graph)
    reached: dict[str, set[Path]] = {}
    for node in alive.nodes:
        before: set[Path] = {()} if node.op == "input" else set()
        before |= {path for name in node.inputs for path in sorted(reached[name])[:MOST]}
        own = () if node.op in MERGES or node.op == "cells" else (f"{node.op}{node.settings or ''}",)
        reached[node.name] = {path + own for path in before}
    return frozenset(reached.get(alive.output, ()))


class Paths:
    """One feature for each path; those that most of the data have, where there are too many."""

    def __init__(self, space: Any, most: int) -> None:
        self.space, self.most = space, most
        self.places: dict[Path, int] = {}

    def raw(self, proposal: Proposal) -> frozenset[Path]:
        """What is kept of a proposal until the paths that count are known."""
        graphs = self.space.pictures(proposal.architecture)
        return frozenset((title, *path) for title, graph in graphs.items() for path in paths(graph))

    def learn(self, data: Sequence[frozenset[Path]]) -> None:
        counts = Counter(path for each in data for path in each)
        chosen = sorted(counts, key=lambda path: (-counts[path], path))[:self.most]
        self.places = {path: place for place, path in enumerate(chosen)}

    def features(self, data: Sequence[frozenset[Path]]) -> Features:
        found = np.zeros((len(data), max(1, len(self.places))), np.float32)
        for row, each in enumerate(data):
            found[row, [self.places[path] for path in each if path in self.places]] = 1.0
        return found


class Decisions:
    """A feature for each choice of a decision; of a number its place and whether it is active."""

    def __init__(self, space: Any) -> None:
        training = space.training_parameters()
        self.space = space
        self.parameters: tuple[Parameter, ...] = (*(p for p in space.parameters() if p not in training), *training)
        widths = [len(p.choices) if p.kind == "categorical" else 2 for p in self.parameters]
        self.starts, self.width = np.cumsum([0, *widths[:-1]]).tolist(), sum(widths)

    def raw(self, proposal: Proposal) -> list[float]:
        numbers: list[float] = self.space.proposal_vector(proposal)
        return numbers

    def learn(self, data: Sequence[list[float]]) -> None:
        """All features are known beforehand."""

    def features(self, data: Sequence[list[float]]) -> Features:
        found = np.zeros((len(data), self.width), np.float32)
        for row, numbers in enumerate(data):
            for start, parameter, number in zip(self.starts, self.parameters, numbers, strict=True):
                if not math.isnan(number) and parameter.kind == "categorical":
                    found[row, start + int(number)] = 1.0
                elif not math.isnan(number):
                    found[row, start:start + 2] = number, 1.0
        return found
