"""Architectures and training decisions side by side: what holds for the pair once both halves are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from random import Random
from typing import Any

from engine.architecture import genotype, sampling
from engine.architecture.architecture import Architecture, Proposal
from engine.architecture.cost import Total, measure
from engine.architecture.graph import Graph, Shape
from engine.architecture.tally import Known
from engine.errors import Invalid, fail
from engine.spaces.space import Parameter


class Proposals:
    """A space that has the methods on architectures; here are those on proposals. Most spaces decide nothing of training."""

    def mutate(self, architecture: Architecture, rng: Random) -> Architecture:
        raise NotImplementedError

    def neighbours(self, architecture: Architecture) -> Iterable[Architecture]:
        raise NotImplementedError

    def parse(self, given: Any, path: str = "") -> Architecture:
        raise NotImplementedError

    def read(self, given: Any, path: str = "") -> Architecture:
        """What can be measured and drawn: `parse`, and in some spaces all that can be written in the form of a genotype."""
        return self.parse(given, path)

    def texts(self, architecture: Architecture) -> Mapping[str, str]:
        """The architecture in forms that other tools read, by the name of the form."""
        return {}

    def contains(self, architecture: Architecture) -> bool:
        raise NotImplementedError

    def vector(self, architecture: Architecture) -> list[float]:
        raise NotImplementedError

    def from_vector(self, numbers: Sequence[float]) -> Architecture:
        raise NotImplementedError

    def movable(self, architecture: Architecture) -> int:
        """How many decisions of an architecture could be another one."""
        raise NotImplementedError

    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph:
        raise NotImplementedError

    def total(self, architecture: Architecture, shape: Shape, classes: int, known: Known) -> Total:
        """The cost of a sampled architecture; `known` holds what the networks of one space share."""
        return measure(self.network(architecture, shape, classes), shape).total

    def training_parameters(self) -> tuple[Parameter, ...]:
        """Those of `parameters` that say how to train: searched beside the architecture, no part of it."""
        return ()

    def training_options(self, hyper: Mapping[str, Any]) -> Mapping[str, Any]:
        """The options of the estimation that training decisions stand for."""
        return hyper

    @cached_property
    def _hyper(self) -> tuple[Parameter, ...]:
        return self.training_parameters()

    def beside(self, architecture: Architecture, rng: Random) -> Proposal:
        """The architecture with training decisions drawn for it."""
        return Proposal(architecture, genotype.sample(self._hyper, rng))

    def beside_many(self, architectures: Sequence[Architecture], rng: Random) -> list[Proposal]:
        if not self._hyper:
            return list(map(Proposal, architectures))
        return list(map(Proposal, architectures, sampling.sample_many(self._hyper, rng, len(architectures))))

    def mutate_proposal(self, proposal: Proposal, rng: Random) -> Proposal:
        """One decision changes, of the architecture or of training: each is as likely."""
        able = len(genotype.movable(self._hyper, proposal.hyper))
        if able and rng.randrange(able + self.movable(proposal.architecture)) < able:
            return Proposal(proposal.architecture, genotype.mutate(self._hyper, proposal.hyper, rng))
        return Proposal(self.mutate(proposal.architecture, rng), proposal.hyper)

    def neighbour_proposals(self, proposal: Proposal) -> Iterator[Proposal]:
        """Everything that one mutation can make, as `neighbours`."""
        yield from (Proposal(near, proposal.hyper) for near in self.neighbours(proposal.architecture))
        yield from (Proposal(proposal.architecture, near) for near in genotype.neighbours(self._hyper, proposal.hyper))

    def parse_proposal(self, given: Any, path: str = "") -> Proposal:
        """The inverse of `Proposal.document`. Raises Invalid."""
        if not isinstance(given, Mapping) or "genotype" not in given or not set(given) <= {"genotype", "hyper"}:
            raise fail(path, "is not a proposal", '{"genotype": { … }, "hyper": { … }}')
        hyper = genotype.check(self._hyper, given.get("hyper", {}), f"{path}/hyper")
        return Proposal(self.parse(given["genotype"], f"{path}/genotype"), hyper)

    def proposal_vector(self, proposal: Proposal) -> list[float]:
        """As `vector`, the training decisions after those of the architecture."""
        return self.vector(proposal.architecture) + genotype.vector(self._hyper, proposal.hyper)

    def proposal_from_vector(self, numbers: Sequence[float]) -> Proposal:
        border = len(numbers) - len(self._hyper)
        return Proposal(self.from_vector(numbers[:border]), genotype.from_vector(self._hyper, numbers[border:]))

    def mended_proposal(self, numbers: Sequence[float]) -> Proposal | None:
        """Of numbers that were mixed from several vectors; None where the space cannot make a member of them."""
        try:
            found = self.proposal_from_vector(numbers)
        except Invalid:
            return None
        return found if self.contains(found.architecture) else None
