"""The images that a measured table was made with, which may be smaller than those of their dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import adaptive_avg_pool2d

from engine.datasets.arrays import Images
from engine.registry import discover
from engine.training.data import Splits, split


def splits(recipe: Mapping[str, Any], folder: Path) -> Splits:
    """The three splits of a table's recipe. Raises Unavailable with what to do."""
    source = discover("datasets")[recipe["dataset"]].factory()
    found = source.load(folder, lambda done, total: None)
    side = int(recipe["side"])
    pooled = replace(found, images=pool(found.images, side), test_images=pool(found.test_images, side))
    return split(pooled, recipe["validation"] / len(found.labels), recipe["train"], recipe["split_seed"])


def pool(images: Images, side: int) -> Images:
    """Smaller images: the mean over each of side × side windows, rounded."""
    if images.shape[2:] == (side, side):
        return images
    smaller = adaptive_avg_pool2d(torch.from_numpy(images).float(), side).round()
    return smaller.to(torch.uint8).numpy()
