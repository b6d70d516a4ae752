"""Points of a space as rows of numbers, many at once: draws, neighbours, and what stands for a decision that is not made.

A row is what `proposal_vector` gives: numbers on their scale from 0 to 1, the index of other choices, NaN where inactive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.architecture import priors
from engine.architecture.genotype import choices
from engine.spaces.space import Parameter

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]
Mask = NDArray[np.bool_]
PLACES = 512                                    # at which the prior of a number is drawn
NEAR, SPREAD = 4, 0.2                           # neighbours of a number: so many normal steps of this deviation on the scale
FILLS = 4                                       # fresh draws of what a neighbour activates
SAME = 1e-9                                     # places that differ by less are one


def short(parameter: Parameter) -> bool:
    """Whole numbers that are stepped by one."""
    return parameter.kind == "integer" and (parameter.high or 0) - (parameter.low or 0) < priors.COUNTED


@lru_cache(maxsize=4096)
def _scale(kind: str, low: float, high: float, prior: str, mu: float, sigma: float, step: float | None) -> Floats:
    """Places that are each as likely, in order."""
    parameter = Parameter("", kind, low=low, high=high, prior=prior, mu=mu, sigma=sigma, step=step)
    shares = (np.arange(PLACES) + 0.5) / PLACES
    return np.array([priors.place(parameter, priors.quantile(parameter, share)) for share in shares.tolist()])


def places(parameter: Parameter) -> Floats:
    """What a decision's column may hold, each entry as likely under the prior."""
    if parameter.kind == "categorical":
        return np.arange(len(parameter.choices), dtype=np.float64)
    if short(parameter) and parameter.prior == "uniform":
        return np.array([priors.place(parameter, value) for value in choices(parameter)])
    return _scale(parameter.kind, float(parameter.low or 0), float(parameter.high or 0), parameter.prior, parameter.mu,
                  parameter.sigma, parameter.step)


class Test(NamedTuple):
    """A condition on a column: one of some values, or no less than a bound."""

    at: int
    among: tuple[float, ...] | None
    least: float = 0.0

    def holds(self, rows: Floats) -> Mask:
        column = rows[:, self.at]
        if self.among is None:
            return np.asarray(column >= self.least - SAME)
        found = np.zeros(len(column), dtype=np.bool_)
        for value in self.among:
            found |= column == value
        return found


class Vectors:
    """Decisions in an order in which conditions speak of earlier ones."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        self.place = {parameter.name: at for at, parameter in enumerate(self.parameters)}
        self.tests: list[Test] = []                 # different conditions; many decisions share one
        known: dict[str, int] = {}
        self.conditional = {at: [self._test(condition, known) for condition in parameter.when]
                            for at, parameter in enumerate(self.parameters) if parameter.when}
        self.below = [self._descendants(at) for at in range(len(self.parameters))]
        self.outside = np.array([float(len(p.choices)) if p.kind == "categorical" else -1.0 for p in self.parameters])
        tables = [places(parameter) for parameter in self.parameters]
        self.sizes = np.array([len(table) for table in tables], dtype=np.float64)
        self.starts = np.concatenate([[0.0], np.cumsum(self.sizes)[:-1]]) if tables else self.sizes
        self.table = np.concatenate(tables) if tables else self.sizes
        self.values = [_values(parameter) for parameter in self.parameters]

    def sample(self, generator: np.random.Generator, count: int) -> Floats:
        """Rows drawn from the prior."""
        found = self._drawn(generator, count)
        self._settle(found)
        return found

    def imputed(self, rows: Floats) -> Rows:
        """Inactive decisions get a number that no active one can have, so that one split tells them apart."""
        return np.where(np.isnan(rows), self.outside, rows).astype(np.float32)

    def neighbours(self, rows: Floats, generator: np.random.Generator) -> tuple[Floats, NDArray[np.intp]]:
        """Rows that differ in one active decision (and what hangs on it), and of which row each is a neighbour."""
        found, owners = [rows[:0]], [np.zeros(0, dtype=np.intp)]
        for at in np.flatnonzero(~np.isnan(rows).all(axis=0)).tolist():
            moved, owner = self._moved(at, rows, generator)
            if (below := self.below[at]) and len(owner):
                moved, owner = np.repeat(moved, FILLS, axis=0), np.repeat(owner, FILLS)
                old = moved[:, below]
                moved[:, below] = np.where(np.isnan(old), self._drawn(generator, len(moved), below), old)
                self._settle(moved, below)
            found.append(moved)
            owners.append(owner)
        return np.concatenate(found), np.concatenate(owners)

    def _moved(self, at: int, rows: Floats, generator: np.random.Generator) -> tuple[Floats, NDArray[np.intp]]:
        """One decision of each row set to every other choice, one step up and down, or to near numbers."""
        column, values = rows[:, at], self.values[at]
        active = np.flatnonzero(~np.isnan(column))
        if values is None:
            steps = generator.normal(0.0, SPREAD, (len(active), NEAR))
            fresh = np.clip(column[active, None] + steps, 0.0, 1.0)
            owner, to = np.repeat(active, NEAR), fresh.ravel()
        elif self.parameters[at].kind == "categorical":
            owner, to = np.repeat(active, len(values)), np.tile(values, len(active))
        else:
            index = np.abs(column[active, None] - values).argmin(axis=1)
            index = np.concatenate([index - 1, index + 1])
            inside = (index >= 0) & (index < len(values))
            owner, to = np.concatenate([active, active])[inside], values[index[inside]]
        other = np.abs(to - column[owner]) > SAME
        owner, to = owner[other], to[other]
        moved = rows[owner]
        moved[:, at] = to
        return moved, owner

    def _drawn(self, generator: np.random.Generator, count: int, columns: Sequence[int] | None = None) -> Floats:
        """Some decisions of every row, active or not."""
        chosen = slice(None) if columns is None else list(columns)
        sizes, starts = self.sizes[chosen, None], self.starts[chosen, None]
        return np.asarray(self.table[(generator.random((len(sizes), count)) * sizes + starts).astype(np.intp)].T)

    def _settle(self, rows: Floats, columns: Sequence[int] | None = None) -> None:
        """Inactive decisions become NaN, in place. A condition on an inactive decision does not hold."""
        masks: dict[int, Mask] = {}
        for at in self.conditional if columns is None else columns:
            inactive = np.zeros(len(rows), dtype=np.bool_)
            for test in self.conditional[at]:
                if test not in masks:
                    masks[test] = ~self.tests[test].holds(rows)
                inactive |= masks[test]
            rows[inactive, at] = np.nan

    def _test(self, condition: Mapping[str, Any], known: dict[str, int]) -> int:
        """The place of a condition among the different ones."""
        at = self.place[condition["name"]]
        parent = self.parameters[at]
        if "among" in condition:
            test = Test(at, tuple(_code(parent, value) for value in condition["among"]))
        elif parent.kind == "categorical":
            met = [value for value in parent.choices if value >= condition["at_least"]]
            test = Test(at, tuple(_code(parent, value) for value in met))
        else:
            test = Test(at, None, _at_least(parent, condition["at_least"]))
        place = known.setdefault(repr(test), len(known))
        if place == len(self.tests):
            self.tests.append(test)
        return place

    def _descendants(self, at: int) -> list[int]:
        """The decisions that hang on this one, directly or through others, in order."""
        found = {at}
        for child, tests in self.conditional.items():
            if any(self.tests[test].at in found for test in tests):
                found.add(child)
        return sorted(found - {at})


def _values(parameter: Parameter) -> Floats | None:
    """Every value that the column may hold, where these are few."""
    if parameter.kind == "categorical":
        return np.arange(len(parameter.choices), dtype=np.float64)
    if short(parameter):
        return np.array([priors.place(parameter, value) for value in choices(parameter)])
    return None


def _code(parent: Parameter, value: Any) -> float:
    return float(parent.choices.index(value)) if parent.kind == "categorical" else priors.place(parent, value)


def _at_least(parent: Parameter, value: float) -> float:
    """The place of a bound, which may lie outside of the range."""
    low, high = float(parent.low or 0), float(parent.high or 0)
    if value <= low:
        return -np.inf
    return np.inf if value > high else priors.place(parent, value)
