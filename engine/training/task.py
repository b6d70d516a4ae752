"""What a kind of data asks of a training: how a batch is taken, what is minimised, and what the score is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.training import language
from engine.training.data import Split, Splits, epoch_order

EVALUATION_BATCH = {"cpu": 64, "cuda": 1024}    # on CPUs what stays near the caches is three times quicker
Augment = Callable[[Tensor, Tensor, int], Tensor]          # stored images, their places in the training set, the epoch


class Task(Protocol):
    """One training's way through the data. All that is not a function of the plan is in `state_dict`. A loss of `part`
    (k, n) sees the k-th of n parts of the batch, which come in order."""

    steps_per_epoch: int

    def batch(self, epoch: int, position: int) -> tuple[Tensor, Tensor]: ...
    def loss(self, model: nn.Module, inputs: Tensor, labels: Tensor, part: tuple[int, int] = (0, 1)) -> Tensor: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Measure:
    """`score` is maximised; `glance` is the same of one batch's outputs and labels, `more` further metrics of a score."""

    score: Callable[[nn.Module, Splits, Split], float]
    glance: Callable[[Tensor, Tensor], float]
    more: Callable[[float], dict[str, float]] = lambda score: {}


def task_of(splits: Splits, batch_size: int, seed: int, device: str, label_smoothing: float = 0.0,
            augment: Augment | None = None) -> Task:
    if splits.kind == "text":
        return language.Language(splits, batch_size, label_smoothing)
    return Classification(splits, batch_size, seed, device, label_smoothing, augment)


def score(model: nn.Module, splits: Splits, part: Split) -> float:
    """How good the network is on a split, computed in full precision; more is better."""
    return MEASURES[splits.kind].score(model, splits, part)


class Classification:
    """Images or rows, each with a class: every epoch in another order, the loss is the cross entropy."""

    def __init__(self, splits: Splits, batch_size: int, seed: int, device: str, label_smoothing: float,
                 augment: Augment | None) -> None:
        self.splits, self.batch_size, self.seed, self.device = splits, batch_size, seed, device
        self.label_smoothing, self.augment = label_smoothing, augment
        # a last batch of one example is left out: batch norm cannot learn from it
        full, rest = divmod(len(splits.train), batch_size)
        self.steps_per_epoch = max(1, full + (rest > 1))
        self._order: tuple[int, Tensor] | None = None

    def batch(self, epoch: int, position: int) -> tuple[Tensor, Tensor]:
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, epoch_order(len(self.splits.train), self.seed, epoch, self.device)
        chosen = self._order[1][position * self.batch_size: (position + 1) * self.batch_size]
        inputs = self.splits.train.inputs[chosen]
        if self.augment:
            inputs = self.augment(inputs, chosen, epoch)
        seen = self.splits.normalise(inputs)
        if seen.ndim == 4:
            seen = seen.contiguous(memory_format=torch.channels_last)
        return seen, self.splits.train.labels[chosen]

    def loss(self, model: nn.Module, inputs: Tensor, labels: Tensor, part: tuple[int, int] = (0, 1)) -> Tensor:
        return cross_entropy(model(inputs), labels, label_smoothing=self.label_smoothing)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The order of an epoch follows from the seed."""


@torch.inference_mode()
def accuracy(model: nn.Module, splits: Splits, part: Split) -> float:
    """The share of examples whose class the network names."""
    model.eval()
    right = 0
    size = EVALUATION_BATCH[part.inputs.device.type]
    batches = torch.split(part.inputs, size), torch.split(part.labels, size)
    for inputs, labels in zip(*batches, strict=True):
        right += int((model(splits.normalise(inputs)).argmax(1) == labels).sum())
    return right / len(part)


@torch.inference_mode()
def probabilities(model: nn.Module, splits: Splits, part: Split) -> Tensor:
    """What a classifier believes of each example: one row an example, one column a class."""
    model.eval()
    size = EVALUATION_BATCH[part.inputs.device.type]
    return torch.cat([model(splits.normalise(inputs)).softmax(1) for inputs in torch.split(part.inputs, size)])


def right(scores: Tensor, labels: Tensor) -> float:
    """The share of a batch whose class is named."""
    return (scores.argmax(1) == labels).float().mean().item()


MEASURES = {"images": Measure(accuracy, right), "table": Measure(accuracy, right),
            "text": Measure(language.score, language.glance, language.perplexity)}
