"""What NASBOT believes: a Gaussian process on networks, fitted to a part of the history that is never too large."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from engine.architecture.architecture import Proposal
from engine.surrogates.gaussian_process import Belief, Floats, GaussianProcess, expected_improvement
from engine.surrogates.network_layers import IMAGES, UNITS, layered
from engine.surrogates.otmann import Crowd, Otmann
from engine.surrogates.otmann_book import Book, Point
from engine.surrogates.otmann_kernel import Distances, Kernel, fitted

PROBES = 16                                     # draws by which the groups of layers are chosen


@dataclass(frozen=True)
class Source:
    """Where networks come from, and the vectors of how they are trained."""

    space: Any
    categorical: Sequence[bool]
    training: Callable[[Proposal], Sequence[float]]


class Model:
    """Learn what was told, expect what is pending, then ask. Points are numbered in the order in which they were told."""

    def __init__(self, source: Source, structure: Sequence[float], history: int, draws: int) -> None:
        self.source, self.history, self.draws = source, history, draws
        self.book = Book(Otmann(structure), source.categorical)
        self.groups = groups(source.space)
        self.kernel: Kernel | None = None
        self.fitted_at = -1
        self.members: tuple[int, ...] = ()
        self.values = np.zeros(0)
        self.centre, self.spread, self.best = 0.0, 1.0, 0.0
        self.more: list[Point] = []                   # pending
        self.crowd = Crowd([])
        self.process: GaussianProcess | None = None

    @property
    def told(self) -> int:
        return len(self.book.points)

    def learn(self, fresh: Sequence[Proposal], scores: Sequence[float | None], fit: int, rng: Random) -> None:
        """All scores so far and the networks that are new; the kernel's parameters are those of the first `fit`."""
        self.book.points += map(self._point, fresh)
        if fit != self.fitted_at:
            members = subset(scores[:fit], self.history)
            values, *_ = standardised([scores[member] for member in members])
            unit = float(self.book.totals(members).mean())
            self.kernel, _ = fitted(self.book.between(members), values, unit, rng, self.draws)
            self.fitted_at = fit
        self.members = subset(scores, self.history)
        self.values, self.centre, self.spread = standardised([scores[member] for member in self.members])
        self.best = max(score for score in scores if score is not None)

    def expect(self, pending: Sequence[Proposal]) -> None:
        """What is under way counts as if it turned out as expected: that leaves no doubt there, and so less to gain."""
        assert self.kernel is not None
        square, values = self.book.between(self.members), self.values
        self.more = []
        self.crowd = self.book.crowd(self.members)
        self.process = self.kernel.process(square, values)
        for proposal in pending:
            point = self._point(proposal)
            step = self._towards([point])
            expected = self._predict(step).means[0]
            square = _joined(square, step)
            self.more.append(point)
            values = np.append(values, expected)
            self.crowd = self.book.crowd(self.members, self.more)
            self.process = self.kernel.process(square, values)

    def gains(self, proposals: Sequence[Proposal]) -> list[float]:
        """Expected improvement over the best score, in its units."""
        belief = self._predict(self._towards([self._point(proposal) for proposal in proposals]))
        found: list[float] = (self.spread * expected_improvement(belief, self._goal)).tolist()
        return found

    def known_gains(self) -> list[float]:
        """The same at the members."""
        belief = self._predict(self.square(self.members))
        found: list[float] = (self.spread * expected_improvement(belief, self._goal)).tolist()
        return found

    def square(self, members: Sequence[int]) -> Distances:
        """From the networks of the crowd (rows) to some members."""
        if not self.more:
            known = self.book.between(self.members)
            at = [self.members.index(member) for member in members]
            training = None if known.training is None else known.training[:, at]
            return Distances(known.plain[:, :, at], known.bar[:, :, at], training)
        return self._towards([self.book.points[member] for member in members])

    def foresee(self, proposal: Proposal) -> tuple[float, float]:
        """The score that is expected, and its standard deviation."""
        belief = self._predict(self._towards([self._point(proposal)]))
        return self.centre + self.spread * float(belief.means[0]), self.spread * float(belief.deviations[0])

    def nearest(self, proposal: Proposal) -> tuple[int, float]:
        """The member that is closest, and the normalised distance."""
        bar = self._towards([self._point(proposal)]).bar[0, :len(self.members), 0]
        at = int(np.argmin(bar))
        return self.members[at], float(bar[at])

    def best_members(self, count: int) -> list[int]:
        """The best first."""
        order = np.argsort(-self.values, kind="stable")[:count]
        return [self.members[at] for at in order]

    def pictured(self, members: Sequence[int]) -> tuple[list[list[float]], list[list[float]]]:
        """Normalised distances and kernel of some members to each other."""
        assert self.kernel is not None
        known = self.book.between(self.members)
        at = [self.members.index(member) for member in members]
        pick = np.ix_(at, at)
        return known.bar[0][pick].tolist(), self.kernel.correlation(known)[pick].tolist()

    @property
    def _goal(self) -> float:
        return (self.best - self.centre) / self.spread

    def _point(self, proposal: Proposal) -> Point:
        training = self.source.training(proposal) if self.source.categorical else ()
        return Point(lambda: layered(self.source.space.cell(proposal.architecture), self.groups), training)

    def _towards(self, points: Sequence[Point]) -> Distances:
        of = [*(self.book.points[member] for member in self.members), *self.more]
        return self.book.towards(self.crowd, of, points)

    def _predict(self, distances: Distances) -> Belief:
        assert self.kernel is not None and self.process is not None
        cross = self.kernel.scale * self.kernel.correlation(distances)
        return self.process.predict(cross, np.full(cross.shape[1], self.kernel.scale))


def groups(space: Any) -> tuple[str, ...]:
    """Path lengths are counted in layers of images where the space has any, else in layers of units."""
    rng = Random(0)
    seen = {family for _ in range(PROBES) for family in layered(space.cell(space.sample(rng).architecture)).families}
    return IMAGES if seen & {"conv", "pool"} or "units" not in seen else UNITS


def subset(scores: Sequence[float | None], most: int) -> tuple[int, ...]:
    """The trials that a model is fitted to: all, or half the newest and half the best of the others."""
    count = len(scores)
    if count <= most:
        return tuple(range(count))
    newest = most // 2
    others = sorted(range(count - newest), key=lambda at: (scores[at] is None, -(scores[at] or 0.0), at))
    return tuple(sorted(others[:most - newest])) + tuple(range(count - newest, count))


def standardised(scores: Sequence[float | None]) -> tuple[Floats, float, float]:
    """Scores with mean 0 and deviation 1, and what both were. A failure counts as the worst score."""
    known = [score for score in scores if score is not None]
    worst = min(known, default=0.0)
    values = np.array([worst if score is None else score for score in scores])
    centre, spread = float(values.mean()), float(values.std())
    spread = spread if spread > 1e-12 else 1.0
    return (values - centre) / spread, centre, spread


def _joined(square: Distances, step: Distances) -> Distances:
    """One point more, whose distances to all the others are `step`."""

    def grown(table: Floats, edge: Floats) -> Floats:
        zero = np.zeros((*edge.shape[:-2], 1, 1))
        return np.concatenate([np.concatenate([table, edge], -1),
                               np.concatenate([np.swapaxes(edge, -1, -2), zero], -1)], -2)

    training = None if square.training is None or step.training is None else grown(square.training, step.training)
    return Distances(grown(square.plain, step.plain), grown(square.bar, step.bar), training)
