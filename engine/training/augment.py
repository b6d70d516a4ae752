"""Random crops, flips and holes: what an image gets is a function of (seed, epoch, index), whatever its batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional

from engine.rng import stream_seed

AUGMENTATIONS = ("none", "crop", "crop_flip", "crop_flip_cutout")
GOLDEN, MIX_1, MIX_2 = -0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15      # SplitMix64, as signed numbers


def augment(images: Tensor, indices: Tensor, epoch: int, *, kind: str, seed: int) -> Tensor:
    """Augmented copies of a batch (count, channels, height, width); `indices` are the images' places in the training set."""
    if kind == "none":
        return images
    height, width = images.shape[2:]
    drawn = draws(indices, stream_seed(seed, "augment", epoch), 5)
    images = _crop(images, max(1, height // 8), max(1, width // 8), drawn[:, 0], drawn[:, 1])
    if "flip" in kind:
        flipped = (drawn[:, 2] % 2 == 0)[:, None, None, None]
        images = torch.where(flipped, functional.horizontal_flip(images), images)
    if "cutout" in kind:
        images = _cutout(images, height // 2, width // 2, drawn[:, 3] % height, drawn[:, 4] % width)
    return images


def draws(indices: Tensor, key: int, count: int) -> Tensor:
    """`count` random whole numbers from 0 to 2^62 for each index: a hash of key and index, equal on every device."""
    counters = indices[:, None] * count + torch.arange(1, count + 1, device=indices.device)
    mixed = counters * GOLDEN + key
    mixed = (mixed ^ _shifted(mixed, 30)) * MIX_1
    mixed = (mixed ^ _shifted(mixed, 27)) * MIX_2
    return _shifted(mixed ^ _shifted(mixed, 31), 2)


def _shifted(numbers: Tensor, bits: int) -> Tensor:
    """To the right, filled with zeros (torch shifts signed numbers, which would fill with the sign)."""
    return (numbers >> bits) & ((1 << (64 - bits)) - 1)


def _crop(images: Tensor, down: int, across: int, first: Tensor, second: Tensor) -> Tensor:
    """A window of the old size, placed at random on the image with a black border."""
    count, _, height, width = images.shape
    bordered = functional.pad(images, [across, down])
    rows = (first % (2 * down + 1))[:, None] + torch.arange(height, device=images.device)
    columns = (second % (2 * across + 1))[:, None] + torch.arange(width, device=images.device)
    batch = torch.arange(count, device=images.device)[:, None, None]
    windows: Tensor = bordered[batch, :, rows[:, :, None], columns[:, None, :]]      # channels last
    return windows.permute(0, 3, 1, 2)


def _cutout(images: Tensor, high: int, wide: int, row: Tensor, column: Tensor) -> Tensor:
    """A black hole with its centre anywhere in the image."""
    height, width = images.shape[2:]
    rows = torch.arange(height, device=images.device) - row[:, None] + high // 2
    columns = torch.arange(width, device=images.device) - column[:, None] + wide // 2
    hole = ((rows >= 0) & (rows < high))[:, :, None] & ((columns >= 0) & (columns < wide))[:, None, :]
    return images.masked_fill(hole[:, None], 0)
