"""Three disjoint splits on the device, and the order in which an epoch reads them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from engine.datasets.arrays import Arrays
from engine.rng import stream_seed

if TYPE_CHECKING:
    from engine.spec import Part

LOG = logging.getLogger(__name__)
RESIDENT = 2                                    # datasets that a warm process keeps
_arrays: dict[Any, Arrays] = {}
_splits: dict[Any, Splits] = {}


@dataclass(frozen=True)
class Split:
    """Images as stored (uint8, count × channels × height × width) and their labels; `indices` in the dataset's own order."""

    images: Tensor
    labels: Tensor
    indices: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Splits:
    """Candidates learn from `train` and are scored on `validation`; only finals read `test`."""

    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    white: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, height, width."""
        return tuple(self.train.images.shape[1:])

    def normalise(self, images: Tensor) -> Tensor:
        """Stored images to what a network sees."""
        mean = torch.tensor([m * self.white for m in self.mean], device=images.device)
        std = torch.tensor([s * self.white for s in self.std], device=images.device)
        return (images.float() - mean[:, None, None]) / std[:, None, None]


def load_splits(dataset: Part, folder: Path, device: str, seed: int) -> Splits:
    """The splits of a dataset; read once in a process. Raises Unavailable with what to do."""
    source, key = (dataset, folder), (dataset, folder, device, seed)
    if key not in _splits:
        if source not in _arrays:
            _keep(_arrays, source, dataset.options.load(folder, _log_progress))
        _keep(_splits, key, split(_arrays[source], dataset.options.validation, dataset.options.train_limit, seed, device))
    return _splits[key]


def split(arrays: Arrays, validation: float, train_limit: int | None, seed: int, device: str = "cpu") -> Splits:
    """Hold out a part of the training images, chosen by the seed, for validation."""
    order = torch.randperm(len(arrays.labels), generator=_generator(seed, "validation"))
    held_out = max(1, round(validation * len(order)))
    images, labels = torch.from_numpy(arrays.images), torch.from_numpy(arrays.labels)

    def part(indices: Tensor) -> Split:
        return Split(images[indices].to(device), labels[indices].to(device), indices)

    test = Split(torch.from_numpy(arrays.test_images).to(device), torch.from_numpy(arrays.test_labels).to(device),
                 torch.arange(len(arrays.test_labels)))
    return Splits(part(order[held_out:][:train_limit]), part(order[:held_out]), test, arrays.classes, arrays.white,
                  arrays.mean, arrays.std, arrays.fingerprint)


def epoch_order(count: int, seed: int, epoch: int, device: str = "cpu") -> Tensor:
    """The order of the training images in an epoch, whatever happened before it."""
    return torch.randperm(count, generator=_generator(seed, "order", epoch)).to(device)


def _generator(seed: int, purpose: str, *numbers: int) -> torch.Generator:
    return torch.Generator().manual_seed(stream_seed(seed, purpose, *numbers))


def _keep(cache: dict[Any, Any], key: Any, value: Any) -> None:
    """Add an entry; the oldest ones go."""
    while len(cache) >= RESIDENT:
        cache.pop(next(iter(cache)))
    cache[key] = value


def _log_progress(done: int, total: int) -> None:
    LOG.info("downloading: %.1f of %s MB", done / 1e6, f"{total / 1e6:.1f}" if total else "?")
