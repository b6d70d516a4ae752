"""Trials in the order of time, and their best: one split of all trials, whatever decisions each of them made."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FIRST = 64                                      # trials that there is room for at the start


class Observations:
    """A row a decision, a column a trial; NaN where a decision was not made. What failed has no loss and is never best."""

    def __init__(self, width: int) -> None:
        self.table = np.full((width, FIRST), np.nan)
        self.count = 0
        self.order: list[tuple[float, int]] = []            # loss and trial, the best first, of equals the earliest

    @property
    def columns(self) -> NDArray[np.float64]:
        return self.table[:, : self.count]

    def add(self, vector: Sequence[float], loss: float | None) -> None:
        if self.count == self.table.shape[1]:
            self.table = np.concatenate([self.table, np.full_like(self.table, np.nan)], axis=1)
        self.table[:, self.count] = vector
        if loss is not None:
            insort(self.order, (loss, self.count))
        self.count += 1

    def best(self, wanted: int) -> list[int]:
        """Up to so many of the best that succeeded, in the order of time."""
        return sorted(trial for _, trial in self.order[:wanted])

    def threshold(self, wanted: int) -> float | None:
        """The loss of the worst of the best."""
        return self.order[min(wanted, len(self.order)) - 1][0] if self.order and wanted else None
