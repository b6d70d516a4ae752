"""Spaces whose proposals are conditional maps: decisions with priors and conditions, and nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from random import Random
from typing import Any

from engine.architecture import genotype, sampling
from engine.architecture.architecture import Architecture, Proposal
from engine.architecture.canonical import canonical_id
from engine.architecture.graph import Graph
from engine.errors import Invalid
from engine.spaces.proposals import Proposals
from engine.spaces.space import Parameter


class Conditional(Proposals, ABC):
    """All that follows from `parameters` and `cell`. A space whose genotype is written in another form than one flat map
    of its decisions gives `written` (decisions to genotype) and `decided` (genotype to decisions, raising Invalid)."""

    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """The decisions, each after those that its conditions speak of."""

    @abstractmethod
    def cell(self, architecture: Architecture) -> Graph:
        """The graph that is drawn and from which the identity follows."""

    def pictures(self, architecture: Architecture) -> Mapping[str, Graph]:
        """What is drawn, by title ("Normal cell"): a space with several kinds of cell gives each as a picture of its own."""
        return {"": self.cell(architecture)}

    def written(self, config: genotype.Config) -> Mapping[str, Any]:
        return config

    def decided(self, given: Any, path: str = "") -> genotype.Config:
        return genotype.check(self._decisions, given, path)

    @cached_property
    def _decisions(self) -> tuple[Parameter, ...]:
        """Those of the architecture."""
        return tuple(p for p in self.parameters() if p not in self._hyper)

    @property
    def _kind(self) -> str:
        return type(self).__module__.rsplit(".", 1)[-1]

    def architecture(self, config: genotype.Config) -> Architecture:
        """The architecture with these decisions."""
        return Architecture(self._kind, self.written(config))

    def config(self, architecture: Architecture) -> genotype.Config:
        """The active decisions by name, as `parameters` lists them."""
        return self.decided(architecture.genotype)

    def sample(self, rng: Random) -> Proposal:
        return self.beside(self.architecture(genotype.sample(self._decisions, rng)), rng)

    def sample_many(self, rng: Random, count: int) -> list[Proposal]:
        with sampling.uncollected():
            return self.beside_many(self.drawn(sampling.Columns(self._decisions, rng, count)), rng)

    def drawn(self, columns: sampling.Columns) -> list[Architecture]:
        """The architectures whose decisions stand in these columns."""
        return [self.architecture(config) for config in columns.rows()]

    def mutate(self, architecture: Architecture, rng: Random) -> Architecture:
        return self.architecture(genotype.mutate(self._decisions, self.config(architecture), rng))

    def movable(self, architecture: Architecture) -> int:
        return len(genotype.movable(self._decisions, self.config(architecture)))

    def neighbours(self, architecture: Architecture) -> Iterable[Architecture]:
        return map(self.architecture, genotype.neighbours(self._decisions, self.config(architecture)))

    def parse(self, given: Any, path: str = "") -> Architecture:
        return self.architecture(self.decided(given, path))

    def contains(self, architecture: Architecture) -> bool:
        try:
            return architecture.kind == self._kind and self.parse(architecture.genotype) is not None
        except Invalid:
            return False

    def vector(self, architecture: Architecture) -> list[float]:
        """One number a decision, NaN where it is inactive."""
        return genotype.vector(self._decisions, self.config(architecture))

    def from_vector(self, numbers: Sequence[float]) -> Architecture:
        return self.architecture(genotype.from_vector(self._decisions, numbers))

    def canonical(self, architecture: Architecture) -> str:
        return canonical_id(self.cell(architecture))
