"""One network of a table: trained by the recipe, its right answers counted after every epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from benchmarks.table.native import Floats, NativeNetwork, Numbers
from benchmarks.table.recipe import Recipe, trial_seed
from engine.architecture.graph import Graph
from engine.errors import NonFinite
from engine.nets.build import build
from engine.training.data import Split, Splits, epoch_order
from engine.training.schedule import learning_rate
from engine.training.task import accuracy
from engine.training.trainer import Training, make_deterministic, seed_torch


@dataclass(frozen=True)
class Measured:
    """Right answers on the validation images after each epoch, and on the test images after the last."""

    validation: tuple[int, ...]
    test: int


class Data:
    """The splits, and the same images as both trainers want to see them."""

    def __init__(self, splits: Splits) -> None:
        self.splits = splits
        parts = splits.train, splits.validation, splits.test
        self.train, self.validation, self.test = map(self._flat, parts)

    def _flat(self, part: Split) -> tuple[Floats, Numbers]:
        images = self.splits.normalise(part.inputs).contiguous().numpy()
        return np.ascontiguousarray(images, np.float32), np.ascontiguousarray(part.labels.numpy(), np.int64)


Trainer = Callable[[Recipe, Data, str, int], Measured]


def nothing(recipe: Recipe) -> Measured:
    """What a training counts whose loss became no number."""
    return Measured((0,) * recipe.epochs, 0)


def prepared(recipe: Recipe, data: Data, architecture: str, seed: int) -> tuple[Graph, nn.Module, int]:
    """The network with the weights that its seed draws, and the seed of its training."""
    space = recipe.space
    graph = space.network(space.parse({"arch": architecture}), data.splits.shape, len(data.splits.classes))
    chosen = trial_seed(recipe, architecture, seed)
    seed_torch(chosen, cuda=False)
    return graph, build(graph, data.splits.shape), chosen


def by_engine(recipe: Recipe, data: Data, architecture: str, seed: int) -> Measured:
    """The engine's own trainer, step by step."""
    make_deterministic()
    _, model, chosen = prepared(recipe, data, architecture, seed)
    training = Training(model, data.splits, recipe.plan(chosen))
    try:
        while not training.finished:
            training.advance()
    except NonFinite:
        return nothing(recipe)
    count = len(data.splits.validation)
    test = accuracy(training.model, data.splits, data.splits.test) * len(data.splits.test)
    return Measured(tuple(round(share * count) for share in training.curve), round(test))


def by_native(recipe: Recipe, data: Data, architecture: str, seed: int) -> Measured:
    """The same weights, batches and steps as `by_engine`, in the compiled trainer: equal up to rounding."""
    if recipe.train % recipe.batch_size:
        raise ValueError(f"the native trainer takes whole batches: {recipe.train} images are none of {recipe.batch_size}")
    graph, model, chosen = prepared(recipe, data, architecture, seed)
    steps, curve = recipe.steps, []
    with NativeNetwork(graph, data.splits.shape, model, recipe.batch_size) as network:
        for epoch in range(recipe.epochs):
            order = epoch_order(recipe.train, chosen, epoch).numpy()
            rates = [learning_rate(step, recipe.epochs * steps, 0, recipe.lr)
                     for step in range(epoch * steps, (epoch + 1) * steps)]
            loss = network.learn(*data.train, order, np.array(rates), recipe.momentum, recipe.weight_decay)
            if not np.isfinite(loss):
                return nothing(recipe)
            curve.append(network.right(*data.validation))
        return Measured(tuple(curve), network.right(*data.test))


TRAINERS: dict[str, Trainer] = {"native": by_native, "engine": by_engine}


def one_thread() -> None:
    """One process a core: the sound way for small networks."""
    torch.set_num_threads(1)
