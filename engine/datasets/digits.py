"""Handwritten digits, 8×8: ships with scikit-learn, works offline."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from engine.datasets.arrays import Arrays, Progress
from engine.options import integer, real
from engine.registry import dataset
from engine.rng import stream

TEST = 0.2
BRIGHTEST = 16


@dataset(title="Digits", kind="images", shape=(1, 8, 8), classes=10,
         source="UCI Optical Recognition of Handwritten Digits",
         summary="1,797 handwritten digits of 8×8 pixels. Small enough to search on a laptop; needs no download.")
@dataclass(frozen=True)
class Digits:
    validation: float = real(0.2, low=0.01, high=0.5, help="Part of the training images held out to score candidates.")
    train_limit: int | None = integer(None, low=10, high=10_000_000, optional=True,
                                      help="Use at most this many training images; empty: all.")

    def ready(self, folder: Path | None = None) -> bool:
        return find_spec("sklearn") is not None

    def load(self, folder: Path, progress: Progress) -> Arrays:
        """The fifth that is the test set is the same whatever the seed."""
        from sklearn.datasets import load_digits

        found = load_digits()
        images, labels = found.images.astype(np.uint8)[:, None], found.target.astype(np.int64)
        order = list(range(len(labels)))
        stream(0, "digits test").shuffle(order)
        test, train = np.split(np.array(order), [round(TEST * len(labels))])
        return Arrays(images[train], labels[train], images[test], labels[test], tuple("0123456789"), white=BRIGHTEST)
