"""SMASH: a network generates the weights by which architectures are ranked (Brock et al., ICLR 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.architecture.architecture import Architecture, Proposal
from engine.events import Event
from engine.insight import Picture, due, scatter, series, shown
from engine.options import integer, rate, real
from engine.phases import Phases, Site, SupernetOptions, pictures
from engine.registry import strategy
from engine.rng import stream
from engine.work import Candidate, Outcome, SupernetEpoch, Work

if TYPE_CHECKING:                               # imports torch
    from engine.nets.sampler import Sampler

TRIES = 50                                      # draws of a neighbour until it was never ranked before
STAGES = ("sample", "perturb", "greedy")


@dataclass(frozen=True)
class Options(SupernetOptions):
    epochs: int = integer(100, low=1, high=10_000, paper=100, help="Epochs in which both networks learn.")
    batch_size: int = integer(50, low=2, high=8192, paper=50, help="Examples in one step; each trains one architecture.")
    lr: float = real(1e-3, low=1e-6, high=10.0, paper=1e-3, log=True,
                     help="Learning rate of Adam at first; half a cosine, moved in every step, leads to the last one.")
    last_lr: float = real(0.0, low=0.0, high=10.0, paper=0.0, help="The learning rate in the end.")
    momentum: float = real(0.5, low=0.0, high=0.999, paper=0.5, help="Adam's first beta.")
    second_beta: float = real(0.999, low=0.0, high=0.9999, paper=0.999, help="Adam's second beta.")
    epsilon: float = real(1e-4, low=1e-8, high=1.0, paper=1e-4, log=True, help="Adam's epsilon.")
    weight_decay: float = real(1e-4, low=0.0, high=1.0, paper=1e-4,
                               help="How strongly ordinary weights are pulled to zero; the hypernetwork's never are.")
    clip: float | None = real(None, low=1e-6, high=1000.0, optional=True,
                              help="Largest norm of the gradient; empty: any.")
    unit: int = integer(8, low=1, high=64, paper=8, help="Channels of a tile of generated weights.")
    largest: int = integer(64, low=1, high=1024, paper=64,
                           help="Output units that one slice covers; rounded up to whole tiles. Larger kernels take more "
                                "slices.")
    compression: int = integer(1, low=1, high=16, help="Tiles of input channels in one slice: fewer, deeper columns.")
    growth: int = integer(10, low=1, high=128, paper=10, help="Features that each layer of the hypernetwork adds.")
    first_depth: int = integer(8, low=1, high=64, paper=8, help="Layers of its first dense block.")
    second_depth: int = integer(10, low=0, high=64, paper=10, help="Layers of its second dense block.")
    third_depth: int = integer(4, low=0, high=64, paper=4, help="Layers of its third dense block.")
    random: int = integer(500, low=1, high=1_000_000, paper=500, help="Random architectures that are ranked first.")
    perturbed: int = integer(100, low=0, high=1_000_000, paper=100,
                             help="Then so many neighbours of the best of them.")
    greedy: int = integer(100, low=0, high=1_000_000, paper=100,
                          help="Then so many steps of a chain, each a neighbour of the best so far.")
    perturbation: float = rate(0.05, paper=0.05, help="Chance that a neighbour draws a decision anew; one differs at least.")

    def schedule(self) -> Mapping[str, Any]:
        return {"adam": (self.momentum, self.second_beta, self.epsilon), "smooth": True}


PAPER = {"epochs": 100, "batch_size": 50, "lr": 1e-3, "momentum": 0.5, "epsilon": 1e-4, "weight_decay": 1e-4, "unit": 8,
         "largest": 64, "growth": 10, "random": 500, "perturbed": 100, "greedy": 100, "perturbation": 0.05}
CPU = {"epochs": 10, "batch_size": 32, "lr": 5e-3, "unit": 4, "largest": 16, "first_depth": 3, "second_depth": 2,
       "third_depth": 0, "random": 12, "perturbed": 4, "greedy": 4}


class Member(NamedTuple):
    """One that was ranked; `number` counts the candidates."""

    number: int
    trial: int
    architecture: Architecture
    score: float


@strategy(title="SMASH", paper="Brock, Lim, Ritchie, Weston, ICLR 2018 (arXiv:1708.05344)",
          summary="A hypernetwork generates 1×1 kernels for any architecture; random ones are scored with them, then "
                  "neighbours of the best, then a greedy chain.",
          needs={"generated", "parameters"}, asks={"supernet", "generated", "scratch"},
          presets={"paper": PAPER, "cpu": CPU})
class Smash:
    """A candidate is a function of the seed, its number and what was told of those before its stage; in the chain, of all
    before it."""

    def __init__(self, space: Any, options: Options, seed: int) -> None:
        self.space, self.options, self.seed = space, options, seed
        self.phases = Phases(options.epochs, "generated")
        self.proposed = 0
        self.heard: set[int] = set()                    # numbers of all that was told
        self.members: list[Member] = []

    @staticmethod
    def sampler(site: Site) -> Sampler:
        from engine.nets.bank_programs import BankPrograms
        from engine.nets.generated import GeneratedPaths
        from engine.nets.hypernetwork import Size

        o = site.options
        depths = tuple(depth for depth in (o.first_depth, o.second_depth, o.third_depth) if depth)
        size = Size(o.unit, -(-o.largest // o.unit), o.compression, depths, o.growth)
        return GeneratedPaths(site, size) if hasattr(site.space, "supernet") else BankPrograms(site, size)

    def ask(self, slots: int) -> list[Work]:
        if epoch := self.phases.epoch():
            return [epoch]
        found: list[Work] = []
        o = self.options
        while not self.phases.waiting and len(found) < slots and self.proposed < o.random + o.perturbed + o.greedy:
            if len(self.heard) < self._needed(self.proposed) or (work := self._propose()) is None:
                break
            found.append(work)
        return found

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        if self.phases.told(work, outcome) and isinstance(work, SupernetEpoch):
            return pictures(work, outcome.payload)
        if not isinstance(work, Candidate) or "number" not in work.origin:
            return []
        self.heard.add(work.origin["number"])
        if not outcome.ok or outcome.score is None:
            return []
        self.members.append(Member(work.origin["number"], work.trial, work.architecture, outcome.score))
        return [Event("strategy", work.trial, shown(*self._ranking()))] if due(len(self.members)) else []

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.phases.asked, "proposed": self.proposed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.phases.asked, self.proposed = state["asked"], state["proposed"]

    def _stage(self, number: int) -> str:
        o = self.options
        return STAGES[(number >= o.random) + (number >= o.random + o.perturbed)]

    def _needed(self, number: int) -> int:
        """How many must have been told before this one is proposed: those before its stage; in the chain all."""
        return {"sample": 0, "perturb": self.options.random, "greedy": number}[self._stage(number)]

    def _propose(self) -> Work | None:
        number = self.proposed
        stage, rng = self._stage(number), stream(self.seed, "propose", number)
        earlier = [member for member in self.members if member.number < self._needed(number)]
        best = max(earlier, key=lambda member: (member.score, -member.number), default=None)
        self.proposed += 1
        if best is None:
            return self.phases.ranked(self.space.sample(rng).architecture, how="sample", number=number,
                                      why="A random architecture, scored with weights that were generated for it.")
        found = self._neighbour(best.architecture, {member.architecture.encoding_id for member in earlier}, rng)
        why = {"perturb": f"A neighbour of trial {best.trial}, the best of the random ones.",
               "greedy": f"A step of the greedy chain from trial {best.trial}, the best so far."}[stage]
        return self.phases.ranked(found, how=stage, number=number, base=best.trial, why=why)

    def _neighbour(self, base: Architecture, known: set[str], rng: Random) -> Architecture:
        """What was ranked before only where nothing else is found. What becomes active is drawn anew."""
        old, found = self._vector(base), base
        for _ in range(TRIES):
            fresh = self._vector(self.space.sample(rng).architecture)
            sure = rng.randrange(len(old)) if old else 0
            numbers = [new if k == sure or rng.random() < self.options.perturbation or isnan(same) else same
                       for k, (same, new) in enumerate(zip(old, fresh, strict=True))]
            made: Proposal | None = self.space.mended_proposal(numbers)
            if made is None:
                continue
            found = made.architecture
            if found.encoding_id not in known:
                break
        return found

    def _vector(self, architecture: Architecture) -> list[float]:
        numbers: list[float] = self.space.proposal_vector(Proposal(architecture, {}))
        return numbers

    def _ranking(self) -> list[Picture]:
        counts = {stage: sum(self._stage(member.number) == stage for member in self.members) for stage in STAGES}
        note = ", ".join(f"{count:,} by {stage}" for stage, count in counts.items() if count) + "."
        points = [(float(member.number + 1), member.score) for member in self.members]
        return [scatter("Scores with generated weights", "candidate", "hypernetwork score", points, note),
                series("Best score with generated weights", best=max(member.score for member in self.members))]
