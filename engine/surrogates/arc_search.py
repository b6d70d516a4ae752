"""Where is the largest expected improvement? Random rows, and local search from the best known ones, all at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.surrogates.arc_process import Floats, Posterior, log_expected_improvement
from engine.surrogates.vectors import Vectors


class Found(NamedTuple):
    """Rows, the most promising first. `starts`: the place of the known row whose local search met it; -1: random."""

    rows: Floats
    gains: Floats
    starts: NDArray[np.intp]


def promising(vectors: Vectors, posterior: Posterior, best: float, known: Floats, *, random: int, steps: int,
              width: int, generator: np.random.Generator) -> Found:
    """Each local search steps to its best neighbour while that promises more, at most `steps` times; it looks at `width`
    neighbours of a row at most."""

    def looked(rows: Floats, starts: NDArray[np.intp]) -> Found:
        return Found(rows, log_expected_improvement(posterior.predict(rows), best), starts)

    drawn = vectors.sample(generator, random)
    met = [looked(drawn, np.full(random, -1, dtype=np.intp))]
    here = looked(known, np.arange(len(known)))
    for _ in range(steps):
        if not len(here.rows):
            break
        near, owner = _some(*vectors.neighbours(here.rows, generator), width, generator)
        around = looked(near, here.starts[owner])
        met.append(around)
        here = _stepped(here, around, owner)
    rows, gains, starts = (np.concatenate(parts) for parts in zip(*met, strict=True))
    order = np.argsort(-gains, kind="stable")
    return Found(rows[order], gains[order], starts[order])


def _some(near: Floats, owner: NDArray[np.intp], width: int,
          generator: np.random.Generator) -> tuple[Floats, NDArray[np.intp]]:
    """At most `width` neighbours of each row, any."""
    order = np.lexsort((generator.random(len(owner)), owner))
    firsts = np.searchsorted(owner[order], owner[order])
    kept = np.sort(order[np.arange(len(order)) - firsts < width])
    return near[kept], owner[kept]


def _stepped(here: Found, around: Found, owner: NDArray[np.intp]) -> Found:
    """Those that have a better neighbour, there."""
    order = np.lexsort((-around.gains, owner))
    owners, first = np.unique(owner[order], return_index=True)
    best = order[first]
    better = around.gains[best] > here.gains[owners]
    at = best[better]
    return Found(around.rows[at], around.gains[at], around.starts[at])
