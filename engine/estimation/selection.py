"""Ensemble selection: networks are picked one after another for what they add to the average of those picked before
(Caruana, Niculescu-Mizil, Crew & Ksikes, ICML 2004)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float32]             # (examples, classes)
TINY = 1e-12                                    # a probability of zero is no endless loss


@dataclass(frozen=True)
class Quality:
    """Of an average on the labelled examples. Accuracy counts first; where it is equal, the lower cross-entropy."""

    accuracy: float
    loss: float

    @property
    def key(self) -> tuple[float, float]:
        return self.accuracy, -self.loss


@dataclass(frozen=True)
class Picked:
    """Places in the library in the order of their picks, and the quality of the average after each."""

    order: tuple[int, ...]
    path: tuple[Quality, ...]

    @property
    def best(self) -> tuple[int, ...]:
        """The picks up to the best average, the smallest of equals."""
        return self.order[:1 + max(range(len(self.path)), key=lambda at: (*self.path[at].key, -at))]


def quality(total: NDArray[np.float64], count: int, labels: NDArray[np.int64]) -> Quality:
    """Of the average that is `total / count`."""
    right = total[np.arange(len(labels)), labels] / count
    return Quality(float((total.argmax(1) == labels).mean()), float(-np.log(np.maximum(right, TINY)).mean()))


def picked(library: Sequence[Probabilities], labels: NDArray[np.int64], rounds: int) -> Picked:
    """`rounds` picks with replacement, from nothing: the first is the best single network. Of equal additions the one that
    comes first in the library is taken."""
    total = np.zeros(library[0].shape)
    order: list[int] = []
    path: list[Quality] = []
    for count in range(1, rounds + 1):
        found = [quality(total + probabilities, count, labels) for probabilities in library]
        place = max(range(len(found)), key=lambda at: (*found[at].key, -at))
        total += library[place]
        order.append(place)
        path.append(found[place])
    return Picked(tuple(order), tuple(path))
