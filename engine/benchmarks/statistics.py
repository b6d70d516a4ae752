"""Is one strategy better than another? Paired tests over seeds, ranks, and how alike two orders are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist, fmean

import numpy as np

EXACT = 50                                      # pairs up to which the distribution is counted, without ties
# Nemenyi's test at 0.05: the studentised range over the square root of 2, for 2, 3, … strategies (Demšar, JMLR 2006).
NEMENYI = (1.960, 2.344, 2.569, 2.728, 2.850, 2.948, 3.031, 3.102, 3.164, 3.219, 3.268, 3.313, 3.354)


def wilcoxon(first: Sequence[float], second: Sequence[float]) -> float:
    """The two-sided p value of Wilcoxon's signed-rank test over pairs; pairs without a difference are left out."""
    differences = [a - b for a, b in zip(first, second, strict=True) if a != b]
    if not differences:
        return 1.0
    sizes = [abs(d) for d in differences]
    ranks = ranked(sizes)
    above = sum(rank for rank, d in zip(ranks, differences, strict=True) if d > 0)
    count = len(differences)
    if count <= EXACT and len(set(sizes)) == count and count == len(first):
        return _exact(min(above, count * (count + 1) / 2 - above), count)
    ties = [sizes.count(size) for size in set(sizes)]
    variance = count * (count + 1) * (2 * count + 1) / 24 - sum(t**3 - t for t in ties) / 48
    z = (above - count * (count + 1) / 4) / math.sqrt(variance)
    return min(1.0, 2 * NormalDist().cdf(-abs(z)))


def _exact(statistic: float, count: int) -> float:
    """How many of the 2^count signs give a rank sum that is as far out."""
    ways = [1]
    for rank in range(1, count + 1):
        longer = [*ways, *[0] * rank]
        for total, number in enumerate(ways):
            longer[total + rank] += number
        ways = longer
    return min(1.0, float(2 * sum(ways[: int(statistic) + 1]) / 2**count))


def holm(values: Sequence[float]) -> list[float]:
    """p values of several tests, corrected so that the chance of one false alarm among them all is kept (Holm, 1979)."""
    found, highest = [0.0] * len(values), 0.0
    for place, at in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min(1.0, (len(values) - place) * values[at]))
        found[at] = highest
    return found


def ranked(values: Sequence[float]) -> list[float]:
    """Ranks from 1 for the smallest; equals share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks, at = [0.0] * len(values), 0
    while at < len(order):
        end = at
        while end + 1 < len(order) and values[order[end + 1]] == values[order[at]]:
            end += 1
        for place in order[at: end + 1]:
            ranks[place] = (at + end) / 2 + 1
        at = end + 1
    return ranks


def mean_ranks(regrets: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The mean rank of each strategy over the seeds, 1 the best."""
    rows = [ranked(row) for row in zip(*regrets.values(), strict=True)]
    return {name: fmean(row[place] for row in rows) for place, name in enumerate(regrets)}


def critical_difference(strategies: int, seeds: int) -> float | None:
    """Mean ranks closer than this are not told apart (Nemenyi, 0.05). None: too few strategies or too many for the table."""
    if not 2 <= strategies < len(NEMENYI) + 2:
        return None
    return NEMENYI[strategies - 2] * math.sqrt(strategies * (strategies + 1) / (6 * seeds))


def standard_error(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 0.0
    middle = fmean(values)
    return math.sqrt(sum((v - middle) ** 2 for v in values) / (len(values) - 1) / len(values))


def kendall(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Kendall's tau-b: pairs in the same order less pairs in the other, without ties. None: one of the two never differs."""
    one, other = (np.sign(np.subtract.outer(values, values)) for values in (np.asarray(first), np.asarray(second)))
    differ = float(np.abs(one).sum()), float(np.abs(other).sum())
    return float((one * other).sum()) / math.sqrt(differ[0] * differ[1]) if all(differ) else None


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """The correlation of the ranks. None: one of the two never differs."""
    one, other = (np.asarray(ranked(values)) - (len(values) + 1) / 2 for values in (first, second))
    size = math.sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / size if size else None
