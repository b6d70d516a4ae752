"""Adaptive Parzen estimators of numbers and choices (Bergstra, Bardenet, Bengio, Kégl, NeurIPS 2011)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from engine.architecture import priors
from engine.spaces.space import Parameter

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
FINEST = 100.0                                  # a component is never narrower than the prior's width through this
GRID = 16                                       # numbers at which a density is shown
TINY = 1e-300                                   # densities below it are as good as zero, and have a logarithm


def forgetting(count: int, flat: int) -> Floats:
    """Weights of observations, the oldest first: 1 for the newest `flat`, before them a line from 1 / count. 0: all 1."""
    if flat == 0 or count <= flat:
        return np.ones(count)
    return np.concatenate([np.linspace(1 / count, 1.0, count - flat), np.ones(flat)])


class Components(NamedTuple):
    """A mixture of bells, one an observation and one for the prior, from left to right; `weights` add up to 1."""

    weights: Floats
    mus: Floats
    sigmas: Floats
    prior: int                                  # the place of the prior's among them
    order: Ints                                 # the observations from left to right


def adaptive(observations: Floats, weights: Floats, prior_weight: float, mu: float, sigma: float) -> Components:
    """Each bell is as wide as the larger gap to its neighbours, within bounds; the prior's keeps its own width."""
    order = np.argsort(observations, kind="stable")
    ordered = observations[order]
    place = int(np.searchsorted(ordered, mu))
    mus = np.concatenate([ordered[:place], [mu], ordered[place:]])
    if len(mus) == 1:
        sigmas = np.array([sigma])
    elif len(mus) == 2:
        sigmas = np.full(2, sigma / 2)
    else:
        gaps = np.diff(mus)
        sigmas = np.maximum(np.concatenate([gaps[:1], gaps]), np.concatenate([gaps, gaps[-1:]]))
    sigmas = np.clip(sigmas, sigma / min(FINEST, 1.0 + len(mus)), sigma)
    sigmas[place] = sigma
    ordered = weights[order]
    heights = np.concatenate([ordered[:place], [prior_weight], ordered[place:]])
    return Components(heights / heights.sum(), mus, sigmas, place, order)


class Spots(NamedTuple):
    """Numbers of a decision: the places on its scale, and the ends of the bins of what is quantised."""

    values: Sequence[Any]
    places: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Scale:
    """Where the numbers of a decision lie on its scale, with the bell of the prior. Whole numbers of a uniform prior
    own half a step on either side, so the scale reaches beyond 0 and 1 for them."""

    parameter: Parameter
    low: float
    high: float
    mu: float
    sigma: float

    @classmethod
    def of(cls, parameter: Parameter) -> Scale:
        low, high = priors.bounds(parameter)
        half = 0.5 / (high - low) if parameter.kind == "integer" and parameter.prior == "uniform" else 0.0
        if parameter.prior.endswith("normal"):
            return cls(parameter, 0.0, 1.0, (parameter.mu - low) / (high - low), parameter.sigma / (high - low))
        return cls(parameter, -half, 1.0 + half, 0.5, 1.0 + 2 * half)

    @property
    def step(self) -> float:
        """How far apart the numbers are; 0 where there is one between any two."""
        return 1.0 if self.parameter.kind == "integer" else self.parameter.step or 0.0

    def spots(self, values: Sequence[Any]) -> Spots:
        """Where these numbers lie, with the part of the scale that each of them owns."""
        places = np.array([priors.place(self.parameter, value) for value in values])
        if not self.step:
            return Spots(values, places, places, places)
        half = self.step / 2
        edges = np.array([(self._place(value - half), self._place(value + half)) for value in values])
        found = edges.clip(self.low, self.high)
        return Spots(values, places, found[:, 0], found[:, 1])

    def _place(self, edge: float) -> float:
        """Below what has a logarithm there is nothing."""
        below = priors.logarithmic(self.parameter) and edge <= 0
        return self.low if below else priors.place(self.parameter, edge)

    @cached_property
    def grid(self) -> Spots:
        """Some different numbers from one end to the other."""
        at = np.linspace(0.0, 1.0, GRID).tolist()
        return self.spots(list(dict.fromkeys(priors.number(self.parameter, place) for place in at)))


class Density:
    """Components on a scale, cut off at its ends: what is left of the mixture integrates to 1."""

    def __init__(self, scale: Scale, components: Components) -> None:
        self.scale, self.components = scale, components
        self.below = ndtr((scale.low - components.mus) / components.sigmas)
        self.masses = ndtr((scale.high - components.mus) / components.sigmas) - self.below
        self.inside = float(components.weights @ self.masses) + TINY

    def draw(self, generator: np.random.Generator, count: int) -> Floats:
        """Places on the scale."""
        shares = generator.random((2, count))
        climbing = np.cumsum(self.components.weights * self.masses)
        chosen = np.minimum(np.searchsorted(climbing, shares[0] * climbing[-1], side="right"), len(climbing) - 1)
        bells = ndtri(self.below[chosen] + shares[1] * self.masses[chosen])
        places = self.components.mus[chosen] + self.components.sigmas[chosen] * bells
        return np.asarray(np.clip(places, self.scale.low, self.scale.high))

    def logs(self, spots: Spots) -> Floats:
        """Logarithms of the density at each number, or of the mass of its bin where numbers are quantised."""
        weights, mus, sigmas = self.components[:3]
        if self.scale.step:
            masses = ndtr((spots.high[:, None] - mus) / sigmas) - ndtr((spots.low[:, None] - mus) / sigmas)
            return _logs(masses @ weights / self.inside)
        bells = np.exp(-0.5 * ((spots.places[:, None] - mus) / sigmas) ** 2)
        return _logs(bells @ (weights / sigmas) / (math.sqrt(2 * math.pi) * self.inside))


def _logs(heights: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(heights, TINY)))


class Counts:
    """Choices of many decisions, counted with forgetting weights. An observation more costs no look at the older ones.

    The weight of an old observation is linear in its rank among those of its decision, so a choice needs how often it was
    made, the sum of the ranks, and the newest `flat` observations, which weigh 1.
    """

    def __init__(self, sizes: Sequence[int], flat: int) -> None:
        self.sizes, self.flat = np.array(sizes, dtype=np.intp), flat
        self.starts = np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.intp)
        self.total = int(self.sizes.sum())
        self.owner = np.repeat(np.arange(len(sizes)), self.sizes)
        self.seen = np.zeros(len(sizes), dtype=np.intp)             # observations of each decision
        self.number = np.zeros(self.total)                          # of each choice
        self.ranks = np.zeros(self.total)                           # their sum, for each choice
        self.recent = np.full((len(sizes), flat), -1, dtype=np.intp)

    def copy(self) -> Counts:
        """One that may hear more."""
        twin = Counts(self.sizes.tolist(), self.flat)
        twin.seen, twin.number, twin.ranks = self.seen.copy(), self.number.copy(), self.ranks.copy()
        twin.recent = self.recent.copy()
        return twin

    def extend(self, choices: Floats) -> None:
        """A row a decision, a column a trial, in the order of time; NaN where a decision was not made."""
        active = ~np.isnan(choices)
        decisions, trials = np.nonzero(active)
        cells = choices[decisions, trials].astype(np.intp) + self.starts[decisions]
        ranks = (np.cumsum(active, axis=1) - 1)[decisions, trials] + self.seen[decisions]
        self.number += np.bincount(cells, minlength=self.total)
        self.ranks += np.bincount(cells, ranks, minlength=self.total)
        self.seen += active.sum(axis=1)
        if self.flat:
            newest = ranks >= self.seen[decisions] - self.flat
            self.recent[decisions[newest], ranks[newest] % self.flat] = cells[newest]

    def weighted(self) -> Floats:
        """How often each choice was made, in forgetting weights."""
        many = self.seen > self.flat
        if not self.flat or not many.any():
            return self.number
        held = np.nonzero(self.recent >= 0)
        cells, last = self.recent[held], self.seen[held[0]] - 1
        number = np.bincount(cells, minlength=self.total)
        ranks = np.bincount(cells, last - (last - held[1]) % self.flat, minlength=self.total)
        first = 1.0 / np.maximum(self.seen, 1)
        slope = (1.0 - first) / np.maximum(self.seen - self.flat - 1, 1)
        old = (self.number - number) * first[self.owner] + (self.ranks - ranks) * slope[self.owner]
        return np.where(many[self.owner], old + number, self.number)

    def probabilities(self, prior_weight: float) -> Floats:
        """Of every choice; the choices of one decision add up to 1, and none is impossible."""
        heights = self.weighted() + prior_weight
        return np.asarray(heights / np.add.reduceat(heights, self.starts)[self.owner]) if self.total else heights
