"""Ensembles of small networks that learn scores: all members in one pass, each on its own share of the data.

The members' weights stand on top of each other (`[member, ...]`); one forward pass and one optimizer serve them all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Weights = dict[str, Tensor]
Data = tuple[NDArray[Any], Sequence[float]]     # inputs of one shape and their scores
BATCH, CHUNK = 64, 8192
WIDEST = 6.0                                    # standard deviations that a prediction may lie from the mean


class Body(Protocol):
    """What the members are. `train` gets other inputs for each member, `score` the same for all."""

    def weights(self, members: int, generator: np.random.Generator) -> Weights: ...
    def train(self, weights: Weights, inputs: Tensor) -> Tensor: ...        # [members, n, ...] -> [members, n]
    def score(self, weights: Weights, inputs: NDArray[Any]) -> Tensor: ...  # [n, ...] -> [members, n]


class Ensemble:
    """Scores are laid on the sigmoid by their mean and spread; the loss is the distance there (L1)."""

    def __init__(self, body: Body, members: int, generator: np.random.Generator) -> None:
        self.body, self.members, self.generator = body, members, generator
        self.weights = body.weights(members, generator)
        self.mean, self.spread = 0.0, 1.0
        self.folds: list[list[Index]] = []            # of each part of the data what each member saw

    def fit(self, data: Sequence[Data], steps: int, rate: float,
            rewrite: Callable[[NDArray[Any]], NDArray[Any]] | None = None) -> None:
        """Go on from the weights as they are. Inputs of one shape make a part of the data; each batch is of one part.

        `rewrite` turns what is drawn into what the body reads, perhaps in another form of the same meaning each time.
        """
        known = np.concatenate([np.asarray(scores, np.float64) for _, scores in data])
        self.mean, self.spread = float(known.mean()), float(known.std()) or 1.0
        targets = [self._targets(scores) for _, scores in data]
        self.folds = [folds(len(scores), self.members, self.generator) for _, scores in data]
        shares = np.array([len(scores) for _, scores in data]) / len(known)
        for weight in self.weights.values():
            weight.requires_grad_(True)
        optimizer = torch.optim.Adam(self.weights.values(), lr=rate)
        for part in self.generator.choice(len(data), steps, p=shares):
            places = self._batch(self.folds[part])
            batch = data[part][0][places.ravel()]
            batch = batch if rewrite is None else rewrite(batch)
            read = torch.from_numpy(batch.reshape(*places.shape, *batch.shape[1:]))
            found = torch.sigmoid(self.body.train(self.weights, read))
            loss = (found - targets[part][torch.from_numpy(places)]).abs().mean(1).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        self.weights = {name: weight.detach() for name, weight in self.weights.items()}

    def _targets(self, scores: Sequence[float]) -> Tensor:
        return torch.from_numpy(1 / (1 + np.exp(-(np.asarray(scores, np.float64) - self.mean) / self.spread))).float()

    def _batch(self, parts: Sequence[Index]) -> Index:
        """For each member places of its own fold."""
        size = min([BATCH, *map(len, parts)])
        return np.stack([fold[self.generator.permutation(len(fold))[:size]] for fold in parts])

    def predictions(self, inputs: NDArray[Any]) -> Floats:
        """[members, n] scores."""
        with torch.no_grad():
            found = self.body.score(self.weights, inputs).clamp(-WIDEST, WIDEST).double().numpy()
        predicted: Floats = self.mean + self.spread * found
        return predicted

    def predict(self, inputs: NDArray[Any]) -> Floats:
        """The average of the members."""
        average: Floats = self.predictions(inputs).mean(0)
        return average


def folds(count: int, members: int, generator: np.random.Generator) -> list[Index]:
    """For each member all of the data but a part of its own; of very few data all."""
    order = generator.permutation(count)
    parts = np.array_split(order, members)
    if members == 1 or count < 2 * members:
        return [order] * members
    return [np.concatenate(parts[:k] + parts[k + 1:]) for k in range(members)]


def drawn(generator: np.random.Generator, *shape: int) -> Tensor:
    """Weights of a layer: uniform, by the number of its inputs."""
    limit = 1 / math.sqrt(shape[-2])
    return torch.from_numpy(generator.uniform(-limit, limit, shape)).float()


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's: of the ranks, ties sharing their mean; 0 where there is nothing to rank."""
    first, second = _ranks(one), _ranks(other)
    if len(first) < 2 or not first.std() or not second.std():
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: Sequence[float]) -> Floats:
    _, places, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks


class Perceptron:
    """Layers of equal width on vectors of features."""

    def __init__(self, features: int, units: int, layers: int) -> None:
        self.widths = [features, *[units] * layers, 1]

    def weights(self, members: int, generator: np.random.Generator) -> Weights:
        found: Weights = {}
        for k in range(len(self.widths) - 1):
            found[f"weight_{k}"] = drawn(generator, members, self.widths[k], self.widths[k + 1])
            found[f"bias_{k}"] = torch.zeros(members, 1, self.widths[k + 1])
        return found

    def train(self, weights: Weights, inputs: Tensor) -> Tensor:
        for k in range(len(self.widths) - 1):
            inputs = torch.baddbmm(weights[f"bias_{k}"], inputs if not k else torch.relu(inputs), weights[f"weight_{k}"])
        return inputs[..., 0]

    def score(self, weights: Weights, inputs: NDArray[Any]) -> Tensor:
        members = len(weights["bias_0"])
        return self.train(weights, torch.from_numpy(inputs).expand(members, -1, -1))
