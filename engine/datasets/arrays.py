"""What every dataset gives, in memory: images or rows with a label each, or text, and what is needed to name them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unavailable

Progress = Callable[[int, int], None]           # bytes so far, bytes in all (0: unknown)
Images = NDArray[np.uint8]                      # (count, channels, height, width)
Rows = NDArray[np.float32]                      # (count, features)
Labels = NDArray[np.int64]
Codes = NDArray[np.uint8]                       # (count,): characters by their place in the alphabet


class Dataset(Protocol):
    """A frozen dataclass of options, declared with `registry.dataset`."""

    validation: float
    train_limit: int | None

    def ready(self, folder: Path | None = None) -> bool: ...                    # without a download
    def load(self, folder: Path, progress: Progress) -> Data: ...               # raises Unavailable


class Data(Protocol):
    """What is loaded; `kind` is a key of `engine.datasets.kinds.KINDS`."""

    kind: ClassVar[str]
    classes: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, ...]: ...                                     # of one input
    @property
    def fingerprint(self) -> str: ...                                           # a hash of everything


@dataclass(frozen=True)
class Arrays:
    """`white` is the value of full brightness; a network sees (image / white - mean) / std, channel by channel."""

    images: Images
    labels: Labels
    test_images: Images
    test_labels: Labels
    classes: tuple[str, ...]
    white: int = 255
    kind: ClassVar[str] = "images"

    def __post_init__(self) -> None:
        for images, labels in ((self.images, self.labels), (self.test_images, self.test_labels)):
            if images.dtype != np.uint8 or images.ndim != 4:
                raise Unavailable("the dataset's files do not hold images with one label each")
            _check_labels(images, labels, self.classes, "images")

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
        return _digest(self.images, self.labels, self.test_images, self.test_labels)


@dataclass(frozen=True)
class Table:
    """Rows of finite numbers; a network sees (value - mean) / std of the part it learns from, feature by feature."""

    rows: Rows
    labels: Labels
    test_rows: Rows
    test_labels: Labels
    classes: tuple[str, ...]
    features: tuple[str, ...]                   # their names
    columns: tuple[Mapping[str, Any], ...] = ()             # how those of a file become features
    kind: ClassVar[str] = "table"

    def __post_init__(self) -> None:
        for rows, labels in ((self.rows, self.labels), (self.test_rows, self.test_labels)):
            if rows.dtype != np.float32 or rows.ndim != 2 or rows.shape[1] != len(self.features) or not self.features:
                raise Unavailable("the dataset's files do not hold rows of numbers, one for each feature")
            if not np.isfinite(rows).all():
                raise Unavailable("the dataset's rows hold values that are no finite numbers")
            _check_labels(rows, labels, self.classes, "rows")

    @property
    def shape(self) -> tuple[int, ...]:
        """How many features."""
        return self.rows.shape[1:]

    @cached_property
    def fingerprint(self) -> str:
        return _digest(self.rows, self.labels, self.test_rows, self.test_labels)


@dataclass(frozen=True)
class Text:
    """Characters in their order; `classes` is the alphabet. `length`: how many a network reads between two steps."""

    codes: Codes
    test_codes: Codes
    classes: tuple[str, ...]
    length: int
    kind: ClassVar[str] = "text"

    def __post_init__(self) -> None:
        for codes in (self.codes, self.test_codes):
            if codes.dtype != np.uint8 or codes.ndim != 1 or len(codes) < 2:
                raise Unavailable("the text is too short to hold training and test characters")
            if codes.max() >= len(self.classes):
                raise Unavailable("the text holds characters that are not in its alphabet")

    @property
    def shape(self) -> tuple[int, ...]:
        """The window that a network reads at once."""
        return (self.length,)

    @cached_property
    def fingerprint(self) -> str:
        return _digest(self.codes, self.test_codes, np.array(self.classes))


def _check_labels(inputs: NDArray[Any], labels: Labels, classes: tuple[str, ...], noun: str) -> None:
    if labels.dtype != np.int64 or labels.shape != inputs.shape[:1]:
        raise Unavailable(f"the dataset's files do not hold {noun} with one label each")
    if not len(labels) or labels.min() < 0 or labels.max() >= len(classes):
        raise Unavailable(f"the dataset's labels are not in 0 to {len(classes) - 1}")


def _digest(*parts: NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part.shape).encode())
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
