"""How alike an estimate's order is to the true one: Kendall, Spearman, the common top, with bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.benchmarks.statistics import kendall, spearman
from engine.rng import stream_seed

DRAWS = 1000                                    # resamples of the networks
LEVEL = 95                                      # per cent of them lie within the interval
TOP = 0.1                                       # the share of the networks that count as the top
Numbers = NDArray[np.float64]
Matrix = NDArray[np.float32]


def agreement(estimate: Sequence[float], truth: Sequence[float], seed: int = 0) -> dict[str, Any]:
    """Rank correlations with the intervals that resampling the networks gives, and the common top. Estimates may be
    infinite. None: one of the two never differs."""
    placed = np.unique(np.asarray(estimate, float), return_inverse=True)[1].astype(float)   # infinities have no difference
    known = np.asarray(truth, float)
    one, other = (np.sign(np.subtract.outer(values, values)).astype(np.float32) for values in (placed, known))
    counts = _resamples(len(known), seed)
    return {"kendall": kendall(placed.tolist(), truth), "kendall_interval": _interval(_kendalls(one, other, counts)),
            "spearman": spearman(placed.tolist(), truth), "spearman_interval": _interval(_spearmans(one, other, counts)),
            "top": overlap(placed, known)}


def overlap(estimate: Numbers, truth: Numbers, share: float = TOP) -> float:
    """How much of the true top is in the estimated one. Equals at a border share the places that are left there, as if
    chance broke the tie: what knows nothing gets about the share itself."""
    size = max(1, round(share * len(truth)))
    return float(_members(estimate, size) @ _members(truth, size)) / size


def chance(count: int) -> float:
    """Kendall's tau of two orders that know nothing of each other lies within this of zero, 95 times of 100."""
    return 1.96 * math.sqrt(2 * (2 * count + 5) / (9 * count * (count - 1)))


def _members(values: Numbers, size: int) -> Numbers:
    """Which are among the highest: 1, 0, or a part of the places that equals share."""
    border = np.partition(values, -size)[-size]
    above, equal = values > border, values == border
    part: Numbers = above + equal * ((size - above.sum()) / equal.sum())
    return part


def _resamples(count: int, seed: int) -> Matrix:
    """How often each network is in a resample."""
    rng = np.random.default_rng(stream_seed(seed, "bootstrap"))
    return rng.multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(np.float32)


def _kendalls(one: Matrix, other: Matrix, counts: Matrix) -> Numbers:
    """Of each resample; a network drawn twice ties with itself."""
    return _ratios(lambda first, second: ((counts @ (first * second)) * counts).sum(1, dtype=np.float64), one, other)


def _spearmans(one: Matrix, other: Matrix, counts: Matrix) -> Numbers:
    """Half the signed differences to all others of the resample are a rank less the mean rank."""
    return _ratios(lambda first, second: ((counts @ first.T) * (counts @ second.T) * counts).sum(1, dtype=np.float64),
                   one, other)


def _ratios(product: Callable[[Matrix, Matrix], Numbers], one: Matrix, other: Matrix) -> Numbers:
    sizes = np.sqrt(product(one, one) * product(other, other))
    found: Numbers = np.divide(product(one, other), sizes, out=np.full(len(sizes), np.nan), where=sizes > 0)
    return found


def _interval(values: Numbers) -> list[float] | None:
    """None where most resamples have no order at all."""
    if np.isnan(values).mean() > 0.5:
        return None
    low, high = np.nanpercentile(values, [50 - LEVEL / 2, 50 + LEVEL / 2])
    return [float(low), float(high)]
