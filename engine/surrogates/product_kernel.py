"""Joint densities l and g: a mixture of products of kernels, one product an observation (Falkner, Klein, Hutter, ICML 2018).

Decisions that stand under the same conditions are always made together; each such group has a mixture of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from engine.architecture import genotype, priors
from engine.surrogates.parzen import TINY, Floats, Scale, Spots, adaptive, forgetting
from engine.surrogates.split import Observations
from engine.surrogates.tree_parzen import Decisions, Draw

Codes = NDArray[np.uint8 | np.uint16]


class Bells:
    """One number's kernels, in the order of the observations, the prior's the last; each is cut off at the scale's ends."""

    def __init__(self, scale: Scale, seen: Floats) -> None:
        found = adaptive(seen, np.ones(len(seen)), 1.0, scale.mu, scale.sigma)
        sigmas = np.empty(len(seen))
        sigmas[found.order] = np.delete(found.sigmas, found.prior)
        self.scale, self.mus, self.sigmas = scale, np.append(seen, scale.mu), np.append(sigmas, scale.sigma)
        self.below = ndtr((scale.low - self.mus) / self.sigmas)
        self.masses = ndtr((scale.high - self.mus) / self.sigmas) - self.below + TINY

    def draw(self, kernels: Any, shares: Floats) -> list[Any]:
        """A number from each of these kernels."""
        bells = ndtri(self.below[kernels] + shares * self.masses[kernels])
        places = np.clip(self.mus[kernels] + self.sigmas[kernels] * bells, self.scale.low, self.scale.high)
        return [priors.number(self.scale.parameter, place) for place in places.tolist()]

    def logs(self, spots: Spots) -> Floats:
        """A row a number, a column a kernel: the logarithm of the kernel there."""
        if self.scale.step:
            mass = ndtr((spots.high[:, None] - self.mus) / self.sigmas) - ndtr((spots.low[:, None] - self.mus) / self.sigmas)
            return np.asarray(np.log(np.maximum(mass, TINY)) - np.log(self.masses))
        far = (spots.places[:, None] - self.mus) / self.sigmas
        return np.asarray(-0.5 * far**2 - np.log(math.sqrt(2 * math.pi) * self.sigmas * self.masses))


class Mixture:
    """The kernels of one side of a group. A choice's kernel is 1 at what was chosen plus a share of the prior everywhere."""

    def __init__(self, group: Group, codes: Codes, numbers: Floats, prior_weight: float, flat: int) -> None:
        count = codes.shape[1]
        weights = np.concatenate([forgetting(count, flat), [prior_weight]])
        self.group, self.codes = group, codes
        self.weights, self.share = weights / weights.sum(), prior_weight / (count + 1)
        self.bells = [Bells(scale, seen) for scale, seen in zip(group.scales, numbers, strict=True)]

    def draw(self, generator: np.random.Generator, count: int) -> tuple[Codes, list[list[Any]]]:
        """A row a decision, a column a draw: codes of choices, and numbers."""
        kernels = np.searchsorted(np.cumsum(self.weights[:-1]), generator.random(count), side="right")
        shares = generator.random((3, max(len(self.group.choices), len(self.bells)), count))
        rows, sizes = len(self.group.choices), self.group.sizes[:, None]
        own = np.concatenate([self.codes, np.zeros((rows, 1), dtype=self.codes.dtype)], axis=1)[:, kernels]
        kept = (shares[0, :rows] * (1 + sizes * self.share) < 1) & (kernels < len(self.weights) - 1)
        drawn = np.where(kept, own, (shares[1, :rows] * sizes).astype(self.codes.dtype))
        return drawn, [bells.draw(kernels, shares[2, row]) for row, bells in enumerate(self.bells)]

    def logs(self, drawn: Codes, numbers: Sequence[Sequence[Any]]) -> Floats:
        """Logarithms of the density at each draw."""
        matches = np.zeros((drawn.shape[1], self.codes.shape[1]), dtype=np.uint16 if len(drawn) > 255 else np.uint8)
        for row, own in zip(drawn, self.codes, strict=True):
            matches += row[:, None] == own
        found = np.empty((drawn.shape[1], len(self.weights)))
        np.multiply(matches, math.log1p(1 / self.share), out=found[:, :-1])
        found[:, -1] = np.log1p(1 / (self.group.sizes * self.share)).sum()       # 1 / size, in units of what does not match
        found += np.log(self.weights)
        for row, bells in enumerate(self.bells):
            found += bells.logs(bells.scale.spots(numbers[row]))
        apart = np.log(self.share / (1 + self.group.sizes * self.share)).sum()
        top = found.max(axis=1, keepdims=True)
        return np.asarray(np.log(np.exp(found - top).sum(axis=1)) + top[:, 0] + apart)


class Group:
    """Decisions under the same conditions: those among choices and those among numbers."""

    def __init__(self, decisions: Decisions, members: Sequence[int]) -> None:
        self.members, self.first = members, decisions.parameters[members[0]]
        self.choices = [at for at in members if at not in decisions.scales]
        self.numbers = [at for at in members if at in decisions.scales]
        self.rows = [decisions.row[at] for at in self.choices]
        self.sizes = np.array([decisions.sizes[row] for row in self.rows], dtype=np.float64)
        self.scales = [decisions.scales[at] for at in self.numbers]
        more = f" and {len(members) - 1} more" if len(members) > 1 else ""
        self.name = self.first.name + more


def grouped(decisions: Decisions) -> list[Group]:
    """In an order in which conditions speak of earlier groups."""
    found: dict[str, list[int]] = {}
    for at, parameter in enumerate(decisions.parameters):
        key = sorted(repr(sorted((name, repr(value)) for name, value in c.items())) for c in parameter.when)
        found.setdefault(repr(key), []).append(at)
    return [Group(decisions, members) for members in found.values()]


class ProductKernel:
    """`fit` it, then `draw`: as `tree_parzen.TreeParzen`, for groups of decisions."""

    def __init__(self, decisions: Decisions, prior_weight: float, flat: int) -> None:
        self.decisions, self.prior_weight, self.flat = decisions, prior_weight, flat
        self.groups = grouped(decisions)
        self.absent = max(decisions.sizes, default=0)
        self.codes = np.empty((len(decisions.choices), 0), dtype=np.uint16 if self.absent > 255 else np.uint8)
        self.coded = 0                                      # trials whose codes are known; there is room for more

    def fit(self, observed: Observations, wanted: int, pending: Sequence[Sequence[float]] = ()) -> None:
        """`pending` are trials without a result that shall count as bad ones."""
        liars = np.array(pending, dtype=np.float64).reshape(len(pending), len(self.decisions.parameters)).T
        if self.codes.shape[1] < observed.count + len(pending):
            room = np.empty((len(self.codes), observed.count + len(pending)), dtype=self.codes.dtype)
            self.codes = np.concatenate([self.codes, room], axis=1)
        end = observed.count + len(pending)
        fresh = np.concatenate([observed.columns[:, self.coded:], liars], axis=1)
        self.codes[:, self.coded: end] = np.nan_to_num(fresh[self.decisions.choices], nan=self.absent)
        self.coded = observed.count                         # the pending are written over next time
        self.columns = np.concatenate([observed.columns, liars], axis=1) if len(pending) else observed.columns
        self.best = np.zeros(end, dtype=np.bool_)
        self.best[observed.best(wanted)] = True

    def draw(self, generator: np.random.Generator, count: int) -> Draw:
        """Group by group down the tree: of `count` draws from l the one with the highest l / g."""
        vector = [float("nan")] * len(self.decisions.parameters)
        config: dict[str, Any] = {}
        gains: dict[str, float] = {}
        for group in self.groups:
            if not genotype.active(group.first, config):
                continue
            codes, numbers, gains[group.name] = self._point(group, generator, count)
            for at, code in zip(group.choices, codes, strict=True):
                vector[at], config[self.decisions.parameters[at].name] = float(code), self.decisions.made(at, code)
            for at, value in zip(group.numbers, numbers, strict=True):
                parameter = self.decisions.parameters[at]
                vector[at], config[parameter.name] = priors.place(parameter, value), value
        return Draw(vector, gains)

    def _point(self, group: Group, generator: np.random.Generator, count: int) -> tuple[list[int], list[Any], float]:
        below, above = self.mixtures(group)
        codes, numbers = below.draw(generator, count)
        ratios = below.logs(codes, numbers) - above.logs(codes, numbers)
        best = int(np.argmax(ratios))
        return codes[:, best].tolist(), [row[best] for row in numbers], float(ratios[best])

    def mixtures(self, group: Group) -> tuple[Mixture, Mixture]:
        """l and g of a group."""
        made = ~np.isnan(self.columns[group.members[0]])
        return self._mixture(group, made & self.best), self._mixture(group, made & ~self.best)

    def _mixture(self, group: Group, trials: NDArray[np.bool_]) -> Mixture:
        at = np.flatnonzero(trials)
        codes = self.codes[group.rows] if len(group.rows) < len(self.codes) else self.codes
        numbers = self.columns[group.numbers][:, at]
        return Mixture(group, np.take(codes, at, axis=1), numbers, self.prior_weight, self.flat)
