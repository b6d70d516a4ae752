"""Numbers of a decision: their scale from 0 to 1, draws from the prior, and small steps.

The scale is linear in the number, or in its logarithm for the priors `log` and `lognormal`. Whole numbers on a
logarithmic scale own the interval [n - 1/2, n + 1/2], so that both ends get their full share.
"""

from __future__ import annotations

import math
from random import Random
from statistics import NormalDist
from typing import Any

from engine.spaces.space import Parameter

DIGITS = 6                                      # significant digits of a real: enough to tell, few enough to read
SPREAD = 0.2                                    # standard deviation of a mutation on the scale
STEPS = (-0.2, -0.05, 0.05, 0.2)                # the neighbours of a number on the scale
COUNTED = 64                                    # whole numbers in a range this short are stepped by one


def logarithmic(parameter: Parameter) -> bool:
    return parameter.prior in ("log", "lognormal")


def bounds(parameter: Parameter) -> tuple[float, float]:
    """Ends of the scale, in logarithms where the scale is logarithmic."""
    low, high = float(parameter.low or 0), float(parameter.high or 0)
    if not logarithmic(parameter):
        return low, high
    margin = 0.5 if parameter.kind == "integer" else 0.0
    return math.log(low - margin), math.log(high + margin)


def place(parameter: Parameter, value: float) -> float:
    """Where a number lies on the scale."""
    low, high = bounds(parameter)
    return ((math.log(value) if logarithmic(parameter) else value) - low) / (high - low) if high > low else 0.0


def number(parameter: Parameter, at: float) -> Any:
    """The number at a place of the scale, rounded to what the decision may be."""
    low, high = bounds(parameter)
    return fitted(parameter, _unscaled(parameter, low + at * (high - low)))


def fitted(parameter: Parameter, value: float) -> Any:
    """The nearest number that the decision may be."""
    low, high = parameter.low or 0, parameter.high or 0
    if parameter.kind == "integer":
        return int(min(high, max(low, math.floor(value + 0.5))))
    if parameter.step:
        value = round(value / parameter.step) * parameter.step
    return float(f"{min(float(high), max(float(low), value)):.{DIGITS}g}")


def draw(parameter: Parameter, rng: Random) -> Any:
    """One number from the prior."""
    return quantile(parameter, rng.random())


def quantile(parameter: Parameter, share: float) -> Any:
    """The number below which this share of the prior lies."""
    low, high = bounds(parameter)
    if parameter.prior == "uniform" and parameter.kind == "integer":
        return int(min(high, low + int(share * (high - low + 1))))
    if not parameter.prior.endswith("normal"):
        return number(parameter, share)
    bell = NormalDist(parameter.mu, parameter.sigma)
    below, above = bell.cdf(low), bell.cdf(high)
    inside = min(1 - 1e-12, max(1e-12, below + share * (above - below)))
    return fitted(parameter, _unscaled(parameter, bell.inv_cdf(inside)))


def _unscaled(parameter: Parameter, scaled: float) -> float:
    return math.exp(scaled) if logarithmic(parameter) else scaled


def counted(parameter: Parameter) -> bool:
    """Whether a mutation steps by one: whole numbers in a short range."""
    return parameter.kind == "integer" and (parameter.high or 0) - (parameter.low or 0) < COUNTED


def steps(parameter: Parameter, value: float) -> list[Any]:
    """The neighbours of a number: one up and down for short whole ranges, a few steps on the scale for others."""
    if counted(parameter):
        near = [int(value) - 1, int(value) + 1]
        return [n for n in near if (parameter.low or 0) <= n <= (parameter.high or 0)]
    at = place(parameter, value)
    found = (number(parameter, at + step) for step in STEPS if 0 <= at + step <= 1)
    return [n for n in dict.fromkeys(found) if n != value]


def shifted(parameter: Parameter, value: float, rng: Random) -> Any:
    """A mutation: short whole ranges step by one, others move by a normal step on the scale."""
    near = steps(parameter, value)
    if counted(parameter):
        return rng.choice(near)
    at = place(parameter, value)
    moved = (number(parameter, min(1.0, max(0.0, at + rng.gauss(0.0, SPREAD)))) for _ in range(100))
    return next((n for n in moved if n != value), near[0])


def holds(parameter: Parameter, value: Any) -> bool:
    """Whether a number is one that the decision may be (reals are rounded to `DIGITS` when taken)."""
    if isinstance(value, bool) or not isinstance(value, int if parameter.kind == "integer" else (int, float)):
        return False
    if not math.isfinite(value) or not (parameter.low or 0) <= value <= (parameter.high or 0):
        return False
    return not parameter.step or math.isclose(fitted(parameter, value), value, rel_tol=1e-9, abs_tol=1e-12)
