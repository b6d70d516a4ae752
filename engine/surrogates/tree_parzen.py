"""The densities l (of the best) and g (of the rest) over a tree of decisions, each by itself (Bergstra et al. 2011).

A decision learns from the trials in which it was made; where it was made in none of a side, that side is its prior.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from engine.architecture import genotype, priors
from engine.spaces.space import Parameter
from engine.surrogates.parzen import Counts, Density, Floats, Scale, adaptive, forgetting
from engine.surrogates.split import Observations

Sides = tuple[Floats, Floats]


class Draw(NamedTuple):
    """A point of the space as a vector, and the logarithm of l / g of each decision that was made."""

    vector: list[float]
    gains: Mapping[str, float]


class Decisions:
    """Decisions in an order in which conditions speak of earlier ones: which are choices, which are numbers."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        number = [p.kind != "categorical" and (p.high or 0) > (p.low or 0) for p in self.parameters]
        self.scales = {at: Scale.of(p) for at, p in enumerate(self.parameters) if number[at]}
        self.choices = [at for at in range(len(self.parameters)) if not number[at]]      # a range of one number is a choice
        self.row = {at: row for row, at in enumerate(self.choices)}
        self.sizes = [max(1, len(self.parameters[at].choices)) for at in self.choices]

    def made(self, at: int, code: float) -> Any:
        """The value of a choice."""
        parameter = self.parameters[at]
        return parameter.choices[int(code)] if parameter.choices else priors.number(parameter, 0.0)


class TreeParzen:
    """`fit` it, then `draw` or look at its densities. A fit to a trial more costs no look at the older ones, as far as
    choices go; the bells of numbers are made afresh, for the decisions that are asked for."""

    def __init__(self, decisions: Decisions, prior_weight: float, flat: int) -> None:
        self.decisions, self.prior_weight, self.flat = decisions, prior_weight, flat
        self.rest = Counts(decisions.sizes, flat)           # of the trials up to `heard` that are not among `best`
        self.best: list[int] = []
        self.heard = 0

    def fit(self, observed: Observations, wanted: int, pending: Sequence[Sequence[float]] = ()) -> None:
        """`pending` are trials without a result that shall count as bad ones."""
        self.columns, best = observed.columns, observed.best(wanted)
        first, self.outside = self.heard, np.ones(observed.count, dtype=np.bool_)
        self.outside[best] = False
        if best != self.best:
            self.rest, first = Counts(self.decisions.sizes, self.flat), 0
        self.rest.extend(self.columns[self.decisions.choices, first:][:, self.outside[first:]])
        self.best, self.heard = best, observed.count
        self.liars = np.array(pending, dtype=np.float64).reshape(len(pending), len(self.decisions.parameters)).T
        self.numbers: dict[int, tuple[Density, Density]] = {}
        self.__dict__.pop("shares", None)

    @cached_property
    def shares(self) -> Sides:
        """Probabilities of all choices, of l and of g."""
        below, above = Counts(self.decisions.sizes, self.flat), self.rest
        below.extend(self.columns[:, self.best][self.decisions.choices])
        if self.liars.size:
            above = above.copy()
            above.extend(self.liars[self.decisions.choices])
        return below.probabilities(self.prior_weight), above.probabilities(self.prior_weight)

    def densities(self, at: int) -> tuple[Density, Density]:
        """Of a number, l and g."""
        if at not in self.numbers:
            row = self.columns[at]
            self.numbers[at] = (self._density(at, row[self.best]),
                                self._density(at, np.concatenate([row[self.outside], self.liars[at]])))
        return self.numbers[at]

    def _density(self, at: int, observations: Floats) -> Density:
        seen, scale = observations[~np.isnan(observations)], self.decisions.scales[at]
        weights = forgetting(len(seen), self.flat)
        return Density(scale, adaptive(seen, weights, self.prior_weight, scale.mu, scale.sigma))

    def draw(self, generator: np.random.Generator, count: int) -> Draw:
        """Down the tree: of `count` draws from l, each decision takes the one with the highest l / g."""
        codes, ratios = self._choose(generator, count)
        vector = [float("nan")] * len(self.decisions.parameters)
        config: dict[str, Any] = {}
        gains: dict[str, float] = {}
        for at, parameter in enumerate(self.decisions.parameters):
            if not genotype.active(parameter, config):
                continue
            if at in self.decisions.scales:
                config[parameter.name], gains[parameter.name] = self._number(at, generator, count)
                vector[at] = priors.place(parameter, config[parameter.name])
            else:
                row = self.decisions.row[at]
                vector[at], gains[parameter.name] = float(codes[row]), ratios[row]
                config[parameter.name] = self.decisions.made(at, codes[row])
        return Draw(vector, gains)

    def _choose(self, generator: np.random.Generator, count: int) -> tuple[list[int], list[float]]:
        """For every choice at once, made or not: the best of its draws and the logarithm of its l / g."""
        if not self.rest.total:
            return [], []
        below, above = self.shares
        ratios = np.log(below / above)
        climbing = np.cumsum(below) + 1e-12                 # each decision owns one unit of it
        rows = np.arange(len(self.rest.starts))
        shares = generator.random((len(rows), count)) + rows[:, None]
        cells = np.searchsorted(climbing, shares, side="right").clip(self.rest.starts[:, None],
                                                                     (self.rest.starts + self.rest.sizes - 1)[:, None])
        chosen = cells[rows, np.argmax(ratios[cells], axis=1)]
        return (chosen - self.rest.starts).tolist(), ratios[chosen].tolist()

    def _number(self, at: int, generator: np.random.Generator, count: int) -> tuple[Any, float]:
        below, above = self.densities(at)
        parameter = self.decisions.parameters[at]
        values = list(dict.fromkeys(priors.number(parameter, place) for place in below.draw(generator, count).tolist()))
        spots = below.scale.spots(values)
        ratios = below.logs(spots) - above.logs(spots)
        best = int(np.argmax(ratios))
        return values[best], float(ratios[best])

    def shown(self, at: int) -> tuple[list[Any], Floats, Floats]:
        """A decision's choices, or numbers across its range, with the heights of l and g there."""
        parameter = self.decisions.parameters[at]
        if at in self.decisions.scales:
            grid = self.decisions.scales[at].grid
            below, above = self.densities(at)
            return list(grid.values), np.exp(below.logs(grid)), np.exp(above.logs(grid))
        row = self.decisions.row[at]
        own = slice(self.rest.starts[row], self.rest.starts[row] + self.rest.sizes[row])
        return [str(value) for value in genotype.choices(parameter)], self.shares[0][own], self.shares[1][own]

    def information(self) -> dict[str, float]:
        """How far the best differ from the rest in each decision: the mean of log2(l / g) under l, times how many of the
        best made it."""
        found = {}
        for at, parameter in enumerate(self.decisions.parameters):
            made = float(np.mean(~np.isnan(self.columns[at, self.best]))) if self.best else 0.0
            if made:
                _, below, above = self.shown(at)
                share = below / below.sum()
                found[parameter.name] = made * max(0.0, float(share @ np.log2(below / above)))
        return found
