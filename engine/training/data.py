"""Three disjoint splits on the device, and the order in which an epoch reads them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from engine.datasets.arrays import Arrays, Data, Table, Text
from engine.datasets.characters import learning
from engine.errors import Unavailable
from engine.rng import stream_seed

if TYPE_CHECKING:
    from engine.spec import Part

LOG = logging.getLogger(__name__)
RESIDENT = 2                                    # datasets that a warm process keeps
_arrays: dict[Any, Data] = {}
_splits: dict[Any, Splits] = {}


@dataclass(frozen=True)
class Split:
    """Inputs as stored (images and rows: one an example; text: the characters in a row) and their labels (of a character:
    the next one); `indices` in the dataset's own order."""

    inputs: Tensor
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
    fingerprint: str
    kind: str                                   # images, table or text
    shape: tuple[int, ...]                      # of one input
    white: int = 1                              # of images: full brightness
    mean: tuple[float, ...] = ()                # of each channel or feature
    std: tuple[float, ...] = ()
    features: tuple[str, ...] = ()              # names of a table's
    columns: tuple[Mapping[str, Any], ...] = ()             # how those of a table's file become features

    def normalise(self, inputs: Tensor) -> Tensor:
        """Stored inputs to what a network sees."""
        if self.kind == "text":
            return inputs.long()
        mean = torch.tensor([m * self.white for m in self.mean], device=inputs.device)
        std = torch.tensor([s * self.white for s in self.std], device=inputs.device)
        if self.kind == "images":
            mean, std = mean[:, None, None], std[:, None, None]
        return (inputs.float() - mean) / std


def load_splits(dataset: Part, folder: Path, device: str, seed: int) -> Splits:
    """The splits of a dataset; read once in a process. Raises Unavailable with what to do."""
    source, key = (dataset, folder), (dataset, folder, device, seed)
    if key not in _splits:
        if source not in _arrays:
            _keep(_arrays, source, dataset.options.load(folder, _log_progress))
        _keep(_splits, key, split(_arrays[source], dataset.options.validation, dataset.options.train_limit, seed, device))
    return _splits[key]


def split(data: Data, validation: float, train_limit: int | None, seed: int, device: str = "cpu") -> Splits:
    """Hold out a part of the training examples for validation: chosen by the seed, in a text the last characters."""
    facts: dict[str, Any] = {"classes": data.classes, "fingerprint": data.fingerprint, "kind": data.kind,
                             "shape": data.shape}
    given: tuple[Any, ...]
    if isinstance(data, Arrays):
        given = data.images, data.labels, data.test_images, data.test_labels
        parts = _drawn(*given, validation, train_limit, seed, device)
        return Splits(*parts, **facts, white=data.white, mean=data.mean, std=data.std)
    if isinstance(data, Table):
        given = data.rows, data.labels, data.test_rows, data.test_labels
        parts = _drawn(*given, validation, train_limit, seed, device)
        learnt = parts[0].inputs.cpu().double()
        mean, std = learnt.mean(0).tolist(), learnt.std(0, correction=0).clamp(min=1e-6).tolist()
        return Splits(*parts, **facts, mean=tuple(mean), std=tuple(std), features=data.features, columns=data.columns)
    if isinstance(data, Text):
        return Splits(*_cut(data, validation, train_limit, device), **facts)
    raise TypeError(f"no way to split {type(data).__name__}")


def _drawn(examples: Any, marks: Any, test_examples: Any, test_marks: Any, validation: float, train_limit: int | None,
           seed: int, device: str) -> tuple[Split, Split, Split]:
    """Examples that stand by themselves: the seed draws which of them are held out."""
    order = torch.randperm(len(marks), generator=_generator(seed, "validation"))
    held_out = max(1, round(validation * len(order)))
    inputs, labels = torch.from_numpy(examples), torch.from_numpy(marks)

    def part(indices: Tensor) -> Split:
        return Split(inputs[indices].to(device), labels[indices].to(device), indices)

    test = Split(torch.from_numpy(test_examples).to(device), torch.from_numpy(test_marks).to(device),
                 torch.arange(len(test_marks)))
    return part(order[held_out:][:train_limit]), part(order[:held_out]), test


def _cut(data: Text, validation: float, train_limit: int | None, device: str) -> tuple[Split, Split, Split]:
    """Three stretches of text, each in its order; nothing is drawn, so that no stretch has seen what another holds."""
    codes = torch.from_numpy(data.codes)
    border = learning(len(codes), validation, None)
    if border < 2:
        raise Unavailable("the text is too short to hold out validation characters")

    def part(codes: Tensor, first: int) -> Split:
        return Split(codes[:-1].to(device), codes[1:].long().to(device), torch.arange(first, first + len(codes) - 1))

    learnt = codes[:learning(len(codes), validation, train_limit)]
    return part(learnt, 0), part(codes[border:], border), part(torch.from_numpy(data.test_codes), len(codes))


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
