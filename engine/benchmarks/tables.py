"""Measured tables: every network of a small space, trained beforehand, as files that are read in a moment.

A folder holds `card.json` (how it was measured), `index.json.xz` (the networks, and which of them each string is),
`shard-*.json.xz` (right answers as they were counted) and, once calibrated, `speed.json.xz`.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import fail
from engine.spaces.nas_bench_201 import OPS

ROOT = Path(__file__).parent
MISSING = -1                                    # a count that was not measured
Counts = NDArray[np.int32]


@dataclass(frozen=True)
class Measurement:
    """One training: the share of right answers on the validation images after each epoch, and on the test images after the
    last one that was measured."""

    validation: tuple[float, ...]
    test: float
    seconds: float | None                       # of these epochs; None: the table has no calibration yet
    seed: int

    def spend(self) -> dict[str, float]:
        """What it would have cost to train."""
        return {"epochs": float(len(self.validation))} | ({} if self.seconds is None else {"seconds": self.seconds})

    def document(self) -> dict[str, Any]:
        return {"validation": list(self.validation), "test": self.test, "seconds": self.seconds}


def strings() -> Iterator[str]:
    """All architectures of NAS-Bench-201, in the order of the tables."""
    for a, b, c, d, e, f in product(OPS, repeat=6):
        yield f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def names() -> tuple[str, ...]:
    """The tables that are there."""
    return tuple(sorted(path.parent.name for path in ROOT.glob("*/card.json")))


def description(name: str) -> dict[str, Any]:
    """The card as it is stored. Raises Invalid for a table that is not there."""
    if name not in names():
        raise fail("/table", f"{name[:40]!r} is not a table", "one of " + ", ".join(names()))
    found: dict[str, Any] = json.loads((ROOT / name / "card.json").read_text())
    return found


def load(name: str) -> Table:
    """Read once in a process. Raises Invalid for a table that is not there."""
    description(name)
    return _load(ROOT / name)


@cache
def _load(folder: Path) -> Table:
    return Table(folder)


def read(path: Path) -> Any:
    return json.loads(lzma.decompress(path.read_bytes()))


class Table:
    """A table in memory: counts by seed, network and epoch."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.description: dict[str, Any] = json.loads((folder / "card.json").read_text())
        recipe, index = self.description["recipe"], read(folder / "index.json.xz")
        self.epochs, self.seeds = int(recipe["epochs"]), int(recipe["seeds"])
        self.sizes = int(recipe["validation"]), int(self.description["test_images"])
        self.shape, self.classes = tuple(self.description["shape"]), int(self.description["classes"])
        self.networks: list[str] = index["networks"]                    # one string for each
        self.parameters: list[int] = index["parameters"]
        self.flops: list[int] = index["flops"]
        self.network_of: dict[str, int] = dict(zip(strings(), index["strings"], strict=True))
        self.validation: Counts = np.full((self.seeds, len(self.networks), self.epochs), MISSING, np.int32)
        self.test: Counts = np.full((self.seeds, len(self.networks)), MISSING, np.int32)
        for path in sorted(folder.glob("shard-*.json.xz")):
            self._take(read(path))
        speed = folder / "speed.json.xz"
        self.epoch_seconds: list[float] | None = read(speed)["epoch_seconds"] if speed.exists() else None

    def _take(self, shard: dict[str, Any]) -> None:
        if shard["recipe"] != self.description["digest"]:
            raise fail("/table", f"{self.name} has a shard of another recipe", self.description["digest"])
        for network, seed, validation, test in shard["entries"]:
            self.validation[seed, network], self.test[seed, network] = validation, test

    def measurements(self, network: int) -> list[Measurement]:
        """What was measured of a network, by seed; seeds that are still missing are left out."""
        return [self._measurement(network, seed, self.epochs) for seed in self._measured(network)]

    def answer(self, text: str, draw: int, epochs: int | None = None) -> Measurement:
        """One of the trainings of an architecture, its first `epochs` (None: all): `draw`, any whole number, says which one.
        Raises Invalid with the reason."""
        if epochs is not None and not 1 <= epochs <= self.epochs:
            raise fail("/epochs", f"{epochs} is not what was measured", f"1 to {self.epochs}")
        network = self.network_of.get(text, MISSING)
        if network == MISSING:
            raise fail("/architecture", f"{text[:200]} is not in the table {self.name}", "an architecture of the table")
        seeds = self._measured(network)
        if not seeds:
            share = self.completeness["share"]
            raise fail("/architecture", f"{text} is not measured yet: the table {self.name} is {share:.1%} complete",
                       "an architecture that is")
        return self._measurement(network, seeds[draw % len(seeds)], epochs or self.epochs)

    def _measured(self, network: int) -> list[int]:
        return [seed for seed in range(self.seeds) if self.test[seed, network] != MISSING]

    def _measurement(self, network: int, seed: int, epochs: int) -> Measurement:
        curve = tuple((self.validation[seed, network, :epochs] / self.sizes[0]).tolist())
        seconds = None if self.epoch_seconds is None else self.epoch_seconds[network] * epochs
        return Measurement(curve, float(self.test[seed, network] / self.sizes[1]), seconds, seed)

    @cached_property
    def mean_test(self) -> NDArray[np.float64]:
        """The mean over the measured seeds of each network; NaN where there is none. What regret is measured with."""
        there = self.test != MISSING
        sums = np.where(there, self.test, 0).sum(0)
        return np.where(there.any(0), sums / np.maximum(there.sum(0), 1) / self.sizes[1], np.nan)

    @cached_property
    def best_test(self) -> float:
        """The known optimum: the highest mean test accuracy of all measured networks."""
        return float(np.nanmax(self.mean_test))

    @cached_property
    def completeness(self) -> dict[str, Any]:
        """Honest numbers: how much of the table is there."""
        by_seed = [int(n) for n in (self.test != MISSING).sum(1)]
        counted = np.bincount([n for n in self.network_of.values() if n >= 0], minlength=len(self.networks))
        return {"networks": len(self.networks), "measured_by_seed": by_seed,
                "share": round(sum(by_seed) / (self.seeds * len(self.networks)), 4),
                "strings_that_answer": int(counted[(self.test != MISSING).any(0)].sum()), "strings": len(self.network_of)}

    def card(self) -> dict[str, Any]:
        return {**self.description, "completeness": self.completeness, "calibrated": self.epoch_seconds is not None}

    def document(self) -> dict[str, Any]:
        """Everything, by architecture string: what `python -m engine table` prints."""
        known = [{"parameters": self.parameters[n], "flops": self.flops[n],
                  "seeds": [m.document() for m in self.measurements(n)]} for n in range(len(self.networks))]
        return {"card": self.card(), "entries": {text: known[n] for text, n in self.network_of.items()
                                                 if n >= 0 and known[n]["seeds"]}}
