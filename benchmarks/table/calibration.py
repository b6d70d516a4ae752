"""Seconds of an epoch for every network of a table: a sample is timed, apart from the building, and a law fitted to it.

The time of a network is a sum over its layers, so it is linear in how many it has of each. What the law misses on networks
that it was not fitted to stands on the card.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.table.measuring import Data, prepared
from benchmarks.table.native import NativeNetwork
from benchmarks.table.recipe import Recipe
from engine.architecture.graph import Graph
from engine.rng import stream
from engine.training.data import epoch_order

STEPS, IMAGES, REPEATS = 32, 2048, 5
SAMPLE, HELD_OUT = 600, 5                       # networks timed; one in five is kept for the check
LAYERS = ("conv 1", "conv 3", "avg_pool 3", "identity", "add")
Clock = Callable[[], float]


def calibrate(recipe: Recipe, data: Data, networks: list[str], clock: Clock = time.thread_time,
              sample: int = SAMPLE) -> dict[str, Any]:
    """Times a sample and gives the seconds of an epoch, validation included, of every network."""
    before = os.getloadavg()[0]
    chosen = stream(0, f"calibration of table {recipe.name}").sample(networks, min(sample, len(networks)))
    timed = np.array([epoch_seconds(recipe, data, text, clock) for text in chosen])
    law, missed = fitted([layers(recipe, data, text) for text in chosen], timed)
    every = np.array([layers(recipe, data, text) for text in networks], float) @ law
    return {"epoch_seconds": [round(float(s), 5) for s in np.maximum(every, timed.min() / 2)], "networks_timed": len(chosen),
            "law": dict(zip(("network", *LAYERS), [round(float(s), 6) for s in law], strict=True)),
            "median_error_on_others": missed, "when": datetime.now(UTC).isoformat(timespec="minutes"),
            "load_before_and_after": [round(before, 2), round(os.getloadavg()[0], 2)],
            "what": f"processor time of one thread, native trainer, least of {REPEATS}: training steps and validation"}


def layers(recipe: Recipe, data: Data, architecture: str) -> list[int]:
    """One, and how many the network has of each kind of layer whose number differs."""
    graph: Graph = recipe.space.network(recipe.space.parse({"arch": architecture}), data.splits.shape, 10)
    found = Counter(f"{node.op} {node.settings['kernel']}" if "kernel" in node.settings else node.op for node in graph)
    found["add"] = sum(len(node.inputs) for node in graph if node.op == "add")
    return [1, *(found[name] for name in LAYERS)]


def fitted(rows: Sequence[Sequence[int]], seconds: NDArray[np.float64]) -> tuple[NDArray[np.float64], float | None]:
    """The law by least squares of the relative error; and its median relative error on networks left out of a first fit."""
    counts = np.array(rows, float)

    def fit(of: NDArray[np.bool_]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.linalg.lstsq(counts[of] / seconds[of, None], np.ones(int(of.sum())), rcond=None)[0]
        return found

    others = np.arange(len(seconds)) % HELD_OUT == 0
    missed = None
    if (~others).sum() >= counts.shape[1] and others.any():
        missed = round(float(np.median(np.abs(counts[others] @ fit(~others) / seconds[others] - 1))), 4)
    return fit(np.ones(len(seconds), bool)), missed


def epoch_seconds(recipe: Recipe, data: Data, architecture: str, clock: Clock) -> float:
    """The least of some repeats, scaled to an epoch and its validation."""
    graph, model, chosen = prepared(recipe, data, architecture, 0)
    steps = min(STEPS, recipe.steps)
    order = np.ascontiguousarray(epoch_order(recipe.train, chosen, 0).numpy()[: steps * recipe.batch_size])
    images, labels = (part[:IMAGES] for part in data.validation)
    rates, step, look = np.full(steps, 1e-3), [], []
    with NativeNetwork(graph, data.splits.shape, model, recipe.batch_size) as network:
        for _ in range(REPEATS):
            began = clock()
            network.learn(*data.train, order, rates, recipe.momentum, recipe.weight_decay)
            between = clock()
            network.right(images, labels)
            step.append((between - began) / steps)
            look.append((clock() - between) / len(labels))
    return recipe.steps * min(step) + recipe.validation * min(look)
