"""The outer layer of methods that evolve architectures by shared scores: epochs of a supernet, then generations.

The search of single-path one-shot (Guo et al., ECCV 2020, section 3.4): hard limits, statistics of each candidate's own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, NamedTuple

from engine.architecture.architecture import Architecture, Proposal
from engine.constraints import refused
from engine.errors import Problem
from engine.events import Event
from engine.insight import due, scatter, series, shown
from engine.options import integer, rate
from engine.phases import Phases, SupernetOptions, pictures
from engine.rng import stream
from engine.work import Candidate, Outcome, SupernetEpoch, Work

TRIES = 50                                      # draws of a child until it was never ranked before
FILLS = 20                                      # samples from which decisions come that no parent has made


@dataclass(frozen=True)
class EvolutionOptions(SupernetOptions):
    """How candidates are searched once the shared weights are there. Defaults are those of single-path one-shot."""

    recalibration: int = integer(200, low=0, high=10_000, paper=200,
                                 help="Batches on which a candidate's statistics are measured anew before it is scored; 0: "
                                      "as the estimation says.")
    population: int = integer(50, low=2, high=10_000, paper=50, log=True,
                              help="Candidates of a generation; those of the first are random.")
    parents: int = integer(10, low=1, high=1000, paper=10, help="The best of all generations, of which children come.")
    crossover: int = integer(25, low=0, high=10_000, paper=25,
                             help="Children of a generation that take each decision from one of two parents.")
    mutation: int = integer(25, low=0, high=10_000, paper=25,
                            help="Children that redraw each decision of a parent with the rate below. What is left of a "
                                 "generation is random.")
    mutation_rate: float = rate(0.1, paper=0.1, help="Chance that a mutation draws a decision anew.")
    generations: int = integer(20, low=1, high=100_000, paper=20, help="Generations, the random one among them.")

    def check(self) -> list[Problem]:
        if self.crossover + self.mutation <= self.population:
            return []
        return [Problem("/population", "is less than its children by crossover and by mutation", "at least both together")]


class Member(NamedTuple):
    """One that was ranked."""

    trial: int
    architecture: Architecture
    score: float
    generation: int


class Child(NamedTuple):
    """One of the present generation."""

    architecture: Architecture
    how: str
    parents: tuple[int, ...] = ()


class EvolvedRanking:
    """A generation is a function of the seed and of what was told of those before it; nothing is ranked twice. What breaks
    a limit by formula takes no place in its generation."""

    def __init__(self, space: Any, options: Any, seed: int) -> None:
        self.space, self.options, self.seed = space, options, seed
        self.phases = Phases(options.epochs)
        self.generation = self.born = 0                 # the present one, and its children so far
        self.members: list[Member] = []
        self.known: dict[str, int] = {}                 # generation of all that was told, by encoding id
        self.heard: Counter[int] = Counter()            # by generation
        self.refused: Counter[int] = Counter()
        self._children: list[Child] = []                # of the present generation, as far as they were needed
        self._family: list[Member] | None = None        # its parents

    def ask(self, slots: int) -> list[Work]:
        if epoch := self.phases.epoch(**self.settings(self.phases.asked)):
            return [epoch]
        found: list[Work] = []
        while not self.phases.waiting and len(found) < slots and self.generation < self.options.generations:
            work = self._propose()
            if work is not None:
                found.append(work)
            elif self.heard[self.generation] < self.born:
                break                                   # the next generation needs all of this one
            else:
                ended = self.born == 0                  # nothing new is left
                self._enter(self.options.generations if ended else self.generation + 1, 0)
        return found

    def settings(self, epoch: int) -> dict[str, Any]:
        """What the epoch of this number says to the sampler."""
        return {}

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        if self.phases.told(work, outcome) and isinstance(work, SupernetEpoch):
            return pictures(work, outcome.payload)
        if not isinstance(work, Candidate) or "generation" not in work.origin:
            return []
        generation = work.origin["generation"]
        self.known[work.architecture.encoding_id] = generation
        self.heard[generation] += 1
        self.refused[generation] += refused(outcome)
        if not outcome.ok or outcome.score is None:
            return []
        self.members.append(Member(work.trial, work.architecture, outcome.score, generation))
        return [Event("strategy", work.trial, self._shown(generation))] if due(len(self.members)) else []

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.phases.asked, "generation": self.generation, "born": self.born}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.phases.asked = state["asked"]
        self._enter(state["generation"], state["born"])

    def _enter(self, generation: int, born: int) -> None:
        self.generation, self.born = generation, born
        self._children, self._family = [], None

    def _propose(self) -> Work | None:
        """The next child of this generation; None when it is complete."""
        generation, o = self.generation, self.options
        if self.phases.trained is None or self.born >= o.population + self.refused[generation]:
            return None
        while len(self._children) <= self.born:
            child = self._child(len(self._children))
            if child is None:
                return None
            self._children.append(child)
        child = self._children[self.born]
        self.born += 1
        work = self.phases.ranked(child.architecture, how=child.how, generation=generation, why=self._why(child))
        fidelity = {"statistics": "recalibrated", "recalibration": o.recalibration} if o.recalibration else {}
        return work and replace(work, parents=tuple(sorted(set(child.parents))), fidelity=fidelity)

    def _child(self, number: int) -> Child | None:
        """None where nothing is found that is new."""
        rng, o = stream(self.seed, "child", self.generation, number), self.options
        family, place = self._parents(), number % o.population
        taken = {child.architecture.encoding_id for child in self._children}
        taken |= {name for name, generation in self.known.items() if generation < self.generation}
        for tried in range(2 * TRIES):
            if tried < TRIES and len(family) > 1 and place < o.crossover:
                one, other = rng.sample(family, 2)
                mixed = self._crossed(one.architecture, other.architecture, rng)
                child = Child(mixed, "crossover", (one.trial, other.trial))
            elif tried < TRIES and family and place < o.crossover + o.mutation:
                one = rng.choice(family)
                child = Child(self._mutated(one.architecture, rng), "mutation", (one.trial,))
            else:
                child = Child(self.space.sample(rng).architecture, "sample")
            if child.architecture.encoding_id not in taken:
                return child
        return None

    def _parents(self) -> list[Member]:
        """The best of all earlier generations, the earlier trial first among equals."""
        if self._family is None:
            earlier = [member for member in self.members if member.generation < self.generation]
            self._family = sorted(earlier, key=lambda member: (-member.score, member.trial))[:self.options.parents]
        return self._family

    def _crossed(self, one: Architecture, other: Architecture, rng: Random) -> Architecture:
        """What only one of both decides is taken from it."""
        pairs = zip(self._vector(one), self._vector(other), strict=True)
        return self._made([b if math.isnan(a) else a if math.isnan(b) else rng.choice((a, b)) for a, b in pairs], one)

    def _mutated(self, parent: Architecture, rng: Random) -> Architecture:
        fresh = self._vector(self.space.sample(rng).architecture)
        mixed = [new if rng.random() < self.options.mutation_rate else old
                 for old, new in zip(self._vector(parent), fresh, strict=True)]
        return self._made(self._filled(mixed, rng), parent)

    def _filled(self, numbers: Sequence[float], rng: Random) -> list[float]:
        """Decisions that are not made, which a change may have made active, as random samples make them."""
        found = list(numbers)
        for _ in range(FILLS):
            if not any(map(math.isnan, found)):
                break
            more = self._vector(self.space.sample(rng).architecture)
            found = [new if math.isnan(old) else old for old, new in zip(found, more, strict=True)]
        return found

    def _vector(self, architecture: Architecture) -> list[float]:
        numbers: list[float] = self.space.proposal_vector(Proposal(architecture, {}))
        return numbers

    def _made(self, numbers: list[float], instead: Architecture) -> Architecture:
        """`instead` where the space cannot mend what was mixed."""
        found: Proposal | None = self.space.mended_proposal(numbers)
        return found.architecture if found else instead

    def _why(self, child: Child) -> str:
        best = f"of the {len(self._parents())} best so far"
        if child.how == "crossover":
            one, other = child.parents
            return f"Each decision is that of trial {one} or of trial {other}, two {best}."
        if child.how == "mutation":
            chance = f"{100 * self.options.mutation_rate:g} %"
            return f"Trial {child.parents[0]} is one {best}; each of its decisions was drawn anew with a chance of {chance}."
        return "A random architecture, as all of the first generation." if not self.generation else "A random architecture."

    def _shown(self, generation: int) -> dict[str, Any]:
        scores = sorted((member.score for member in self.members), reverse=True)
        best = scores[:self.options.parents]
        points = [(member.generation + 1, member.score) for member in self.members]
        note = f"Generation {generation + 1}, {len(scores):,} ranked, {sum(self.refused.values()):,} over a limit."
        return shown(scatter("Shared score by generation", "generation", "shared score", points, note),
                     series("Evolution of the shared score", best=best[0], parents=sum(best) / len(best)),
                     generation=generation)
