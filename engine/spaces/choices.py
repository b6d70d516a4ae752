"""A space of finitely many choices as one sequence: decision by decision the number of a choice, or none where inactive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine.architecture import genotype
from engine.architecture.architecture import Proposal

SKIPPED = -1                                    # the number of a decision that is not active
Picks = tuple[int, ...]


class Choices:
    """The decisions of the architecture, then those of training, in an order in which conditions speak of earlier ones."""

    def __init__(self, space: Any) -> None:
        training = tuple(space.training_parameters())
        self.space = space
        self.parameters = (*(p for p in space.parameters() if p not in training), *training)
        self.values = tuple(tuple(genotype.choices(p)) for p in self.parameters)

    def walk(self, pick: Callable[[int, Sequence[int]], int]) -> Picks:
        """Asks for every active decision once: `pick` is given its place and the numbers before it."""
        picks: list[int] = []
        config: genotype.Config = {}
        for at, parameter in enumerate(self.parameters):
            number = pick(at, picks) if genotype.active(parameter, config) else SKIPPED
            if number != SKIPPED:
                config[parameter.name] = self.values[at][number]
            picks.append(number)
        return tuple(picks)

    def proposal(self, picks: Sequence[int]) -> Proposal:
        """What these numbers stand for. A space may mend what is no member, so `picks` of it can be others."""
        found: Proposal = self.space.proposal_from_vector(genotype.vector(self.parameters, self.config(picks)))
        return found

    def config(self, picks: Sequence[int]) -> genotype.Config:
        """The active decisions by name."""
        chosen = zip(self.parameters, self.values, picks, strict=True)
        return {p.name: values[number] for p, values, number in chosen if number != SKIPPED}

    def picks(self, proposal: Proposal) -> Picks:
        """The numbers of a proposal's choices."""
        config = genotype.from_vector(self.parameters, self.space.proposal_vector(proposal))
        pairs = zip(self.parameters, self.values, strict=True)
        return tuple(values.index(config[p.name]) if p.name in config else SKIPPED for p, values in pairs)
