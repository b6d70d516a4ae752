"""The images of a table: pooled, and split as its recipe says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from engine.benchmarks.pictures import pool, splits
from tests.engine.benchmarks.tiny import TINY


def test_pooling_takes_means() -> None:
    images = np.arange(16, dtype=np.uint8).reshape(1, 1, 4, 4)
    assert pool(images, 2).tolist() == [[[[2, 4], [10, 12]]]]          # 2.5 and 12.5 are rounded to even
    assert pool(images, 4) is images
    assert pool(np.full((2, 1, 28, 28), 7, np.uint8), 8).shape == (2, 1, 8, 8)


def test_the_splits_are_those_of_the_recipe(tmp_path: Path) -> None:
    found = splits(TINY.document(), tmp_path)
    assert (len(found.train), len(found.validation), found.shape) == (TINY.train, TINY.validation, (1, TINY.side, TINY.side))
    smaller = splits({**TINY.document(), "side": 4}, tmp_path)
    assert smaller.shape == (1, 4, 4) and torch.equal(smaller.train.labels, found.train.labels)
    assert splits({**TINY.document(), "split_seed": 1}, tmp_path).train.indices.tolist() != found.train.indices.tolist()
