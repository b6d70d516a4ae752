"""PNAS: cells grow block by block, a predictor ranks all that could come next (Liu et al., ECCV 2018)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import Event
from engine.insight import bars, due, scatter, series, shown
from engine.options import choice, integer, real
from engine.registry import strategy
from engine.rng import stream_seed
from engine.work import Candidate, Outcome, Work

FEWEST = 2                      # scores that a predictor needs


@dataclass(frozen=True)
class Options:
    beams: int = integer(256, low=2, high=4096, paper=256, log=True, help="Cells trained at each level after the first.")
    predictor: str = choice("mlp", choices=("mlp", "lstm"), paper="mlp",
                            help="What ranks the candidates: a network on the mean of the blocks, or one that reads all.")
    members: int = integer(5, low=1, high=20, paper=5, help="Predictors that are averaged; each misses a part of the data.")
    embedding: int = integer(100, low=1, high=512, paper=100, help="Numbers that stand for an input or an operation.")
    units: int = integer(100, low=1, high=512, paper=100, help="Width of the predictor's hidden layers.")
    steps: int = integer(200, low=1, high=10_000, log=True, help="Batches that it learns from before each level.")
    rate: float = real(0.01, low=1e-6, high=1.0, paper=0.01, log=True, help="Learning rate after the first level.")
    later_rate: float = real(0.002, low=1e-6, high=1.0, paper=0.002, log=True, help="Learning rate after the others.")


@dataclass(frozen=True)
class Level:
    """What is trained at one level, best prediction first. Level 1 has no predictions, nor one after too few successes."""

    rows: NDArray[np.int8]
    parents: list[int] = field(default_factory=list)          # places in the level before
    predicted: NDArray[np.float64] | None = None
    candidates: int = 0                                       # how many there were to choose from
    fit: float | None = None                                  # rank correlation of the predictor with its own data


@strategy(title="PNAS", paper="Liu et al., ECCV 2018 (arXiv:1712.00559)", needs={"levels"},
          summary="Trains all cells of one block, then those of two, three, … blocks that a learned predictor ranks first.",
          presets={"paper": {"beams": 256, "predictor": "mlp", "members": 5, "embedding": 100, "units": 100},
                   "cpu": {"beams": 12, "embedding": 16, "units": 24, "steps": 60}})
class Pnas:
    """A level is chosen when all of the one before is told. What a level holds follows from what was told and the seed."""

    def __init__(self, space: Any, options: Options, seed: int) -> None:
        from engine.surrogates import ensemble, ranker

        self.space, self.options, self.seed, self.growth = space, options, seed, space.growth()
        first, size = self.growth.first(), (self.growth.vocabulary, options.embedding, options.units)
        slots = self.growth.tokens(first).shape[-1]
        body = ranker.Recurrent(*size) if options.predictor == "lstm" else ranker.Pooled(size[0], slots, *size[1:])
        self.ensemble = ensemble.Ensemble(body, options.members, self._generator("predictor"))
        self.slots, self.rank_correlation = first.shape[-1], ensemble.rank_correlation
        self.levels = [Level(first[self._generator("first").permutation(len(first))], candidates=len(first))]
        self.told: dict[bytes, tuple[int, float | None]] = {}           # trial and score by row
        self.observed: dict[int, list[tuple[float, float]]] = {}        # predicted and observed, by level
        self.asked = 0

    def ask(self, slots: int) -> list[Work]:
        found: list[Work] = []
        while len(found) < slots and (place := self._place()) is not None:
            found.append(self._candidate(*place))
            self.asked += 1
        return found

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        if not isinstance(work, Candidate):
            return []
        score = outcome.score if outcome.ok else None
        self.told[self.space.row(work.architecture).tobytes()] = work.trial, score
        level, predicted = work.origin["level"], work.origin["predicted"]
        if score is None:
            return []
        if predicted is not None:
            self.observed.setdefault(level, []).append((predicted, score))
        if not due(len(self.told)):
            return []
        return [Event("strategy", work.trial, shown(*self._pictures(level, work.origin["fit"]), level=level))]

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.asked}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.asked = state["asked"]                   # levels that were begun are chosen again from what was told

    def _place(self) -> tuple[int, int] | None:
        """Level and place of the next candidate; None while a level is waited for, or where there is nothing left."""
        number, place = 0, self.asked
        while True:
            if place < len(self.levels[number].rows):
                return number, place
            place -= len(self.levels[number].rows)
            number += 1
            if number == len(self.levels):
                last = self.levels[-1].rows
                if number == self.growth.levels or not all(row.tobytes() in self.told for row in last):
                    return None
                self.levels.append(self._next_level())

    def _next_level(self) -> Level:
        rows, scores = self.levels[-1].rows, [self._score(row) for row in self.levels[-1].rows]
        kept = [k for k, score in enumerate(scores) if score is not None] or list(range(len(rows)))
        children, above = self.growth.grown(rows[kept])
        fit, number = self._learn(), len(self.levels)
        if fit is None:
            order, predicted = self._generator("blind", number).permutation(len(children)), None
        else:
            predicted = self.ensemble.predict(self.growth.tokens(children))
            order = np.argsort(-predicted, kind="stable")
        best = order[:self.options.beams]
        return Level(children[best], [kept[place] for place in above[best]], None if predicted is None else predicted[best],
                     len(children), fit)

    def _learn(self) -> float | None:
        """Learn from all that was told, of every level; the rank correlation with the scores of the last one."""
        data = [self._successes(level) for level in self.levels]
        data = [(rows, scores) for rows, scores in data if scores]
        if sum(len(scores) for _, scores in data) < FEWEST:
            return None
        generator = self._generator("rewrite", len(self.levels))
        rate = self.options.rate if len(self.levels) == 1 else self.options.later_rate
        self.ensemble.fit(data, self.options.steps, rate,
                          lambda rows: self.growth.tokens(self.growth.rewritten(rows, generator)))
        rows, scores = data[-1]
        return self.rank_correlation(self.ensemble.predict(self.growth.tokens(rows)).tolist(), scores)

    def _successes(self, level: Level) -> tuple[NDArray[np.int8], list[float]]:
        scores = [self._score(row) for row in level.rows]
        return level.rows[[score is not None for score in scores]], [score for score in scores if score is not None]

    def _score(self, row: NDArray[np.int8]) -> float | None:
        return self.told[row.tobytes()][1]

    def _candidate(self, number: int, place: int) -> Candidate:
        level, architecture = self.levels[number], self.space.from_row(self.levels[number].rows[place])
        origin: dict[str, Any] = {"how": "level", "level": number + 1, "predicted": None, "fit": None}
        if not number:
            why = f"One of all {level.candidates:,} different cells of one block: each of them is trained."
            return Candidate(architecture, origin={**origin, "why": why})
        parent, score = self.told[self.levels[number - 1].rows[level.parents[place]].tobytes()]
        known = "" if score is None else f" ({score:.4f})"
        grown = f"grown from trial {parent}{known} by {self._said(level.rows[place])}"
        why = f"Drawn from {level.candidates:,} cells of {number + 1} blocks, as no score is known to learn from; {grown}."
        if level.predicted is not None:
            origin |= {"predicted": float(level.predicted[place]), "fit": level.fit}
            why = (f"Rank {place + 1} of {level.candidates:,} different cells of {number + 1} blocks, predicted "
                   f"{level.predicted[place]:.4f}; {grown}.")
        return Candidate(architecture, parents=(parent,), origin={**origin, "why": why})

    def _said(self, row: NDArray[np.int8]) -> str:
        """The newest block in words."""
        one, other, op_1, op_2, combine = self.space.from_row(row).genotype["cell"][-1]
        return f"{combine} of {op_1} on {one} and {op_2} on {other}"

    def _pictures(self, level: int, fit: float | None) -> list[dict[str, Any]]:
        best: dict[str, float] = {}
        for row, (_, score) in self.told.items():
            if score is not None:
                name = f"{len(row) // self.slots} blocks"
                best[name] = max(score, best.get(name, score))
        found = [bars("Best score of each level", best)]
        pairs = self.observed.get(level, [])
        if pairs:
            rho = self.rank_correlation(*zip(*pairs, strict=True))
            note = f"level {level}: rank correlation {rho:.2f} over {len(pairs)} cells that the predictor had not seen"
            found += [series("Rank correlation of the predictor", unseen=rho, learned=float("nan") if fit is None else fit),
                      scatter("Predicted against observed", "predicted", "observed", pairs, note)]
        return found

    def _generator(self, purpose: str, *numbers: int) -> np.random.Generator:
        return np.random.default_rng(stream_seed(self.seed, purpose, *numbers))
