"""Toy landscapes whose answers are known: bit strings (Real et al.'s notebook) and a conditional chain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from engine.architecture.architecture import Architecture, Proposal
from engine.architecture.graph import Graph, Node, Shape
from engine.spaces.space import Parameter
from engine.work import Candidate, Outcome, Strategy


class Bits(Architecture):
    """Hashing thousands of long genotypes is not what these tests are about."""

    def __hash__(self) -> int:
        return hash(self.genotype["bits"])


@dataclass(frozen=True)
class BitStrings:
    """Strings of zeros and ones; a mutation flips one bit."""

    length: int = 100

    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(Parameter(f"bit_{k}", "categorical", ("0", "1")) for k in range(self.length))

    def sample(self, rng: Random) -> Proposal:
        return Proposal(Bits("bits", {"bits": format(rng.getrandbits(self.length), f"0{self.length}b")}))

    def mutate(self, architecture: Architecture, rng: Random) -> Architecture:
        return self._flipped(architecture, rng.randrange(self.length))

    def training_parameters(self) -> tuple[Parameter, ...]:
        return ()

    def mutate_proposal(self, proposal: Proposal, rng: Random) -> Proposal:
        return Proposal(self.mutate(proposal.architecture, rng))

    def training_options(self, hyper: Mapping[str, Any]) -> Mapping[str, Any]:
        return hyper

    def neighbours(self, architecture: Architecture) -> Iterable[Architecture]:
        return (self._flipped(architecture, at) for at in range(self.length))

    def contains(self, architecture: Architecture) -> bool:
        bits = architecture.genotype["bits"]
        return len(bits) == self.length and set(bits) <= {"0", "1"}

    def size(self) -> int:
        return int(2**self.length)

    def parse(self, genotype: Any, path: str = "") -> Architecture:
        return Bits("bits", dict(genotype))

    def cell(self, architecture: Architecture) -> Graph:
        return Graph((Node("input", "input"),), "input")

    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph:
        return self.cell(architecture)

    def canonical(self, architecture: Architecture) -> str:
        return architecture.encoding_id

    @staticmethod
    def _flipped(architecture: Architecture, at: int) -> Architecture:
        bits = architecture.genotype["bits"]
        return Bits("bits", {"bits": bits[:at] + "10"[int(bits[at])] + bits[at + 1:]})


def ones(architecture: Architecture) -> float:
    """The true value: the fraction of ones."""
    bits = architecture.genotype["bits"]
    return float(bits.count("1") / len(bits))


def climb(strategy: Strategy, evaluations: int, sigma: float, noise: Random, marks: Iterable[int] = ()) -> list[float]:
    """The true value of the architecture with the best noisy value, at each mark and at the end."""
    best, truth, found, wanted = -1.0, 0.0, [], {*marks, evaluations}
    for trial in range(evaluations):
        (asked,) = strategy.ask(1)
        assert isinstance(asked, Candidate)
        work = Candidate(asked.architecture, parents=asked.parents, origin=asked.origin, trial=trial)
        value = min(1.0, max(0.0, ones(work.architecture) + noise.gauss(0, sigma)))
        strategy.tell(work, Outcome("done", value))
        if value > best:
            best, truth = value, ones(work.architecture)
        if trial + 1 in wanted:
            found.append(truth)
    return found
