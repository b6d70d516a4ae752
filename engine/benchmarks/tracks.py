"""What is kept of the arena's runs, and the curves that are drawn of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean

from engine.benchmarks.statistics import standard_error

POINTS = 100                                    # of a curve, at most
RECENT = 20                                     # evaluations whose mean stands for the current population
BAND = 1.96


@dataclass(frozen=True)
class Run:
    """One strategy with one seed: after each evaluation the regret of the answer so far, of the newest, and the cost."""

    incumbent: list[float]
    newest: list[float | None]                  # None: a failed trial
    cost: list[float]


@dataclass(frozen=True)
class Track:
    """A run in short: at up to `POINTS` numbers of evaluations the regret of the answer and of the current population, and
    the cost. The last point is the end of the run."""

    evaluations: list[int]
    incumbent: list[float]
    recent: list[float]
    cost: list[float]


def track(run: Run, nothing: float) -> Track:
    """`nothing` is the regret where no evaluation has succeeded yet."""
    at, recent = points(len(run.cost)), _recent(run.newest, nothing)
    return Track(at, *([values[n - 1] for n in at] for values in (run.incumbent, recent, run.cost)))


def points(length: int) -> list[int]:
    """The numbers of evaluations at which a curve is drawn, the first and the last among them."""
    count = min(POINTS, length)
    return sorted({round(1 + place * (length - 1) / (count - 1 or 1)) for place in range(count)})


def curve(tracks: Sequence[Track]) -> dict[str, list[float]]:
    """Means over the seeds of the answer (`mean`) and of the current population (`recent`), each with a band of 95 %."""
    found: dict[str, list[float]] = {"evaluations": [float(n) for n in tracks[0].evaluations],
                                     "cost": [fmean(column) for column in zip(*(t.cost for t in tracks), strict=True)]}
    for rows, names in (([t.incumbent for t in tracks], ("mean", "low", "high")),
                        ([t.recent for t in tracks], ("recent", "recent_low", "recent_high"))):
        middles = [fmean(column) for column in zip(*rows, strict=True)]
        margins = [BAND * standard_error(column) for column in zip(*rows, strict=True)]
        both = list(zip(middles, margins, strict=True))
        found |= dict(zip(names, (middles, [m - b for m, b in both], [m + b for m, b in both]), strict=True))
    return found


def _recent(values: Sequence[float | None], nothing: float) -> list[float]:
    """The mean of the last evaluations that succeeded: how good the current population is."""
    sums = list(accumulate((value or 0.0 for value in values), initial=0.0))
    counts = list(accumulate((value is not None for value in values), initial=0))
    found = []
    for n in range(1, len(values) + 1):
        first = max(0, n - RECENT)
        number = counts[n] - counts[first]
        found.append((sums[n] - sums[first]) / number if number else nothing)
    return found
