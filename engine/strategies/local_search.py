"""Local search: move to a better neighbour, start anew where there is none (White, Nolen, Savani, UAI 2021)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from engine.architecture.architecture import Proposal, digest
from engine.events import Event
from engine.insight import due, series, shown
from engine.options import choice, integer
from engine.registry import strategy
from engine.rng import stream
from engine.spaces.space import Space
from engine.work import Candidate, Outcome, Work

PATIENCE = 1_000                # draws in a row without anything new after which the space is taken for exhausted


@dataclass(frozen=True)
class Options:
    draws: int = integer(10, low=1, high=10_000, paper=10, log=True,
                         help="Random architectures before a climb; it begins at the best of them.")
    moves: str = choice("best", choices=("best", "first"), paper="best",
                        help="Best: try all neighbours, move to the best of them. First: move to the first that is better.")
    neighbours: int = integer(1_000, low=1, high=10_000, log=True,
                              help="Where a neighbourhood is larger than this, so many of its members are drawn at random.")


class Tried(NamedTuple):
    """One that was told: failures have a score of minus infinity."""

    work: Candidate
    score: float


class Near(NamedTuple):
    """A neighbour of the centre, with its identity."""

    identity: str
    proposal: Proposal


@strategy(title="Local search", paper="White, Nolen, Savani, UAI 2021 (arXiv:2005.02960); Den Ottelander et al., EMO 2021",
          summary="Climbs: tries the neighbours of the best so far, moves to a better one, and starts anew at a peak.",
          needs={"mutate"}, presets={"paper": {"draws": 10, "moves": "best"},
                                     "cpu": {"draws": 3, "moves": "first", "neighbours": 60}})
class LocalSearch:
    """A climb has a centre, the neighbours of which are walked in random order. Nothing is ever tried twice."""

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        self.space, self.options, self.seed = space, options, seed
        self.known: dict[str, Tried] = {}             # by identity
        self.climbs: dict[int, list[Tried]] = {}      # the draws of each climb that were told
        self.best = -math.inf
        self.told = 0
        self.pending: list[str] = []                  # asked for, not told
        self.climb = self.drawn = self.walked = 0     # number of the climb, its draws, neighbours passed
        self.centre: str | None = None
        self.around: list[Near] = []

    def ask(self, slots: int) -> list[Work]:
        found: list[Work] = []
        while len(found) < slots and (work := self._next()) is not None:
            found.append(work)
        return found

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        if not isinstance(work, Candidate):
            return []
        identity = self._identity(Proposal(work.architecture, work.hyper))
        tried = Tried(work, outcome.score if outcome.ok and outcome.score is not None else -math.inf)
        self.known[identity] = tried
        if identity in self.pending:
            self.pending.remove(identity)
        if work.origin["how"] == "sample":
            self.climbs.setdefault(work.origin["climb"], []).append(tried)
        self.told, self.best = self.told + 1, max(self.best, tried.score)
        if not due(self.told) or self.best == -math.inf:
            return []
        lines = {"best": self.best, "this climb": work.origin.get("above", tried.score), "tried": tried.score}
        return [Event("strategy", work.trial, shown(series("Climbs", **lines), climb=work.origin["climb"]))]

    def state_dict(self) -> dict[str, Any]:
        return {"climb": self.climb, "drawn": self.drawn, "walked": self.walked, "centre": self.centre,
                "pending": list(self.pending)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.climb, self.drawn, self.pending = state["climb"], state["drawn"], list(state["pending"])
        if state["centre"] is not None:
            self._move(state["centre"])
        self.walked = state["walked"]

    def _next(self) -> Candidate | None:
        """The next candidate; None while results are waited for, or where nothing new was found."""
        while True:
            if self.centre is None and not self._begin():
                return None if self._waits() else self._draw()
            if self.options.moves == "first":
                self._step()
            while self.walked < len(self.around):
                self.walked += 1
                near = self.around[self.walked - 1]
                if near.identity not in self.known and near.identity not in self.pending:
                    return self._neighbour(near)
            if self._waits_around():
                return None
            if not self._step():                      # a peak
                self.centre, self.around = None, []
                self.climb, self.drawn, self.walked = self.climb + 1, 0, 0

    def _begin(self) -> bool:
        """Put the centre at the best draw, once all of them are known."""
        drawn = self.climbs.get(self.climb, [])
        if self.drawn < self.wanted or len(drawn) < self.drawn:
            return False
        best = max(drawn, key=lambda tried: tried.score)
        if best.score == -math.inf:                   # all failed: draw on
            return False
        self._move(self._identity(Proposal(best.work.architecture, best.work.hyper)))
        return True

    @property
    def wanted(self) -> int:
        """Draws before a climb: several for the first, one for every other."""
        return self.options.draws if self.climb == 0 else 1

    def _waits(self) -> bool:
        return self.drawn >= self.wanted and len(self.climbs.get(self.climb, [])) < self.drawn

    def _waits_around(self) -> bool:
        return any(near.identity in self.pending for near in self.around)

    def _step(self) -> bool:
        """Move to a better neighbour among those passed, if there is one: the first of them, or the best."""
        assert self.centre is not None
        here = self.known[self.centre].score
        passed = [near.identity for near in self.around[:self.walked] if near.identity in self.known]
        better = [name for name in passed if self.known[name].score > here]
        if not better:
            return False
        self._move(better[0] if self.options.moves == "first" else max(better, key=lambda name: self.known[name].score))
        return True

    def _move(self, identity: str) -> None:
        self.centre, self.walked = identity, 0
        self.around = self._neighbourhood(self.known[identity].work)

    def _neighbourhood(self, work: Candidate) -> list[Near]:
        """All neighbours, or as many as wanted of a larger neighbourhood, in random order and each once."""
        here, most = Proposal(work.architecture, work.hyper), self.options.neighbours
        rng = stream(self.seed, "around", work.trial)
        found = list(islice(self.space.neighbour_proposals(here), most + 1))
        if len(found) > most:
            found = [self.space.mutate_proposal(here, rng) for _ in range(most)]
        rng.shuffle(found)
        near = {self._identity(proposal): proposal for proposal in found}
        return [Near(identity, proposal) for identity, proposal in near.items()]

    def _draw(self) -> Candidate | None:
        rng = stream(self.seed, "draw", self.climb, self.drawn)
        for _ in range(PATIENCE):
            proposal = self.space.sample(rng)
            identity = self._identity(proposal)
            if identity not in self.known and identity not in self.pending:
                break
        else:
            return None
        self.drawn += 1
        self.pending.append(identity)
        why = f"Draw {self.drawn} for climb {self.climb + 1}, which begins at the best of {self.wanted} drawn at random."
        return Candidate(proposal.architecture, proposal.hyper, origin={"how": "sample", "climb": self.climb, "why": why})

    def _neighbour(self, near: Near) -> Candidate:
        assert self.centre is not None
        centre = self.known[self.centre]
        self.pending.append(near.identity)
        why = (f"Neighbour {self.walked} of {len(self.around)} of trial {centre.work.trial}, "
               f"where climb {self.climb + 1} stands at {centre.score:.4f}.")
        origin = {"how": "neighbour", "climb": self.climb, "above": centre.score, "why": why}
        return Candidate(near.proposal.architecture, near.proposal.hyper, parents=(centre.work.trial,), origin=origin)

    def _identity(self, proposal: Proposal) -> str:
        name = self.space.canonical(proposal.architecture)
        return digest([name, dict(proposal.hyper)]) if proposal.hyper else name
