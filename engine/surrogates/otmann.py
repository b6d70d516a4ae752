"""OTMANN: how far networks are apart, as the price of carrying one network's layers over to another's by exact optimal
transport (Kandasamy, Neiswanger, Schneider, Poczos, Xing, NeurIPS 2018).

Layers of different families are never carried into each other, and leaving one without a partner costs 1 whatever the rest
does. So the transport falls apart into one small problem for each family, with the same optimum as the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from engine.surrogates.network_layers import Floats, Label, Layered, mismatch

STRUCTURE = (0.1, 0.25, 0.61, 1.5)              # nu: weights of path lengths against labels
ALONE = 1.0                                     # the price of a unit of mass without a partner
REMEMBERED = 200_000                            # pairs of labels
STEPS = 1_000_000                               # of the network simplex: far more than any problem here takes
SOLVED = 1
SAME = 1e-13                                    # relative difference of prices that are the same


class Transport(NamedTuple):
    """The least price, who goes where, and the prices of supplies and demands that prove it (the dual)."""

    price: float
    plan: Floats
    supplies: Floats
    demands: Floats


class Solver:
    """The network simplex of POT, without the conversions and checks around it, which take longer than it does."""

    def __init__(self) -> None:
        from ot.lp.emd_wrap import emd_c

        self.simplex: Any = emd_c

    def solve(self, supplies: Floats, demands: Floats, prices: Floats) -> Transport:
        """Supplies and demands have the same sum."""
        mass = supplies.sum()
        plan, price, mine, theirs, verdict = self.simplex(supplies / mass, demands / mass, prices, STEPS, 1)
        if verdict != SOLVED:
            raise ArithmeticError(f"the transport of {len(supplies)} to {len(demands)} layers was not solved ({verdict})")
        return Transport(float(price * mass), plan * mass, mine, theirs)


class _Side(NamedTuple):
    """The layers of one family in many networks side by side, each network's followed by the place of the unassigned."""

    different: list[int]                        # numbers of labels that occur; -1: the place of the unassigned
    which: NDArray[np.intp]                     # of these, for each place
    masses: Floats                              # 0 where nobody is assigned
    paths: Floats
    starts: NDArray[np.intp]                    # one more than there are networks
    alone: NDArray[np.bool_]
    totals: Floats                              # of each network
    owner: NDArray[np.intp]                     # the network of each place


class Crowd:
    """Networks that others are compared with."""

    def __init__(self, networks: Sequence[Layered]) -> None:
        self.networks = list(networks)
        self.totals = np.array([network.total for network in networks])
        self.sides: dict[str, _Side] = {}
        self.families = sorted({family for network in networks for family in network.families})


class Otmann:
    """Distances for each nu. Numbers of labels are given as labels are met; prices of pairs are remembered."""

    def __init__(self, structure: Sequence[float] = STRUCTURE) -> None:
        self.solver = Solver()
        self.structure = tuple(structure)
        self.numbers: dict[Label, int] = {}
        self.met: list[Label] = []
        self.prices: dict[tuple[int, int], float] = {}

    def distances(self, one: Layered, crowd: Crowd) -> Floats:
        """d for each nu (rows) to each network of the crowd."""
        found = np.zeros((len(self.structure), len(crowd.networks)))
        for family in crowd.families:
            side = self._side(crowd, family)
            found += self._family(one.families[family], side) if family in one.families else ALONE * side.totals
        return found + ALONE * sum(float(masses.sum()) for family, (_, masses, _) in one.families.items()
                                   if family not in crowd.families)

    def normalised(self, one: Layered, crowd: Crowd, distances: Floats) -> Floats:
        """d_bar: the distance as a share of both masses."""
        return distances / (one.total + crowd.totals)

    def _side(self, crowd: Crowd, family: str) -> _Side:
        if family not in crowd.sides:
            parts = [network.families.get(family) for network in crowd.networks]
            width = next(part[2].shape[1] for part in parts if part is not None)
            labels = [[*map(self._number, part[0] if part else ()), -1] for part in parts]
            masses = [np.append(part[1], 0.0) if part else np.zeros(1) for part in parts]
            paths = [np.vstack([part[2], np.zeros(width)]) if part else np.zeros((1, width)) for part in parts]
            numbers = np.concatenate(labels).astype(np.intp)
            different, which = np.unique(numbers, return_inverse=True)
            sizes = [len(each) for each in labels]
            crowd.sides[family] = _Side(
                different.tolist(), which, np.concatenate(masses), np.concatenate(paths), np.cumsum([0, *sizes]),
                numbers < 0, np.array([mass.sum() for mass in masses]), np.repeat(np.arange(len(sizes)), sizes))
        return crowd.sides[family]

    def _family(self, own: tuple[list[Label], Floats, Floats], side: _Side) -> Floats:
        """What the layers of a family cost, for each nu and network."""
        labels, masses, paths = own
        numbers = [self._number(label) for label in labels]
        table = {number: [self._price(number, other) for other in side.different] for number in set(numbers)}
        looks = np.array([table[number] for number in numbers])[:, side.which]
        structure = cdist(paths, side.paths, "cityblock") / paths.shape[1]
        structure[:, side.alone] = 0.0
        prices = np.full((len(self.structure), len(labels) + 1, len(side.owner)), ALONE)
        prices[:, :-1] = looks + np.multiply.outer(np.array(self.structure), structure)
        prices[:, -1, side.alone] = 0.0
        if len(labels) == 1:
            return self._one_to_several(float(masses[0]), prices[:, 0], side)
        sizes = np.diff(side.starts) - 1
        found = np.full((len(prices), len(sizes)), ALONE * float(masses.sum()))
        ones = np.flatnonzero(sizes == 1)
        if len(ones):
            found[:, ones] = self._several_to_one(masses, prices[:, :-1, side.starts[ones]], side.totals[ones])
        self._several(masses, prices, side, np.flatnonzero(sizes > 1), found)
        return found

    @staticmethod
    def _one_to_several(mass: float, prices: Floats, side: _Side) -> Floats:
        """One layer is carried to the cheapest first, as long as that is cheaper than leaving both alone."""
        found = np.empty((len(prices), len(side.totals)))
        for row, price in enumerate(prices):
            order = np.lexsort((side.alone, price, side.owner))
            masses = side.masses[order]
            before = np.cumsum(masses) - masses
            before -= np.repeat(before[side.starts[:-1]], np.diff(side.starts))
            carried = np.minimum(np.maximum(mass - before, 0.0), masses)
            saved = np.add.reduceat(carried * np.maximum(2 * ALONE - price[order], 0.0), side.starts[:-1])
            found[row] = ALONE * (mass + side.totals) - saved
        return found

    @staticmethod
    def _several_to_one(masses: Floats, prices: Floats, totals: Floats) -> Floats:
        """The cheapest are carried to one layer first; `prices`: nu, layer, network."""
        order = np.argsort(prices, axis=1, kind="stable")
        sent = masses[order]
        before = np.cumsum(sent, axis=1) - sent
        carried = np.minimum(np.maximum(totals - before, 0.0), sent)
        saved = (carried * np.maximum(2 * ALONE - np.take_along_axis(prices, order, axis=1), 0.0)).sum(axis=1)
        rest: Floats = ALONE * (masses.sum() + totals) - saved
        return rest

    def _several(self, masses: Floats, prices: Floats, side: _Side, networks: NDArray[np.intp], found: Floats) -> None:
        """A transport for each network and nu. The optimum is a concave function of nu, as the least of many straight lines:
        where one plan is the best for the first nu and for the last, its price at those between is on the same line."""
        own, nus = float(masses.sum()), np.array(self.structure)
        both = own + side.totals
        supplies = np.hstack([np.tile(masses, (len(both), 1)), side.totals[:, None]]) / both[:, None]
        demands = (side.masses + own * side.alone) / both[side.owner]
        starts, last = side.starts.tolist(), len(nus) - 1
        along = (nus - nus[0]) / (nus[last] - nus[0]) if last else nus
        for network in networks.tolist():
            start, end = starts[network], starts[network + 1]
            supply, demand, block = supplies[network], demands[start:end], prices[:, :, start:end].copy()
            plan, first = self._optimum(supply, demand, block[0])
            found[0, network] = first * both[network]
            if last:
                _, price = self._optimum(supply, demand, block[last])
                if float(np.vdot(plan, block[last])) <= price * (1 + SAME):
                    found[:, network] = (first + along * (price - first)) * both[network]
                else:
                    middle = [self._optimum(supply, demand, each)[1] for each in block[1:last]]
                    found[1:, network] = np.array([*middle, price]) * both[network]

    def _optimum(self, supply: Floats, demand: Floats, prices: Floats) -> tuple[Floats, float]:
        plan, price, _, _, verdict = self.solver.simplex(supply, demand, prices, STEPS, 1)
        if verdict != SOLVED:
            raise ArithmeticError(f"a transport was not solved ({verdict})")
        return plan, price

    def _number(self, label: Label) -> int:
        if label not in self.numbers:
            self.numbers[label] = len(self.met)
            self.met.append(label)
        return self.numbers[label]

    def _price(self, one: int, other: int) -> float:
        if other < 0:
            return ALONE
        price = self.prices.get((one, other))
        if price is None:
            if len(self.prices) > REMEMBERED:
                self.prices.clear()
            price = self.prices[one, other] = mismatch(self.met[one], self.met[other])
        return price
