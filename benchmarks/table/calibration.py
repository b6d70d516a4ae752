"""Seconds of an epoch for every network of a table, measured apart from the building, when the machine is quiet."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.table.measuring import Data, prepared
from benchmarks.table.native import NativeNetwork
from benchmarks.table.recipe import Recipe
from engine.training.data import epoch_order

STEPS, IMAGES, REPEATS = 16, 1024, 3


def calibrate(recipe: Recipe, data: Data, networks: list[str],
              clock: Callable[[], float] = time.thread_time) -> dict[str, Any]:
    """The least of some repeats of the processor's time, scaled to an epoch with its validation."""
    before = os.getloadavg()[0]
    seconds = [round(epoch_seconds(recipe, data, text, clock), 5) for text in networks]
    return {"epoch_seconds": seconds, "when": datetime.now(UTC).isoformat(timespec="minutes"), "steps_timed": STEPS,
            "repeats": REPEATS, "load_before_and_after": [round(before, 2), round(os.getloadavg()[0], 2)],
            "what": "processor time of one thread, native trainer: training steps and the validation of an epoch"}


def epoch_seconds(recipe: Recipe, data: Data, architecture: str, clock: Callable[[], float]) -> float:
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
