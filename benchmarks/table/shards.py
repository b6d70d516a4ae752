"""The files of a table as they grow: an index of networks, and shards of finished trainings in a fixed order."""

from __future__ import annotations

import json
import lzma
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.table.measuring import Measured
from benchmarks.table.recipe import Recipe
from engine.architecture.cost import measure
from engine.benchmarks import tables
from engine.rng import stream

SHARD = 250                                     # trainings in a shard: minutes, should one be lost
Item = tuple[int, int]                          # network, seed


def write(path: Path, content: bytes) -> None:
    """A reader sees all of it or nothing."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(path)


def write_packed(path: Path, value: Any) -> None:
    write(path, lzma.compress(json.dumps(value, separators=(",", ":")).encode(), preset=9))


def index(recipe: Recipe, shape: tuple[int, ...], classes: int) -> dict[str, Any]:
    """The canonically distinct networks with their cost, and which of them each string is (-1: not in the table)."""
    space, everything = recipe.space, list(tables.strings())
    names = [space.canonical(space.parse({"arch": text})) for text in everything]
    chosen = stream(0, f"strings of table {recipe.name}").sample(names, recipe.strings) if recipe.strings else names
    wanted, numbers, found, of_strings = set(chosen), dict[str, int](), list[str](), list[int]()
    for text, name in zip(everything, names, strict=True):
        if name in wanted and name not in numbers:
            numbers[name] = len(found)
            found.append(text)
        of_strings.append(numbers.get(name, tables.MISSING))
    costs = [measure(space.network(space.parse({"arch": text}), shape, classes), shape) for text in found]
    return {"networks": found, "strings": of_strings, "parameters": [cost.parameters for cost in costs],
            "flops": [cost.flops for cost in costs]}


def order(recipe: Recipe, networks: int) -> list[Item]:
    """Networks at random, all of them with the first seed before any with the second: what is there is a fair sample."""
    numbers = list(range(networks))
    stream(0, f"order of table {recipe.name}").shuffle(numbers)
    return [(number, seed) for seed in range(recipe.seeds) for number in numbers]


def parts(recipe: Recipe, networks: int) -> list[list[Item]]:
    items = order(recipe, networks)
    return [items[first: first + SHARD] for first in range(0, len(items), SHARD)]


def shard_path(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:03d}.json.xz"


def write_shard(folder: Path, number: int, recipe: Recipe, items: list[Item], measured: list[Measured]) -> None:
    rows = [[network, seed, list(found.validation), found.test]
            for (network, seed), found in zip(items, measured, strict=True)]
    write_packed(shard_path(folder, number), {"recipe": recipe.digest, "entries": rows})


def missing(folder: Path, recipe: Recipe, networks: int) -> list[int]:
    """Shards that are still to be measured."""
    return [number for number in range(len(parts(recipe, networks))) if not shard_path(folder, number).exists()]


def versions() -> dict[str, str]:
    """What a card says of the machine."""
    compiler = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=False).stdout.splitlines()[:1]
    about = Path("/proc/cpuinfo").read_text().splitlines()
    model = [line.split(":")[1].strip() for line in about if line.startswith("model name")][:1]
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__,
            "compiler": (compiler or ["none"])[0], "processor": (model or ["unknown"])[0],
            "system": f"{platform.system()} {platform.machine()}"}
