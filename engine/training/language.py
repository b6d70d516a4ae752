"""Language modelling by characters: streams of text read side by side in windows, the state carried from one to the next.

Truncated backpropagation through time as in Zaremba, Sutskever, Vinyals 2014 (arXiv:1409.2329).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.errors import NonFinite
from engine.nets.ops import Recurrent
from engine.training.data import Split, Splits

STREAMS = 32                                    # stretches of text that are scored side by side


def streams(codes: Tensor, count: int) -> Tensor:
    """The text cut into `count` stretches of equal length, one a row; what is left over at the end is not used."""
    length = len(codes) // count
    return codes[:length * count].view(count, length)


def carriers(model: nn.Module) -> list[Recurrent]:
    """The layers that hand a state from one window to the next."""
    return [module for module in model.modules() if isinstance(module, Recurrent)]


class Language:
    """Predict each next character. Windows follow each other in every stream; gradients end at their borders, the state
    does not. An epoch begins without a state. All losses of one window begin with the state that the last loss of the
    window before has left."""

    def __init__(self, splits: Splits, batch_size: int, label_smoothing: float) -> None:
        self.splits, self.label_smoothing = splits, label_smoothing
        count = max(1, min(batch_size, len(splits.train) // splits.shape[0]))
        self.inputs, self.labels = streams(splits.train.inputs, count), streams(splits.train.labels, count)
        self.window = splits.shape[0]
        self.steps_per_epoch = max(1, self.inputs.shape[1] // self.window)      # a last, shorter window is left out
        self.before: list[Tensor] = []          # with which the present window begins, of every layer; none at the start
        self.states: list[Tensor] = []          # that it has left

    def batch(self, epoch: int, position: int) -> tuple[Tensor, Tensor]:
        self.before = [] if position == 0 else self.states
        here = slice(position * self.window, (position + 1) * self.window)
        return self.splits.normalise(self.inputs[:, here]), self.labels[:, here]

    def loss(self, model: nn.Module, inputs: Tensor, labels: Tensor, part: tuple[int, int] = (0, 1)) -> Tensor:
        layers, (number, parts) = carriers(model), part
        for at, layer in enumerate(layers):
            layer.start = self.before[at].tensor_split(parts)[number] if self.before else None
        scores = model(inputs)
        ends = [layer.end for layer in layers if layer.end is not None]
        self.states = [torch.cat(pair) for pair in zip(self.states, ends, strict=True)] if number else ends
        for layer in layers:
            layer.start = layer.end = None
        return cross_entropy(scores.flatten(0, 1), labels.flatten(), label_smoothing=self.label_smoothing)

    def state_dict(self) -> dict[str, Any]:
        return {"states": list(self.states)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.states = list(state.get("states", []))


@torch.inference_mode()
def score(model: nn.Module, splits: Splits, part: Split) -> float:
    """Minus the bits that each character costs, read from the first to the last with a state of its own."""
    model.eval()
    count = max(1, min(STREAMS, len(part) // splits.shape[0]))
    inputs, labels = streams(part.inputs, count), streams(part.labels, count)
    spent = 0.0
    with _carrying(model):
        windows = torch.split(inputs, splits.shape[0], 1), torch.split(labels, splits.shape[0], 1)
        for seen, wanted in zip(*windows, strict=True):
            scores = model(splits.normalise(seen))
            spent += cross_entropy(scores.flatten(0, 1), wanted.flatten(), reduction="sum").item()
            for layer in carriers(model):
                layer.start = layer.end
    bits = spent / labels.numel() / math.log(2)
    if not math.isfinite(bits):
        raise NonFinite(f"a character costs {bits} bits")
    return -bits


@contextmanager
def _carrying(model: nn.Module) -> Iterator[None]:
    """The layers begin without a state and keep none."""
    try:
        yield
    finally:
        for layer in carriers(model):
            layer.start = layer.end = None


def glance(scores: Tensor, labels: Tensor) -> float:
    """Minus the bits that each character of a window costs."""
    return -cross_entropy(scores.flatten(0, 1), labels.flatten()).item() / math.log(2)


def perplexity(score: float) -> dict[str, float]:
    """Of one character: among how many the network would be choosing evenly."""
    return {"perplexity": 2.0 ** min(-score, 1000.0)}
