"""Aging evolution: mutate the best of a sample, let the oldest die (Real et al., AAAI 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.architecture.architecture import Proposal
from engine.events import Event
from engine.insight import due, population, shown
from engine.options import choice, integer, rate
from engine.registry import strategy
from engine.rng import stream
from engine.spaces.space import Space
from engine.work import Candidate, Outcome, Work


@dataclass(frozen=True)
class Options:
    population: int = integer(20, low=2, high=10_000, paper=100, log=True, help="Architectures alive at once.")
    sample: int = integer(5, low=1, high=10_000, paper=25, log=True,
                          help="Drawn with replacement for each tournament; its best becomes the parent.")
    identity: float = rate(0.05, paper=0.05,
                           help="Children that are their parent, trained again: what filters lucky scores.")
    removal: str = choice("oldest", choices=("oldest", "worst_of_sample"), paper="oldest",
                          help="Who dies for a newborn: the oldest even if it is the best, or the worst of a second sample.")


class Member(NamedTuple):
    """One that is alive."""

    work: Candidate
    score: float


@strategy(title="Aging evolution", paper="Real, Aggarwal, Huang, Le, AAAI 2019 (arXiv:1802.01548)", needs={"mutate"},
          summary="Mutates the best of a random sample of the population; the oldest dies, even if it is the best.",
          presets={"paper": {"population": 100, "sample": 25, "identity": 0.05, "removal": "oldest"},
                   "cpu": {"population": 10, "sample": 3}})
class AgingEvolution:
    """The population is the successful trials in the order they were told; see `state_dict` for what is not."""

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        self.space, self.options, self.seed = space, options, seed
        self.alive: list[Member] = []                 # the oldest first
        self.proposed = 0
        self.born = 0

    def ask(self, slots: int) -> list[Work]:
        return [self._propose() for _ in range(slots)]

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        """A success is born, and one dies if there are too many. A failure was never alive."""
        if not isinstance(work, Candidate) or not outcome.ok or outcome.score is None:
            return []
        self.alive.append(Member(work, outcome.score))
        died = self._remove() if len(self.alive) > self.options.population else None
        self.born += 1
        pictures = [self._picture()] if due(self.born) else []
        return [Event("strategy", work.trial, shown(*pictures, born=work.trial, died=died, alive=len(self.alive)))]

    def _picture(self) -> dict[str, Any]:
        scores = [member.score for member in self.alive]
        return population([member.work.trial for member in self.alive],
                          f"{len(scores)} alive, scores {min(scores):.4f} to {max(scores):.4f}")

    def state_dict(self) -> dict[str, Any]:
        return {"proposed": self.proposed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.proposed = state["proposed"]

    def _propose(self) -> Candidate:
        rng = stream(self.seed, "propose", self.proposed)
        self.proposed += 1
        if len(self.alive) < self.options.population:
            proposal = self.space.sample(rng)
            why = (f"Drawn at random: {len(self.alive)} of the {self.options.population} that a population has are alive, "
                   "and only a full one has children.")
            return Candidate(proposal.architecture, proposal.hyper, origin={"how": "sample", "why": why})
        tournament = rng.choices(self.alive, k=self.options.sample)
        parent = max(tournament, key=lambda member: member.score).work
        same = rng.random() < self.options.identity
        child = Proposal(parent.architecture, parent.hyper)
        if not same:
            child = self.space.mutate_proposal(child, rng)
        rivals = sorted({member.work.trial for member in tournament})
        why = f"Trial {parent.trial} is the best of {len(rivals)} drawn from the population" + (
            "; it is trained again, so that one lucky score does not rule." if same else "; one decision of it was changed.")
        origin = {"how": "identity" if same else "mutation", "parent": parent.trial,
                  "tournament": [member.work.trial for member in tournament], "why": why}
        return Candidate(child.architecture, child.hyper, parents=(parent.trial,), origin=origin)

    def _remove(self) -> int:
        """The trial that dies."""
        oldest = 0
        if self.options.removal == "oldest":
            return self.alive.pop(oldest).work.trial
        newborn = self.alive[-1].work.trial
        sample = stream(self.seed, "remove", newborn).choices(range(len(self.alive)), k=self.options.sample)
        return self.alive.pop(min(sample, key=lambda place: self.alive[place].score)).work.trial
