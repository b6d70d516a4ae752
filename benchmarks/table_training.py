"""One epoch of networks of the table's size, two processes: the builder's native trainer against the engine's own loop.

The peer is `engine.training` as it is: images resident, channels-last, one network after the other, one thread a process.
Both train the same random networks from the same weights in the same order, in turns. Prints one JSON value; `agreement` is
the correlation of the validation accuracies that the two trainers give to one and the same training.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from dataclasses import replace
from pathlib import Path
from statistics import correlation, median
from typing import Any

from benchmarks.table import measuring, shards
from benchmarks.table.recipe import RECIPES, Recipe
from engine.__main__ import data_folder
from engine.benchmarks import tables
from engine.rng import stream

_state: dict[str, Any] = {}


def begin(recipe: Recipe, source: Path) -> None:
    measuring.one_thread()
    data = measuring.Data(recipe.splits(source))
    _state.update(recipe=recipe, data=data)
    for train in measuring.TRAINERS.values():                   # compiled, imported, warm
        train(replace(recipe, epochs=1, train=recipe.batch_size), data, next(tables.strings()), 0)


def one(task: tuple[str, str]) -> tuple[float, int]:
    trainer, architecture = task
    began = time.perf_counter()
    found = measuring.TRAINERS[trainer](_state["recipe"], _state["data"], architecture, 0)
    return time.perf_counter() - began, found.validation[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    recipe, rng = replace(RECIPES["fashion"], epochs=arguments.epochs), stream(0, "networks to time")
    everything = list(tables.strings())
    seconds: dict[str, list[float]] = {name: [] for name in measuring.TRAINERS}
    scores: dict[str, list[int]] = {name: [] for name in measuring.TRAINERS}
    pool = multiprocessing.get_context("spawn").Pool(arguments.processes, begin, (recipe, data_folder()))
    with pool:
        pool.map(one, [("native", everything[-1])] * arguments.processes, chunksize=1)
        for _ in range(arguments.rounds):
            chosen = rng.sample(everything, arguments.networks)
            for name in measuring.TRAINERS:
                began = time.perf_counter()
                found = pool.map(one, [(name, text) for text in chosen], chunksize=1)
                seconds[name].append(time.perf_counter() - began)
                scores[name] += [score for _, score in found]
    ratios = [theirs / ours for theirs, ours in zip(seconds["engine"], seconds["native"], strict=True)]
    print(json.dumps({"networks": arguments.networks, "epochs": arguments.epochs, "processes": arguments.processes,
                      "seconds_engine": [round(s, 2) for s in seconds["engine"]],
                      "seconds_native": [round(s, 2) for s in seconds["native"]],
                      "ratios": [round(r, 1) for r in ratios], "ratio": round(median(ratios), 1),
                      "agreement": round(correlation(scores["engine"], scores["native"]), 4),
                      "processor": shards.versions()["processor"]}))


if __name__ == "__main__":
    main()
