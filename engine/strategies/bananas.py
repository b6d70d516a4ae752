"""BANANAS: an ensemble predicts scores from the paths of a cell, and how sure it is (White et al., AAAI 2021)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any, NamedTuple

import numpy as np

from engine.architecture.architecture import Proposal, digest
from engine.events import Event
from engine.insight import due, scatter, series, shown
from engine.options import choice, integer, rate, real
from engine.registry import discover, strategy
from engine.rng import stream, stream_seed
from engine.spaces.space import Space
from engine.work import Candidate, Outcome, Work

PATIENCE = 1_000                # draws in a row without anything new after which the space is taken for exhausted
SHOWN = 120                     # predictions that are kept for the picture


@dataclass(frozen=True)
class Options:
    initial: int = integer(10, low=2, high=1_000, paper=10, help="Random architectures before the first prediction.")
    candidates: int = integer(100, low=1, high=5_000, paper=100, log=True, help="Considered for each trial.")
    parents: int = integer(10, low=1, high=1_000, help="The best so many are mutated to make candidates.")
    fresh: float = rate(0.2, help="Share of the candidates that are drawn from the whole space.")
    refit: int = integer(10, low=1, high=1_000, paper=10, help="The predictor learns anew after so many outcomes.")
    encoding: str = choice("path", choices=("path", "decisions"), paper="path",
                           help="How the predictor reads a cell; other spaces are always read by their decisions.")
    paths: int = integer(300, low=1, high=5_000, log=True, help="Paths that count, the most frequent first.")
    members: int = integer(5, low=2, high=20, paper=5, help="Predictors: where they disagree is what is not known.")
    layers: int = integer(2, low=1, high=20, paper=10, help="Hidden layers of a predictor.")
    units: int = integer(32, low=1, high=512, paper=20, help="Width of the hidden layers.")
    steps: int = integer(150, low=1, high=10_000, log=True, help="Batches that a predictor learns from.")
    rate: float = real(0.01, low=1e-6, high=1.0, paper=0.01, log=True, help="Learning rate.")
    memory: int = integer(500, low=2, high=10_000, log=True,
                          help="Successes that are learned from at most: half of them the newest, the others the best.")


class Told(NamedTuple):
    """A success and what the encoding keeps of it."""

    work: Candidate
    score: float
    raw: Any


class Offer(NamedTuple):
    """What may be asked for."""

    proposal: Proposal
    parent: int | None = None
    identity: str = ""


@strategy(title="BANANAS", paper="White, Neiswanger, Savani, AAAI 2021 (arXiv:1910.11858)", needs={"mutate"},
          summary="An ensemble of networks predicts scores; of many mutations of the best the most promising is trained.",
          presets={"paper": {"layers": 10, "units": 20},
                   "cpu": {"candidates": 40, "members": 3, "layers": 1, "units": 16, "steps": 40}})
class Bananas:
    """The predictor is made anew from what was told, every so many outcomes: it is no state."""

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        from engine.surrogates import encodings, ensemble

        self.space, self.options, self.seed = space, options, seed
        kind = type(space).__module__.rsplit(".", 1)[-1]
        cells = kind in discover("spaces") and "cells" in discover("spaces")[kind].offers
        by_path = cells and options.encoding == "path"
        self.encoding: Any = encodings.Paths(space, options.paths) if by_path else encodings.Decisions(space)
        self.surrogates = ensemble
        self.model: Any = None
        self.learned = -1                             # successes that the model has seen
        self.successes: list[Told] = []
        self.known: set[str] = set()
        self.pending: list[str] = []
        self.predicted: list[tuple[float, float]] = []
        self.proposed = 0

    def ask(self, slots: int) -> list[Work]:
        return list(islice(iter(self._propose, None), slots))

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        if not isinstance(work, Candidate):
            return []
        proposal = Proposal(work.architecture, work.hyper)
        identity = self._identity(proposal)
        self.known.add(identity)
        if identity in self.pending:
            self.pending.remove(identity)
        if not outcome.ok or outcome.score is None:
            return []
        self.successes.append(Told(work, outcome.score, self.encoding.raw(proposal)))
        if "predicted" in work.origin:
            self.predicted = [*self.predicted[1 - SHOWN:], (work.origin["predicted"], outcome.score)]
        if not due(len(self.successes)) or not self.predicted:
            return []
        return [Event("strategy", work.trial, shown(*self._pictures(), learned=work.origin.get("learned")))]

    def state_dict(self) -> dict[str, Any]:
        return {"proposed": self.proposed, "pending": list(self.pending)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.proposed, self.pending = state["proposed"], list(state["pending"])

    def _propose(self) -> Candidate | None:
        """The next candidate; None where nothing new was found."""
        rng, ready = stream(self.seed, "propose", self.proposed), len(self.successes) >= self.options.initial
        found = (self._promising(rng) if ready else None) or self._drawn(rng, ready)
        if found is None:
            return None
        self.proposed += 1
        self.pending.append(found[0])
        return found[1]

    def _drawn(self, rng: Random, ready: bool) -> tuple[str, Candidate] | None:
        for new in self._new(Offer(self.space.sample(rng)) for _ in range(PATIENCE)):
            why = "the mutations of the best were all tried" if ready else \
                f"the first {self.options.initial} successes teach the predictor"
            return new.identity, Candidate(new.proposal.architecture, new.proposal.hyper,
                                           origin={"how": "sample", "why": f"Drawn at random: {why}."})
        return None

    def _new(self, offers: Iterator[Offer]) -> Iterator[Offer]:
        """Those that were never asked for, each once, with their identity."""
        met: set[str] = {*self.pending}
        for offer in offers:
            identity = self._identity(offer.proposal)
            if identity not in self.known and identity not in met:
                met.add(identity)
                yield offer._replace(identity=identity)

    def _offers(self, rng: Random) -> Iterator[Offer]:
        """Mutations of the best, and some from the whole space."""
        best = sorted(self.successes, key=lambda told: -told.score)[:self.options.parents]
        for _ in range(self.options.candidates):
            if rng.random() < self.options.fresh:
                yield Offer(self.space.sample(rng))
            else:
                work = rng.choice(best).work
                yield Offer(self.space.mutate_proposal(Proposal(work.architecture, work.hyper), rng), work.trial)

    def _promising(self, rng: Random) -> tuple[str, Candidate] | None:
        """Independent Thompson sampling: a score of each candidate is drawn from what the members say."""
        self._learn()
        new = list(self._new(self._offers(rng)))
        if not new:
            return None
        said = self.model.predictions(self.encoding.features([self.encoding.raw(offer.proposal) for offer in new]))
        mean, doubt = said.mean(0), said.std(0)
        place = int(np.argmax([rng.gauss(m, d) for m, d in zip(mean.tolist(), doubt.tolist(), strict=True)]))
        identity, proposal, parent = new[place].identity, new[place].proposal, new[place].parent
        came = "drawn from the whole space" if parent is None else f"a mutation of trial {parent}"
        why = (f"The highest draw among {len(new)} new candidates: predicted {mean[place]:.4f} ± {doubt[place]:.4f} by "
               f"{self.options.members} networks that learned from {self.learned} successes; {came}.")
        origin = {"how": "predicted", "predicted": float(mean[place]), "doubt": float(doubt[place]), "learned": self.learned,
                  "why": why}
        return identity, Candidate(proposal.architecture, proposal.hyper, parents=() if parent is None else (parent,),
                                   origin=origin)

    def _learn(self) -> None:
        """A new model when enough was told since the last one; which one follows from the number of successes alone."""
        first = self.options.initial
        wanted = first + (len(self.successes) - first) // self.options.refit * self.options.refit
        if wanted == self.learned:
            return
        seen, half = self.successes[:wanted], self.options.memory // 2
        if wanted > self.options.memory:
            seen = sorted(seen[:-half], key=lambda told: -told.score)[:self.options.memory - half] + seen[-half:]
        self.encoding.learn([told.raw for told in seen])
        inputs = self.encoding.features([told.raw for told in seen])
        generator = np.random.default_rng(stream_seed(self.seed, "predictor", wanted))
        body = self.surrogates.Perceptron(inputs.shape[1], self.options.units, self.options.layers)
        self.model = self.surrogates.Ensemble(body, self.options.members, generator)
        self.model.fit([(inputs, [told.score for told in seen])], self.options.steps, self.options.rate)
        self.learned = wanted

    def _pictures(self) -> list[dict[str, Any]]:
        rho = self.surrogates.rank_correlation(*zip(*self.predicted, strict=True))
        note = f"rank correlation {rho:.2f} over the last {len(self.predicted)} predictions"
        return [series("Rank correlation of the predictor", **{"of the last predictions": rho}),
                scatter("Predicted against observed", "predicted", "observed", self.predicted, note)]

    def _identity(self, proposal: Proposal) -> str:
        name: str = self.space.canonical(proposal.architecture)
        return digest([name, dict(proposal.hyper)]) if proposal.hyper else name
