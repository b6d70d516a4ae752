"""The search that a random forest leads: SMAC's loop, for every strategy that is built on it (Hutter, Hoos & Leyton-Brown,
LION 2011)."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from engine.architecture.architecture import Proposal, digest
from engine.events import Event
from engine.insight import bars, due, scatter, series, shown
from engine.options import choice, flag, integer, rate
from engine.rng import stream, stream_seed
from engine.spaces.space import Space
from engine.surrogates.runs import Contender, Runs
from engine.surrogates.vectors import Vectors
from engine.work import Candidate, Outcome, Work

if TYPE_CHECKING:                               # scikit-learn is reached when there is something to learn from
    from engine.surrogates.acquisition import Ranking
    from engine.surrogates.loss_model import LossModel

PATIENCE = 1_000                                # draws in a row that were proposed before: the space is exhausted
SHOWN = 100                                     # points and decisions of the pictures
DECISIONS = 12


@dataclass(frozen=True)
class Options:
    initial: int = integer(10, low=1, high=10_000, paper=1, log=True, help="Random candidates before the forest is asked.")
    interleave: float = rate(0.2, paper=0.5, help="Share of random candidates among the later ones.")
    trees: int = integer(10, low=1, high=500, paper=10, log=True, help="Trees of the forest.")
    features: float = rate(1.0, paper=5 / 6, help="Share of the decisions that each split chooses among.")
    min_split: int = integer(2, low=2, high=100, paper=3, help="Fewest candidates in a node that is split.")
    min_leaf: int = integer(1, low=1, high=100, paper=3, help="Fewest candidates in a leaf.")
    bootstrap: bool = flag(True, paper=True, help="Each tree is fitted to a random sample of the candidates.")
    variance: str = choice("total", choices=("total", "between"), paper="total",
                           help="total: between trees and within leaves; between: between trees alone, as SMAC3 has it.")
    random: int = integer(10_000, low=1, high=100_000, paper=10_000, log=True,
                          help="Random points among which the most promising is looked for.")
    starts: int = integer(10, low=0, high=1000, paper=10, help="Local searches, from the best known candidates.")
    plateau: int = integer(10, low=1, high=50, paper=10, help="Steps of a local search without improvement.")
    repeats: int = integer(1, low=1, high=2000, paper=2000, log=True,
                           help="Most trainings of one candidate, each with another seed. 1: its one score counts.")
    memory: int = integer(2000, low=10, high=20_000, log=True, help="Most candidates that the forest is fitted to.")


class Known(NamedTuple):
    """A candidate that was told of, with its vector."""

    work: Candidate
    row: Any


class Waiting(NamedTuple):
    """A proposed run that was not told yet; `row` is the vector's bytes in hexadecimal."""

    name: str
    seed: int
    row: str


class ForestSearch:
    """What was told is rebuilt by telling; `state_dict` holds the counter and what is under way."""

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        self.space: Any = space
        self.options, self.seed = options, seed
        self.vectors = Vectors(space.parameters())
        self.runs: Runs[Known] = Runs(options.repeats)
        self.proposed = 0
        self.waiting: list[Waiting] = []
        self.foreseen: list[tuple[float, float]] = []           # predicted and observed scores, as they were told
        self.told = 0
        self.model: LossModel | None = None
        self.model_of: tuple[int, tuple[str, ...]] = (0, ())    # what it was fitted to
        self.names: dict[str, str] = {}

    def ask(self, slots: int) -> list[Work]:
        found = (self._propose() for _ in range(slots))
        return [work for work in found if work is not None]

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        """A run is over; a failed one counts as the worst score that is known."""
        if not isinstance(work, Candidate):
            return []
        proposal, loss = Proposal(work.architecture, work.hyper), None
        name, seed = self._name(proposal), max(1, work.seed)
        self.waiting = _without(self.waiting, name, seed)
        if outcome.ok and outcome.score is not None:
            loss = -outcome.score
            if "predicted" in work.origin:
                self.foreseen.append((work.origin["predicted"], outcome.score))
        row = _array(self.space.proposal_vector(proposal))
        before = self.runs.incumbent
        self.runs.tell(name, Known(work, row), seed, loss)
        self.told += 1
        changed = self.runs.incumbent is not before
        return self._said(work.trial) if changed or due(self.told) else []

    def state_dict(self) -> dict[str, Any]:
        return {"proposed": self.proposed, "waiting": [list(waiting) for waiting in self.waiting]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.proposed, self.waiting = state["proposed"], [Waiting(*waiting) for waiting in state["waiting"]]

    def _propose(self) -> Candidate | None:
        """A run that somebody waits for, or a new candidate; None where the space is exhausted."""
        rng = stream(self.seed, "propose", self.proposed)
        owed = self.runs.owed({(waiting.name, waiting.seed) for waiting in self.waiting})
        work = self._again(*owed) if owed else self._fresh(rng)
        if work is None:
            return None
        proposal = Proposal(work.architecture, work.hyper)
        row = _array(self.space.proposal_vector(proposal))
        self.waiting.append(Waiting(self._name(proposal), max(1, work.seed), row.tobytes().hex()))
        self.proposed += 1
        return work

    def _again(self, contender: Contender[Known], seed: int) -> Candidate:
        first, reached = contender.what.work, -self.runs.mean(contender)
        runs = len(contender.losses)
        leads = contender is self.runs.incumbent
        why = (f"Trial {first.trial} has a mean score of {reached:.4g} over {runs} seed{'s' if runs > 1 else ''}; " + (
            "the best so far is trained with one more seed, so that one lucky score does not rule." if leads else
            "no worse than the best so far on the seeds of both, so it is trained with another one."))
        origin = {"how": "another seed", "of": first.trial, "why": why}
        return Candidate(first.architecture, first.hyper, parents=(first.trial,), origin=origin, seed=seed)

    def _fresh(self, rng: Random) -> Candidate | None:
        new = {waiting.name for waiting in self.waiting} - self.runs.contenders.keys()
        if len(self.runs.contenders) + len(new) < self.options.initial or self.runs.incumbent is None:
            return self._sampled(rng, "The forest has too few outcomes to learn from: drawn at random.")
        model = self._fitted()
        if rng.random() < self.options.interleave:
            why = (f"Drawn at random, as {self.options.interleave:.0%} of the candidates are: what the forest is wrong "
                   "about would never be tried.")
            return self._sampled(rng, why, model)
        return self._promising(model, rng) or self._sampled(rng, "What the forest looked at was tried: drawn at random.",
                                                            model)

    def _sampled(self, rng: Random, why: str, model: LossModel | None = None) -> Candidate | None:
        """A draw that was not proposed before."""
        size = self.space.size()
        for _ in range(PATIENCE if size is None else min(PATIENCE, 20 * size)):
            proposal = self.space.sample(rng)
            if self._unseen(proposal):
                origin = {"how": "sample", **self._predicted(proposal, model), "why": why}
                return self._candidate(proposal, origin)
        return None

    def _promising(self, model: LossModel, rng: Random) -> Candidate | None:
        """The first of the ranking that was not proposed before."""
        ranking, known = self._ranked(model, rng)
        for at in range(len(ranking.gains)):
            proposal = self.space.proposal_from_vector(ranking.rows[at].tolist())
            if not self._unseen(proposal):
                continue
            start = ranking.starts[at]
            parent = None if start < 0 else known[start].what.work.trial
            found = "one of the random points" if parent is None else f"found by local search from trial {parent}"
            told = self._predicted(proposal, model)
            why = (f"A forest of {self.options.trees} trees, fitted to {model.fitted:,} of {len(self.runs.contenders):,} "
                   f"candidates, expects {told.get('predicted', 0):.4g} here; the best has {-model.losses.min():.4g}. Of "
                   f"{ranking.looked:,} points this one promises the largest improvement that is new ({found}).")
            origin = {"how": "forest", **told, "improvement": float(f"{ranking.gains[at]:.4g}"), "why": why}
            return self._candidate(proposal, origin, () if parent is None else (parent,))
        return None

    def _ranked(self, model: LossModel, rng: Random) -> tuple[Ranking, list[Contender[Known]]]:
        """Points by expected improvement, and the known candidates that local search began at."""
        from engine.surrogates.acquisition import Effort, Maximiser

        contenders = list(self.runs.contenders.values())
        order = np.argsort(model.losses, kind="stable")[: self.options.starts]
        known = [contenders[at] for at in order]
        generator = np.random.Generator(np.random.PCG64(rng.getrandbits(64)))
        maximiser = Maximiser(self.vectors, model.forest, model.best, generator)
        rows = np.array([contender.what.row for contender in known]).reshape(len(known), len(self.vectors.parameters))
        return maximiser.ranking(rows, Effort(self.options.random, self.options.starts, self.options.plateau)), known

    def _fitted(self) -> LossModel:
        """The model of what was told and of what is under way; kept until either changes."""
        from engine.surrogates.forest import Growth
        from engine.surrogates.loss_model import LossModel

        new = {waiting.name: waiting.row for waiting in self.waiting if waiting.name not in self.runs.contenders}
        state = self.told, tuple(new)
        if self.model is None or self.model_of != state:
            o, contenders = self.options, self.runs.contenders.values()
            growth = Growth(o.trees, o.features, o.min_split, o.min_leaf, o.bootstrap, o.variance == "total")
            rows = np.stack([contender.what.row for contender in contenders])
            losses = np.array([self.runs.mean(contender) for contender in contenders])
            pending = np.array([np.frombuffer(bytes.fromhex(row)) for row in new.values()]).reshape(-1, rows.shape[1])
            seed = stream_seed(self.seed, "forest", self.told)
            self.model = LossModel(self.vectors, growth, seed, rows, losses, o.memory, pending)
            self.model_of = state
        return self.model

    def _predicted(self, proposal: Proposal, model: LossModel | None) -> dict[str, float]:
        """What the forest expects before the outcome is known."""
        if model is None:
            return {}
        loss, _ = model.predict(_array(self.space.proposal_vector(proposal)))
        return {"predicted": float(f"{-loss:.6g}")}

    def _candidate(self, proposal: Proposal, origin: dict[str, Any], parents: tuple[int, ...] = ()) -> Candidate:
        seed = 1 if self.options.repeats > 1 else 0
        return Candidate(proposal.architecture, proposal.hyper, parents=parents, origin=origin, seed=seed)

    def _unseen(self, proposal: Proposal) -> bool:
        name = self._name(proposal)
        return name not in self.runs.contenders and all(name != waiting.name for waiting in self.waiting)

    def _name(self, proposal: Proposal) -> str:
        """Equal for networks that compute the same and are trained the same way."""
        written = digest(proposal.document())
        if written not in self.names:
            self.names[written] = digest([self.space.canonical(proposal.architecture), dict(proposal.hyper)])
        return self.names[written]

    def _said(self, trial: int) -> list[Event]:
        """Who leads, what the forest looks at, and how its predictions did."""
        leader = self.runs.incumbent
        if leader is None:
            return []
        mean, runs = -self.runs.mean(leader), len(leader.losses)
        first = [series("Incumbent", score=mean)] if self.options.repeats > 1 else []
        if self.model is None and self.proposed and len(self.runs.contenders) >= self.options.initial:
            self._fitted()                              # taken up again: the next proposal needs it too
        if self.model is not None:
            shares = dict(zip((p.name for p in self.vectors.parameters), self.model.importance().tolist(), strict=True))
            top = sorted(shares.items(), key=lambda item: -item[1])[:DECISIONS]
            first.append(bars("What the forest looks at", dict(top), "share"))
        told = [Event("strategy", trial, shown(*first, incumbent=leader.what.work.trial, mean=mean, runs=runs))]
        if len(self.foreseen) > 2:
            note = (f"rank correlation {rank_correlation(self.foreseen):.2f} over {len(self.foreseen):,} candidates, each "
                    "predicted before it was trained")
            picture = scatter("Predicted and observed", "predicted score", "observed score", self.foreseen[-SHOWN:], note)
            told.append(Event("strategy", trial, shown(picture)))
        return told


def rank_correlation(pairs: list[tuple[float, float]]) -> float:
    """Spearman's: equals share their mean rank; 0 where either side is all equal."""
    ranks = []
    for side in zip(*pairs, strict=True):
        _, inverse, counts = np.unique(side, return_inverse=True, return_counts=True)
        middle = np.cumsum(counts) - (counts - 1) / 2
        ranks.append(middle[inverse] - middle[inverse].mean())
    size = float(np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))
    return float(ranks[0] @ ranks[1]) / size if size else 0.0


def _array(vector: Any) -> Any:
    return np.array(vector, dtype=np.float64)


def _without(waiting: list[Waiting], name: str, seed: int) -> list[Waiting]:
    """The list without the first run of that name and seed."""
    at = next((k for k, each in enumerate(waiting) if (each.name, each.seed) == (name, seed)), None)
    return waiting if at is None else waiting[:at] + waiting[at + 1:]
