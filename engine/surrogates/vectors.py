"""Points of a space as rows of numbers, many at once: draws, neighbours, and what stands for a decision that is not made.

A row is what `proposal_vector` gives: numbers on their scale from 0 to 1, the index of other choices, NaN where inactive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.architecture import priors
from engine.architecture.genotype import choices
from engine.spaces.space import Parameter

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]
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


class Vectors:
    """Decisions in an order in which conditions speak of earlier ones."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        self.place = {parameter.name: at for at, parameter in enumerate(self.parameters)}
        self.conditional = [at for at, parameter in enumerate(self.parameters) if parameter.when]
        self.parents = {self.place[condition["name"]] for parameter in self.parameters for condition in parameter.when}
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
        for at in range(len(self.parameters)):
            moved, owner = self._moved(at, rows, generator)
            if at in self.parents and len(owner):
                moved, owner = np.repeat(moved, FILLS, axis=0), np.repeat(owner, FILLS)
                moved = np.where(np.isnan(moved), self._drawn(generator, len(moved)), moved)
                self._settle(moved)
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

    def _drawn(self, generator: np.random.Generator, count: int) -> Floats:
        """Every decision of every row, active or not."""
        shares = generator.random((count, len(self.parameters)))
        return np.asarray(self.table[(shares * self.sizes + self.starts).astype(np.intp)])

    def _settle(self, rows: Floats) -> None:
        """Inactive decisions become NaN, in place. A condition on an inactive decision does not hold."""
        for at in self.conditional:
            mask = np.ones(len(rows), dtype=np.bool_)
            for condition in self.parameters[at].when:
                mask &= self._holds(rows, condition)
            rows[~mask, at] = np.nan

    def _holds(self, rows: Floats, condition: Mapping[str, Any]) -> NDArray[np.bool_]:
        at = self.place[condition["name"]]
        parent, column = self.parameters[at], rows[:, at]
        if "at_least" in condition and parent.kind != "categorical":
            return np.asarray(column >= _at_least(parent, condition["at_least"]) - SAME)
        met = [value for value in parent.choices if value >= condition["at_least"]] if "at_least" in condition else None
        among = [_code(parent, value) for value in (condition["among"] if met is None else met)]
        return np.asarray((np.abs(column[:, None] - np.array(among)) < SAME).any(axis=1))


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
