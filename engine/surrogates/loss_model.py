"""A forest over losses in logarithms: what it is fitted to, and what a prediction means as a loss."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.surrogates.forest import Belief, Floats, Forest, Growth
from engine.surrogates.vectors import Vectors

SHARE = 5.0                                     # per cent: how far the best lies above the bound that is assumed for losses
TINY = 1e-10


class Scale(NamedTuple):
    """Losses of any sign, between 0 and 1 and then in logarithms, so that differences near the best count most."""

    low: float
    width: float

    @classmethod
    def of(cls, losses: Floats) -> Scale:
        """The bound lies as far below the best as the best lies below the fifth percentile."""
        least, share = float(losses.min()), float(np.percentile(losses, SHARE))
        low = least - (share - least) - TINY
        return cls(low, max(float(losses.max()) - low, TINY))

    def logs(self, losses: Floats) -> Floats:
        return np.log(np.maximum((losses - self.low) / self.width, TINY))

    def loss(self, logs: float) -> float:
        return float(self.low + self.width * np.exp(logs))


def remembered(losses: Floats, most: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Which of too many losses the forest learns from: the best half of what it may hold, and any of the others."""
    if len(losses) <= most:
        return np.arange(len(losses))
    order = np.argsort(losses, kind="stable")
    others = generator.choice(order[most // 2:], most - most // 2, replace=False)
    return np.sort(np.concatenate([order[: most // 2], others]))


class LossModel:
    """Fitted on construction to rows and their losses, `pending` rows are believed to bring what is expected of them."""

    def __init__(self, vectors: Vectors, growth: Growth, seed: int, rows: Floats, losses: Floats, most: int,
                 pending: Floats | None = None) -> None:
        self.vectors, self.losses = vectors, losses
        chosen = remembered(losses, most, np.random.Generator(np.random.PCG64(seed)))
        self.fitted = len(chosen)
        self.scale = Scale.of(losses)
        known, targets = vectors.imputed(rows[chosen]), self.scale.logs(losses[chosen])
        self.forest = Forest(known, targets, growth, seed)
        self.importance = self.forest.importance
        if pending is not None and len(pending):
            extra = vectors.imputed(pending)
            expected = self.forest.predict(extra).means
            self.forest = Forest(np.concatenate([known, extra]), np.concatenate([targets, expected]), growth, seed)

    @property
    def best(self) -> float:
        """The lowest loss, in logarithms."""
        return float(self.scale.logs(self.losses.min(keepdims=True))[0])

    def predict(self, row: Floats) -> tuple[float, Belief]:
        """The loss that is expected, and the belief in logarithms."""
        belief = self.forest.predict(self.vectors.imputed(row[None, :]))
        return self.scale.loss(float(belief.means[0])), belief
