"""NSGA-II: several objectives at once, by layers and crowding (Deb, Pratap, Agarwal, Meyarivan, IEEE TEC 2002)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from engine.architecture.architecture import Proposal
from engine.errors import Problem
from engine.events import Event
from engine.insight import Picture, due, population, scatter, series, shown
from engine.options import integer, rate, subset
from engine.pareto import Front, crowding, hypervolume, layers
from engine.registry import strategy
from engine.rng import stream
from engine.work import Candidate, Outcome, Work

METRICS = {"parameters": "parameters", "flops": "flops", "latency": "latency_ms"}     # objective: metric of an outcome
WORDS = {"parameters": "parameters", "flops": "FLOPs", "latency": "milliseconds"}
DOTS, ALIVE = 50, 150                           # shown of a front, of the parents
TRIES = 8                                       # changes until a child differs from all that were told


@dataclass(frozen=True)
class Options:
    objectives: tuple[str, ...] = subset(("parameters",), choices=tuple(METRICS),
                                         help="What is made small while the score is made large: up to two of them.")
    population: int = integer(20, low=2, high=1_000, paper=100, log=True,
                              help="Architectures that are kept, and children of each generation.")
    crossover: float = rate(0.9, paper=0.9, help="Children that mix the decisions of two parents; the others have one.")

    def check(self) -> list[Problem]:
        if len(self.objectives) <= 2:
            return []
        return [Problem("/objectives", "are too many: with the score there would be four", "one or two of them")]


class Member(NamedTuple):
    """One that was scored: what is minimised, and by how much it breaks the constraints."""

    work: Candidate
    values: tuple[float, ...]
    violation: float = 0.0


class Parent(NamedTuple):
    member: Member
    layer: int
    room: float


@strategy(title="NSGA-II", paper="Deb, Pratap, Agarwal, Meyarivan, IEEE Transactions on Evolutionary Computation 2002",
          needs={"parameters", "mutate"},
          summary="Evolves a whole front: networks to which no other is at once better scored and smaller or faster.",
          presets={"paper": {"population": 100, "crossover": 0.9}, "cpu": {"population": 10}})
class Nsga2:
    """Generations of `population` children each; a function of what was told and of how much was proposed."""

    def __init__(self, space: Any, options: Options, seed: int) -> None:
        self.space, self.options, self.seed = space, options, seed
        self.parents: list[Parent] = []
        self.children: list[Member] = []
        self.front = Front()
        self.reference: tuple[float, ...] | None = None
        self.first: list[tuple[float, ...]] = []      # the scored ones of the first generation: they fix the reference
        self.seen: set[str] = set()
        self.proposed = self.told = 0

    def ask(self, slots: int) -> list[Work]:
        """A generation is proposed only when the one before it was told as a whole."""
        size = self.options.population
        room = (self.told // size + 1) * size - self.proposed
        return [self._propose() for _ in range(min(slots, room))]

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        if not isinstance(work, Candidate):
            return []
        self.told += 1
        self.seen.add(self._name(Proposal(work.architecture, work.hyper)))
        joined = False
        if (member := self._member(work, outcome)) is not None:
            self.children.append(member)
            if not member.violation:
                joined = self.front.add(work.trial, member.values)
                if self.reference is None:
                    self.first.append(member.values)
        if self.told % self.options.population == 0:
            self._select()
        return [Event("strategy", work.trial, self._shown())] if joined or due(self.told) else []

    def state_dict(self) -> dict[str, Any]:
        return {"proposed": self.proposed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.proposed = state["proposed"]

    def _member(self, work: Candidate, outcome: Outcome) -> Member | None:
        """What was not measured counts as infinitely large; what broke a constraint has no score but a distance."""
        violation = float(outcome.metrics.get("violation") or 0.0)
        if outcome.ok and outcome.score is not None:
            costs = (outcome.metrics.get(METRICS[name]) for name in self.options.objectives)
            return Member(work, (-outcome.score, *(math.inf if cost is None else float(cost) for cost in costs)))
        return Member(work, (), violation) if violation else None

    def _select(self) -> None:
        """The best of parents and children: whole layers while they fit, of the next one those with most room. What
        breaks constraints comes after everything that breaks none, by how far it is off."""
        pool = [parent.member for parent in self.parents] + self.children
        self.children = []
        sound = [member for member in pool if not member.violation]
        chosen: list[Parent] = []
        last = 0
        for last, places in enumerate(layers([member.values for member in sound]), 1):
            rooms = crowding([sound[i].values for i in places])
            ranked = sorted(zip(places, rooms, strict=True), key=lambda pair: -pair[1])
            chosen += [Parent(sound[i], last - 1, room) for i, room in ranked]
        broken = sorted((member for member in pool if member.violation), key=lambda member: member.violation)
        chosen += [Parent(member, last + place, 0.0) for place, member in enumerate(broken)]
        self.parents = chosen[:self.options.population]
        if self.reference is None and self.first:
            self.reference = tuple(_beyond(axis) for axis in zip(*self.first, strict=True))
            self.first = []

    def _propose(self) -> Candidate:
        rng = stream(self.seed, "propose", self.proposed)
        self.proposed += 1
        if not self.parents:
            drawn = self.space.sample(rng)
            why = f"Drawn at random: the first {self.options.population} that are told become the first parents."
            return Candidate(drawn.architecture, drawn.hyper, origin={"how": "sample", "why": why})
        one = self._tournament(rng)
        other = self._tournament(rng) if rng.random() < self.options.crossover else one
        child, how = self._child(one, other, rng)
        trials = sorted({one.member.work.trial, other.member.work.trial})
        origin = {"how": how, "layer": one.layer, "why": self._why(one, other, how)}
        return Candidate(child.architecture, child.hyper, parents=tuple(trials), origin=origin)

    def _tournament(self, rng: Random) -> Parent:
        """The better of two: the lower layer, and within a layer the one with more room around it."""
        return min(rng.choices(self.parents, k=2), key=lambda parent: (parent.layer, -parent.room))

    def _child(self, one: Parent, other: Parent, rng: Random) -> tuple[Proposal, str]:
        """Mixed where there are two, and mutated until it differs from everything that was told."""
        first = Proposal(one.member.work.architecture, one.member.work.hyper)
        child, how = first, "mutation"
        if other.member.work.trial != one.member.work.trial:
            second = Proposal(other.member.work.architecture, other.member.work.hyper)
            child, how = self._mixed(first, second, rng), "crossover"
        for _ in range(TRIES):
            child = self.space.mutate_proposal(child, rng)
            if self._name(child) not in self.seen:
                break
        return child, how

    def _mixed(self, one: Proposal, other: Proposal, rng: Random) -> Proposal:
        """Each decision of either parent, as the space mends it; the first parent where it cannot."""
        pairs = zip(self.space.proposal_vector(one), self.space.proposal_vector(other), strict=True)
        mixed: Proposal | None = self.space.mended_proposal([rng.choice(pair) for pair in pairs])
        return mixed or one

    def _name(self, proposal: Proposal) -> str:
        identity: str = self.space.canonical(proposal.architecture)
        return f"{identity} {sorted(proposal.hyper.items())}" if proposal.hyper else identity

    def _why(self, one: Parent, other: Parent, how: str) -> str:
        trial, mate = one.member.work.trial, other.member.work.trial
        place = "on the front" if one.layer == 0 and not one.member.violation else f"in layer {one.layer + 1}"
        room = "at an end of it" if one.room == math.inf else f"with {one.room:.2g} of room around it"
        mixed = f"its decisions were mixed with those of trial {mate}, then one" if how == "crossover" else "one decision"
        return f"Trial {trial} is {place}, {room}, the better of two drawn; {mixed} was changed."

    def _volume(self) -> float | None:
        """The hypervolume in shares of the reference: zero cost and the best possible score are the far corner."""
        if self.reference is None or not all(map(math.isfinite, self.reference)):
            return None
        scale = (1.0, *(value or 1.0 for value in self.reference[1:]))
        points = [_divided(point, scale) for point in self.front.points.values()]
        return hypervolume(points, _divided(self.reference, scale))

    def _shown(self) -> dict[str, Any]:
        front, names = self.front.points, self.options.objectives
        pictures: list[Picture] = []
        for at, name in enumerate(names, 1):
            points = sorted((values[at], -values[0]) for values in front.values() if math.isfinite(values[at]))
            note = f"{len(front)} networks to which no other is better in score and {' and '.join(names)}."
            pictures.append(scatter(f"Front, {WORDS[name]}", WORDS[name], "validation score", points[-DOTS:], note))
        if (volume := self._volume()) is not None:
            pictures.append(series("Hypervolume", hypervolume=volume))
        alive = [parent.member.work.trial for parent in self.parents]
        pictures.append(population(alive[:ALIVE], f"{len(alive)} parents"))
        return shown(*pictures, front=len(front))


def _beyond(axis: Sequence[float]) -> float:
    """The worst of the first generation that was measured."""
    return max((value for value in axis if math.isfinite(value)), default=math.inf)


def _divided(point: Sequence[float], scale: Sequence[float]) -> tuple[float, ...]:
    return tuple(value / unit for value, unit in zip(point, scale, strict=True))
