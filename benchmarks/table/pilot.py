"""The pilot of a recipe: do two trainings of one network agree on how good it is?"""

from __future__ import annotations

import time
from math import sqrt
from statistics import correlation, fmean, pstdev, quantiles
from typing import Any

from benchmarks.table import shards
from benchmarks.table.measuring import Data, Trainer
from benchmarks.table.recipe import Recipe
from engine.benchmarks.statistics import kendall

ENOUGH = 0.9                                    # correlation of the two seeds
CHANCE = 0.2                                    # networks whose output is constant stay below; they would flatter it


def pilot(recipe: Recipe, data: Data, networks: list[str], train: Trainer, count: int) -> dict[str, Any]:
    """The first networks of the table's order, each with both seeds; their numbers are those of the table."""
    chosen = [networks[number] for number, _ in shards.order(recipe, len(networks))[:count]]
    began = time.process_time()
    rows = [[train(recipe, data, text, seed) for seed in range(2)] for text in chosen]
    seconds = time.process_time() - began
    size, test_size = len(data.splits.validation), len(data.splits.test)
    alive = [row for row in rows if all(found.validation[-1] / size > CHANCE for found in row)]
    finals = [[row[seed].validation[-1] / size for row in alive] for seed in range(2)]
    means = [fmean(pair) for pair in zip(*finals, strict=True)]
    tests = [fmean(found.test / test_size for found in row) for row in alive]
    noise = sqrt(fmean((a - b) ** 2 for a, b in zip(*finals, strict=True)) / 2)
    return {"networks": len(alive), "constant_networks_left_out": len(rows) - len(alive),
            "pearson": round(correlation(*finals), 4), "kendall": round(kendall(*finals) or 0.0, 4),
            "validation_with_test": round(correlation(means, tests), 4), "seed_noise": round(noise, 5),
            "spread": round(pstdev(means), 5), "deciles": [round(cut, 4) for cut in quantiles(means, n=10)],
            "milliseconds_per_step": round(1000 * seconds / (len(rows) * 2 * recipe.epochs * recipe.steps), 3),
            "seconds_per_training": round(seconds / (len(rows) * 2), 3)}
