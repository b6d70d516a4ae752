"""NASBOT: a Gaussian process whose kernel is the distance between networks (Kandasamy et al., NeurIPS 2018)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from engine.architecture import genotype
from engine.architecture.architecture import Proposal, digest
from engine.events import Event
from engine.insight import due, heat, scatter, shown
from engine.options import choice, integer
from engine.registry import strategy
from engine.rng import stream
from engine.spaces.modifiers import Modifiers
from engine.spaces.space import Space
from engine.work import Candidate, Outcome, Work

if TYPE_CHECKING:                               # scipy and POT are reached when there is something to learn from
    from engine.surrogates.evolutionary import Member
    from engine.surrogates.otmann_model import Model

PATIENCE = 1_000                                # draws in a row that were proposed before: the space is exhausted
FRESH = 10                                      # random draws beside what is known, where evolution begins
SHOWN = 12                                      # networks in a matrix
POINTS = 60
NUS = {"four": (0.1, 0.25, 0.61, 1.5), "one": (0.25,)}


@dataclass(frozen=True)
class Options:
    initial: int = integer(10, low=1, high=1_000, paper=10, log=True, help="Random candidates before the model is asked.")
    evaluations: int = integer(500, low=5, high=5_000, paper=500, log=True,
                               help="Most architectures that are looked at for one proposal; 25 times the root of the "
                                    "trials, at least 50 if this is not less.")
    structure: str = choice("four", choices=tuple(NUS), paper="four",
                            help="Weights of wiring against labels: four in one kernel (0.1, 0.25, 0.61, 1.5), or 0.25 "
                                 "alone, which takes a quarter of the time.")
    history: int = integer(300, low=10, high=2_000, log=True,
                           help="Most trials that the model is fitted to: half the newest, half the best of the others.")
    refit: int = integer(7, low=1, high=100, paper=7, help="Trials between two fits of the kernel's parameters.")
    draws: int = integer(60, low=1, high=1_000, log=True, help="Random parameters of which a fit takes the likeliest.")


class Told(NamedTuple):
    """A trial that is over; None: it failed, which counts as the worst score known."""

    work: Candidate
    score: float | None


@strategy(title="NASBOT", paper="Kandasamy, Neiswanger, Schneider, Poczos, Xing, NeurIPS 2018 (arXiv:1802.07191)",
          summary="A Gaussian process that knows how far networks are apart, by transporting the layers of one to the "
                  "other; the network with the largest expected improvement is found by evolution.",
          needs={"graph", "mutate"},
          presets={"paper": {"initial": 10, "evaluations": 500, "structure": "four", "refit": 7},
                   "cpu": {"evaluations": 20, "structure": "one", "history": 40, "draws": 16}})
class Nasbot:
    """The model is a function of the trials told and of those pending; `state_dict` holds the counter and the pending."""

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        self.space: Any = space
        self.options, self.seed = options, seed
        self.modifiers = Modifiers(space)
        self.known: list[Told] = []
        self.scored = 0
        self.pending: list[Proposal] = []
        self.seen: set[str] = set()                   # identities that were proposed
        self.names: dict[str, str] = {}
        self.proposed = 0
        self.foreseen: list[tuple[float, float]] = []
        self.model: Model | None = None

    def ask(self, slots: int) -> list[Work]:
        found = (self._propose() for _ in range(slots))
        return [work for work in found if work is not None]

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        if not isinstance(work, Candidate):
            return []
        proposal = Proposal(work.architecture, work.hyper)
        self.pending = _without(self.pending, proposal)
        self.seen.add(self._name(proposal))
        score = outcome.score if outcome.ok else None
        self.known.append(Told(work, score))
        if score is not None:
            self.scored += 1
            if "predicted" in work.origin:
                self.foreseen.append((work.origin["predicted"], score))
        return self._said(work.trial) if due(len(self.known)) else []

    def state_dict(self) -> dict[str, Any]:
        vectors = [np.array(self.space.proposal_vector(proposal), dtype="<f8") for proposal in self.pending]
        return {"proposed": self.proposed, "pending": [base64.b64encode(v.tobytes()).decode() for v in vectors]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        vectors = [np.frombuffer(base64.b64decode(text), dtype="<f8").tolist() for text in state["pending"]]
        self.proposed, self.pending = state["proposed"], list(map(self.space.proposal_from_vector, vectors))
        self.seen |= set(map(self._name, self.pending))

    def _propose(self) -> Candidate | None:
        """None where nothing new is left."""
        rng = stream(self.seed, "propose", self.proposed)
        work = None
        if self._ready:
            work = self._promising(rng)
        work = work or self._sampled(rng)
        if work is not None:
            proposal = Proposal(work.architecture, work.hyper)
            self.pending.append(proposal)
            self.seen.add(self._name(proposal))
            self.proposed += 1
        return work

    @property
    def _ready(self) -> bool:
        return len(self.known) >= self.options.initial and self.scored > 0

    def _sampled(self, rng: Random) -> Candidate | None:
        """A draw that was not proposed before."""
        size = self.space.size()
        for _ in range(PATIENCE if size is None else min(PATIENCE, 20 * size)):
            proposal = self.space.sample(rng)
            if self._name(proposal) not in self.seen:
                early = len(self.known) < self.options.initial
                why = "Drawn at random: " + ("there is too little to learn from yet." if early else
                                             "what the model looked at was tried.")
                return Candidate(proposal.architecture, proposal.hyper, origin={"how": "sample", "why": why})
        return None

    def _promising(self, rng: Random) -> Candidate | None:
        """Of what evolution met, the largest expected improvement that is new."""
        from engine.surrogates.evolutionary import effort

        model = self._modelled()
        members = self._evolved(model, rng, effort(len(self.known), self.options.evaluations))
        order = sorted(range(len(members)), key=lambda at: -members[at].value)
        at = next((at for at in order if self._name(members[at].what) not in self.seen), None)
        return None if at is None else self._candidate(model, members, at)

    def _evolved(self, model: Model, rng: Random, evaluations: int) -> list[Member[Proposal]]:
        from engine.surrogates.evolutionary import Member, evolved

        known = [_proposal(self.known[number].work) for number in model.members]
        begun = [Member(proposal, value) for proposal, value in zip(known, model.known_gains(), strict=True)]
        fresh = [self.space.sample(rng) for _ in range(FRESH)]
        begun += [Member(proposal, value) for proposal, value in zip(fresh, model.gains(fresh), strict=True)]
        return evolved(begun, model.gains, self.modifiers.modified, lambda p: digest(p.document()), rng, evaluations)

    def _candidate(self, model: Model, members: Sequence[Member[Proposal]], at: int) -> Candidate:
        chosen = members[at]
        done: list[str] = []
        origin = at
        while members[origin].parent >= 0:
            done = [*members[origin].done, *done]
            origin = members[origin].parent
        parent = self.known[model.members[origin]].work.trial if origin < len(model.members) else None
        expected, deviation = model.foresee(chosen.what)
        nearest, apart = model.nearest(chosen.what)
        looked = len(members) - len(model.members)
        start = "a random draw" if parent is None else f"trial {parent}"
        way = f"Reached from {start} by: {', '.join(done)}." if done else "A random draw."
        why = (f"Fitted to {len(model.members)} of {len(self.known)} trials, the model expects {expected:.4g} ± "
               f"{deviation:.2g} here; the best is {model.best:.4g}. Of {looked} networks this promises most. {way} "
               f"Its nearest known network is trial {self.known[nearest].work.trial}, at a distance of {apart:.2g} of "
               "their mass.")
        told = {"how": "model", "predicted": float(f"{expected:.6g}"), "modifiers": done, "why": why}
        parents = () if parent is None else (parent,)
        return Candidate(chosen.what.architecture, chosen.what.hyper, parents=parents, origin=told)

    def _modelled(self) -> Model:
        """The model of what was told, and of what is under way as if it turned out as expected."""
        from engine.surrogates.otmann_model import Model, Source

        if self.model is None:
            decisions = self.space.training_parameters()
            self.model = Model(Source(self.space, [p.kind == "categorical" for p in decisions],
                                      lambda proposal: genotype.vector(decisions, proposal.hyper)),
                               NUS[self.options.structure], self.options.history, self.options.draws)
        since = len(self.known) - self.options.initial
        fit = self.options.initial + since - since % self.options.refit
        scores = [told.score for told in self.known]
        self.model.learn([_proposal(told.work) for told in self.known[self.model.told:]], scores, fit,
                         stream(self.seed, "fit", fit))
        self.model.expect(self.pending)
        return self.model

    def _name(self, proposal: Proposal) -> str:
        """Equal for networks that compute the same and are trained the same way."""
        written = digest(proposal.document())
        if written not in self.names:
            self.names[written] = digest([self.space.canonical(proposal.architecture), dict(proposal.hyper)])
        return self.names[written]

    def _said(self, trial: int) -> list[Event]:
        """The networks that matter most and how far they are apart; predictions and what came of them."""
        found = []
        if self.model is None and self.proposed and self._ready:    # taken up again: the next proposal needs it too
            self._modelled()
        if self.model is not None and self.model.members:
            best = self.model.best_members(SHOWN)
            numbers = [str(self.known[number].work.trial) for number in best]
            note = f"the best {len(best)} of the {len(self.model.members)} trials that the model is fitted to"
            bar, correlation = self.model.pictured(best)
            found.append(Event("strategy", trial, shown(
                heat("Distance between networks", numbers, numbers, bar, f"share of mass that is carried; {note}"),
                heat("Kernel matrix", numbers, numbers, correlation, f"1: the same to the model; {note}"))))
        if len(self.foreseen) > 2:
            picture = scatter("Predicted and observed", "predicted score", "observed score", self.foreseen[-POINTS:],
                              "each predicted before it was trained")
            found.append(Event("strategy", trial, shown(picture)))
        return found


def _proposal(work: Candidate) -> Proposal:
    return Proposal(work.architecture, work.hyper)


def _without(pending: list[Proposal], told: Proposal) -> list[Proposal]:
    """The list without the first that equals `told`."""
    at = next((k for k, each in enumerate(pending) if each == told), None)
    return pending if at is None else pending[:at] + pending[at + 1:]
