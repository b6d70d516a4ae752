"""Builds the measured tables: train every network of a recipe, in shards that a later call goes on from.

    python -m benchmarks.build_table                      how far the tables are
    python -m benchmarks.build_table fashion --pilot      do two seeds agree? (first; the figures go on the card)
    python -m benchmarks.build_table fashion              build, or go on building
    python -m benchmarks.build_table fashion --calibrate  seconds of an epoch, on a quiet machine
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.table import calibration, measuring, native, shards
from benchmarks.table.pilot import ENOUGH, pilot
from benchmarks.table.recipe import RECIPES, Recipe
from engine.__main__ import data_folder
from engine.benchmarks import tables

PILOT = 100
_state: dict[str, Any] = {}                     # of a worker process: what it keeps between shards


def card(recipe: Recipe, data: measuring.Data, trainer: str) -> dict[str, Any]:
    """What does not change while a table is built."""
    splits = data.splits
    return {"name": recipe.name, "recipe": recipe.document(), "digest": recipe.digest, "trainer": trainer,
            "space": {"kind": "nas_bench_201", "channels": recipe.channels, "layers": recipe.layers},
            "shape": list(splits.shape), "classes": len(splits.classes), "test_images": len(splits.test),
            "source_fingerprint": splits.fingerprint, "begun": datetime.now(UTC).date().isoformat(),
            "versions": shards.versions()}


def prepare(recipe: Recipe, folder: Path, data: measuring.Data, trainer: str) -> list[str]:
    """Card and index of a table, made on the first call. Gives its networks."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "card.json"
    if not path.exists():
        shards.write_packed(folder / "index.json.xz", shards.index(recipe, data.splits.shape, len(data.splits.classes)))
        amend(folder, card(recipe, data, trainer))
    described = json.loads(path.read_text())
    if described["digest"] != recipe.digest or described["source_fingerprint"] != data.splits.fingerprint:
        raise SystemExit(f"{folder} holds a table of another recipe or other data")
    found: list[str] = tables.read(folder / "index.json.xz")["networks"]
    return found


def amend(folder: Path, facts: dict[str, Any]) -> None:
    path = folder / "card.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    shards.write(path, (json.dumps({**known, **facts}, indent=1) + "\n").encode())


def begin(recipe: Recipe, folder: Path, source: Path, trainer: str, networks: list[str]) -> None:
    """A worker process: one thread, the images in memory."""
    measuring.one_thread()
    _state.update(recipe=recipe, folder=folder, data=measuring.Data(recipe.splits(source)), networks=networks,
                  train=measuring.TRAINERS[trainer], parts=shards.parts(recipe, len(networks)))


def work(number: int) -> int:
    """One shard."""
    items = _state["parts"][number]
    recipe, networks = _state["recipe"], _state["networks"]
    measured = [_state["train"](recipe, _state["data"], networks[network], seed) for network, seed in items]
    shards.write_shard(_state["folder"], number, recipe, items, measured)
    return number


def build(recipe: Recipe, folder: Path, source: Path, trainer: str, processes: int, most: int | None = None) -> None:
    """Measure what is missing, at most `most` shards of it."""
    networks = prepare(recipe, folder, measuring.Data(recipe.splits(source)), trainer)
    wanted = shards.missing(folder, recipe, len(networks))[:most]
    arguments = (recipe, folder, source, trainer, networks)
    with multiprocessing.get_context("spawn").Pool(processes, begin, arguments) as pool:
        for done, number in enumerate(pool.imap_unordered(work, wanted), 1):
            print(f"{datetime.now(UTC):%H:%M:%S} shard {number}, {done} of {len(wanted)}", file=sys.stderr, flush=True)


def status() -> dict[str, Any]:
    return {name: tables.load(name).card() for name in tables.names()}


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", nargs="?", choices=list(RECIPES))
    parser.add_argument("--pilot", nargs="?", type=int, const=PILOT, metavar="NETWORKS")
    parser.add_argument("--calibrate", action="store_true")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--trainer", choices=list(measuring.TRAINERS), default="native" if native.available() else "engine")
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--folder", type=Path, default=tables.ROOT)
    parser.add_argument("--shards", type=int, help="stop after so many")
    arguments = parser.parse_args(given)
    if arguments.table is None:
        print(json.dumps(status()))
        return
    recipe, folder = RECIPES[arguments.table], arguments.folder / arguments.table
    measuring.one_thread()
    if arguments.pilot or arguments.calibrate:
        data = measuring.Data(recipe.splits(arguments.data))
        networks = prepare(recipe, folder, data, arguments.trainer)
        if arguments.pilot:
            found = pilot(recipe, data, networks, measuring.TRAINERS[arguments.trainer], arguments.pilot)
            amend(folder, {"pilot": {**found, "passed": found["pearson"] >= ENOUGH}})
        else:
            found = calibration.calibrate(recipe, data, networks)
            shards.write_packed(folder / "speed.json.xz", found)
            found = {key: value for key, value in found.items() if key != "epoch_seconds"}
            amend(folder, {"calibration": found})
        print(json.dumps(found))
        return
    build(recipe, folder, arguments.data, arguments.trainer, arguments.processes, arguments.shards)


if __name__ == "__main__":
    main()
