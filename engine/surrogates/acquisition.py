"""Which point promises most: expected improvement of a log-normal belief, and the search for its maximum
(Hutter, Hoos, Leyton-Brown, LION 2011: local search from good known points, and many random ones)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from engine.surrogates.forest import Belief, Floats, Forest
from engine.surrogates.vectors import Vectors

LONGEST = 50                                    # steps of a local search, walks on plateaus included
KEPT = 300                                      # of the points that were looked at
EQUAL = 1e-12                                   # improvements that differ by less are one plateau


def log_expected_improvement(belief: Belief, best: float, xi: float = 0.0) -> Floats:
    """By how much a loss is expected to fall below `best`; `best`, `xi` and the belief are in logarithms of losses."""
    deviations = np.sqrt(belief.variances)
    least = best - xi
    z = (least - belief.means) / deviations
    found = math.exp(least) * ndtr(z) - np.exp(belief.means + belief.variances / 2) * ndtr(z - deviations)
    return np.asarray(np.maximum(found, 0.0))


@dataclass(frozen=True)
class Effort:
    """How hard is searched."""

    random: int = 10_000
    starts: int = 10
    plateau: int = 10                           # steps without improvement before a local search ends


class Ranking(NamedTuple):
    """Points, the most promising first, and how many were looked at. `starts`: the place of the known point whose local
    search met it; -1: random."""

    rows: Floats
    gains: Floats
    starts: NDArray[np.intp]
    looked: int


class Maximiser:
    """Looks for the largest expected improvement over `best`."""

    def __init__(self, vectors: Vectors, forest: Forest, best: float, generator: np.random.Generator) -> None:
        self.vectors, self.forest, self.best, self.generator = vectors, forest, best, generator

    def gains(self, rows: Floats) -> Floats:
        return log_expected_improvement(self.forest.predict(self.vectors.imputed(rows)), self.best)

    def ranking(self, known: Floats, effort: Effort) -> Ranking:
        """The best of what was looked at: random draws, and what local search from the first known rows met."""
        drawn = self.vectors.sample(self.generator, effort.random)
        found = self.climb(known[: effort.starts], effort.plateau)
        return self._best([found, Ranking(drawn, self.gains(drawn), np.full(len(drawn), -1, dtype=np.intp), len(drawn))])

    def climb(self, rows: Floats, plateau: int) -> Ranking:
        """All local searches step side by side, each to the best neighbour, on a plateau to any of the equals."""
        here, at = rows.copy(), np.arange(len(rows))
        gains, patience = self.gains(rows) if len(rows) else np.zeros(0), np.full(len(rows), plateau)
        met = Ranking(rows[:0], gains[:0], at[:0], 0)
        for _ in range(LONGEST):
            if not len(at):
                break
            near, owner = self.vectors.neighbours(here[at], self.generator)
            value = self.gains(near) if len(near) else np.zeros(0)
            met = self._best([met, Ranking(near, value, at[owner], len(near))])
            chosen, first = self._steps(owner, value)
            moving = at[chosen]
            better = value[first] > gains[moving] + EQUAL
            level = ~better & (value[first] >= gains[moving] - EQUAL)
            patience[moving[better]] = plateau
            patience[moving[level]] -= 1
            steps = better | (level & (patience[moving] > 0))
            here[moving[steps]], gains[moving[steps]] = near[first[steps]], value[first[steps]]
            at = moving[steps]
        return met

    def _best(self, rankings: list[Ranking]) -> Ranking:
        """The first of them all, equals in any order."""
        gains = np.concatenate([each.gains for each in rankings])
        order = np.lexsort((self.generator.random(len(gains)), -gains))[:KEPT]
        rows = np.concatenate([each.rows for each in rankings])[order]
        starts = np.concatenate([each.starts for each in rankings])[order]
        return Ranking(rows, gains[order], starts, sum(each.looked for each in rankings))

    def _steps(self, owner: NDArray[np.intp], value: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Of each owner that has neighbours: the place of the best one, of equals any."""
        order = np.lexsort((self.generator.random(len(value)), -value, owner))
        found, first = np.unique(owner[order], return_index=True)
        return found, order[first]
