"""What every dataset gives: images and labels in memory, with what is needed to normalise and to name them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unavailable

Progress = Callable[[int, int], None]           # bytes so far, bytes in all (0: unknown)
Images = NDArray[np.uint8]                      # (count, channels, height, width)
Labels = NDArray[np.int64]


class Dataset(Protocol):
    """A frozen dataclass of options, declared with `registry.dataset`."""

    validation: float
    train_limit: int | None

    def ready(self, folder: Path | None = None) -> bool: ...                    # without a download
    def load(self, folder: Path, progress: Progress) -> Arrays: ...             # raises Unavailable


@dataclass(frozen=True)
class Arrays:
    """`white` is the value of full brightness; a network sees (image / white - mean) / std, channel by channel."""

    images: Images
    labels: Labels
    test_images: Images
    test_labels: Labels
    classes: tuple[str, ...]
    white: int = 255

    def __post_init__(self) -> None:
        for images, labels in ((self.images, self.labels), (self.test_images, self.test_labels)):
            if images.dtype != np.uint8 or images.ndim != 4 or labels.dtype != np.int64 or labels.shape != images.shape[:1]:
                raise Unavailable("the dataset's files do not hold images with one label each")
            if not len(labels) or labels.min() < 0 or labels.max() >= len(self.classes):
                raise Unavailable(f"the dataset's labels are not in 0 to {len(self.classes) - 1}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, height, width."""
        return self.images.shape[1:]

    @cached_property
    def mean(self) -> tuple[float, ...]:
        """Of each channel over the training images."""
        return tuple(float(m) / self.white for m in self._channels(np.mean))

    @cached_property
    def std(self) -> tuple[float, ...]:
        return tuple(max(float(s) / self.white, 1e-6) for s in self._channels(np.std))

    def _channels(self, statistic: Callable[..., Any]) -> list[Any]:
        return [statistic(self.images[:, channel], dtype=np.float64) for channel in range(self.images.shape[1])]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of every image and label."""
        digest = hashlib.sha256()
        for part in (self.images, self.labels, self.test_images, self.test_labels):
            digest.update(repr(part.shape).encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()
