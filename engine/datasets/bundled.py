"""Tables that ship with scikit-learn: options that tables share, and which rows are for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from engine.datasets.arrays import Progress, Table
from engine.options import integer, real
from engine.rng import stream

TEST = 0.2


def held_out(count: int, share: float) -> tuple[list[int], list[int]]:
    """The rows for tests and all others, the same whatever the seed of a search."""
    order = list(range(count))
    stream(0, "table test", count).shuffle(order)
    border = max(1, round(share * count))
    return order[:border], order[border:]


@dataclass(frozen=True)
class Tabular:
    """The options that all tables share."""

    validation: float = real(0.2, low=0.01, high=0.5, help="Part of the training rows held out to score candidates.")
    train_limit: int | None = integer(None, low=10, high=10_000_000, optional=True,
                                      help="Use at most this many training rows; empty: all.")


@dataclass(frozen=True)
class Bundled(Tabular):
    """One of scikit-learn's own tables: no download."""

    LOADER: ClassVar[str]                       # a function of sklearn.datasets

    def ready(self, folder: Path | None = None) -> bool:
        return find_spec("sklearn") is not None

    def load(self, folder: Path, progress: Progress) -> Table:
        from sklearn import datasets

        loader: Callable[[], Any] = getattr(datasets, self.LOADER)
        found = loader()
        rows, labels = found.data.astype(np.float32), found.target.astype(np.int64)
        test, learn = held_out(len(labels), TEST)
        classes, features = _words(found.target_names), _words(found.feature_names)
        return Table(rows[learn], labels[learn], rows[test], labels[test], classes, features)


def _words(names: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(name) for name in names)
