"""Aging evolution: mutate the best of a sample, let the oldest die (Real et al., AAAI 2019, section 2)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random
from typing import Any

from engine.architecture.architecture import Architecture
from engine.events import Event
from engine.options import choice, integer, rate
from engine.registry import strategy
from engine.rng import stream
from engine.spaces.space import Space
from engine.work import Candidate, Outcome, Work

ATTEMPTS = 100                                   # mutations tried for a child that differs from its parent


@dataclass(frozen=True)
class Options:
    population: int = integer(20, low=1, high=10_000, paper=100, help="Architectures alive at once.")
    sample: int = integer(5, low=1, high=10_000, paper=25, help="Drawn with replacement for each tournament.")
    identity: float = rate(0.05, paper=0.05, help="Share of children that are their parent, trained again: what filters lucky scores.")
    removal: str = choice("oldest", choices=("oldest", "worst_of_sample"), paper="oldest",
                          help="Who leaves: the oldest (aging), or the worst of a second sample (the non-aging control arm).")


@dataclass(frozen=True)
class Member:
    trial: int
    architecture: Architecture
    score: float


@strategy(title="Aging evolution", summary="Mutate the best of a sample, let the oldest die.", paper="arXiv:1802.01548",
          needs={"mutate"}, presets={"paper": {"population": 100, "sample": 25}, "cpu": {"population": 10, "sample": 3}})
class AgingEvolution:
    """The population is rebuilt by telling the finished trials; only the stream's position is state."""

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        self.space, self.options, self.seed = space, options, seed
        self.alive: deque[Member] = deque()
        self.proposed = 0

    def ask(self, slots: int) -> list[Work]:
        return [self._propose() for _ in range(slots)]

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        if not isinstance(work, Candidate) or not outcome.ok or outcome.score is None:
            return []
        self.alive.append(Member(work.trial, work.architecture, outcome.score))
        gone = self._remove(work.trial) if len(self.alive) > self.options.population else None
        return [Event("strategy", work.trial, {"alive": [member.trial for member in self.alive],
                                               "gone": gone.trial if gone else None})]

    def state_dict(self) -> dict[str, Any]:
        return {"proposed": self.proposed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.proposed = state["proposed"]

    def _remove(self, trial: int) -> Member:
        """The oldest leaves, even if it is the best."""
        if self.options.removal == "oldest":
            return self.alive.popleft()
        tournament = stream(self.seed, "remove", trial).choices(self.alive, k=self.options.sample)
        worst = min(tournament, key=lambda member: member.score)
        self.alive.remove(worst)
        return worst

    def _propose(self) -> Candidate:
        rng = stream(self.seed, "evolution", self.proposed)
        self.proposed += 1
        if len(self.alive) < self.options.population:
            proposal = self.space.sample(rng)
            return Candidate(proposal.architecture, proposal.hyper, origin={"how": "random"})
        tournament = rng.choices(self.alive, k=self.options.sample)
        parent = max(tournament, key=lambda member: member.score)
        identical = rng.random() < self.options.identity
        child = parent.architecture if identical else self._mutated(parent.architecture, rng)
        return Candidate(child, parents=(parent.trial,),
                         origin={"how": "identity" if identical else "mutation", "parent": parent.trial,
                                 "tournament": [member.trial for member in tournament]})

    def _mutated(self, parent: Architecture, rng: Random) -> Architecture:
        """A child that differs, unless the space has nothing else to offer."""
        children = (self.space.mutate(parent, rng) for _ in range(ATTEMPTS))
        return next((child for child in children if child != parent), parent)
