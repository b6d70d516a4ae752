"""Does plain DARTS collapse into skips on a long run, and what avoids it? The cell of every epoch, looked up in a table.

    .venv/bin/python benchmarks/skip_collapse.py [--runs darts,darts_minus] [--seeds 3] [--epochs 50] [--images 2000]
                                                 [--keep FOLDER]

The supernet learns on the table's own images and space. For DARTS the curvature is measured after each epoch and stops
nothing, so that one training tells of two searches: DARTS is its last epoch, DARTS-ES the one to which the alarm goes back.
Prints one JSON value; progress on standard error. With `--keep` the same command goes on after an interruption, and several
processes whose seeds differ may share the folder.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from engine.__main__ import data_folder, single_threaded
from engine.benchmarks import tables
from engine.estimation.context import Context
from engine.registry import discover
from engine.spaces.nas_bench_201 import operations
from engine.spec import Spec, parse
from engine.stopping import StopOptions, sharpened
from engine.training.data import Split
from engine.work import SupernetEpoch

Row = dict[str, Any]
WATCHED = {"order": "first", "early_stop": "curvature", "stop_start": 10_000}       # measured, never an alarm
CELL = ("cell", "skips", "nones", "truth", "better", "valid_score")
RUNS: Mapping[str, Mapping[str, Any]] = {
    "darts": {"name": "darts", "preset": "cpu", **WATCHED},
    "darts_minus": {"name": "darts_minus", "preset": "cpu"},
    "darts_paper": {"name": "darts", "preset": "paper", **WATCHED},
    "darts_minus_paper": {"name": "darts_minus", "preset": "paper"},
    "pc_darts": {"name": "pc_darts", "preset": "cpu"},
    "gdas": {"name": "gdas", "preset": "cpu"}}


def spec_of(table: tables.Table, run: str, epochs: int, seed: int) -> Spec:
    return parse({"space": dict(table.description["space"]), "dataset": {"name": table.description["recipe"]["dataset"]},
                  "strategy": {**RUNS[run], "epochs": epochs}, "estimation": {"name": "shared", "preset": "cpu"},
                  "seed": seed})


def looked_up(table: tables.Table, text: str) -> Row:
    """How good a derived cell truly is, and what share of the measured networks is better; None: it was not measured."""
    network = table.network_of[text]
    truth = float("nan") if network == tables.MISSING else float(table.mean_test[network])
    known = table.mean_test[~np.isnan(table.mean_test)]
    measured = not np.isnan(truth)
    return {"truth": truth if measured else None, "better": float((known > truth).mean()) if measured else None}


def stopped(curvatures: Sequence[float], o: StopOptions) -> tuple[int, int] | None:
    """The epoch (from 1) of the first alarm, and the one whose cell is kept."""
    for heard in range(1, len(curvatures) + 1):
        back = sharpened(curvatures[:heard], o.stop_window, o.stop_delta, o.stop_factor, o.stop_start)
        if back is not None:
            return heard, back + 1
    return None


def trained(spec: Spec, data: Any, folder: Path, done: int) -> Iterator[Mapping[str, Any]]:
    """What the supernet reports, epoch by epoch from `done` on."""
    shared = discover("estimation")["shared"].factory(spec.estimation.options)
    for index in range(done, spec.strategy.options.epochs):
        own = folder / str(index)
        own.mkdir(parents=True, exist_ok=True)
        work = SupernetEpoch(index, trial=index, continues=index - 1 if index else None)
        outcome = shared.perform(work, Context(spec, spec.space, data, "cpu", own, 0, lambda event: None, lambda: False))
        if not outcome.ok:
            raise SystemExit(f"epoch {index + 1} failed: {outcome.metrics['error']}")
        yield outcome.payload


def measured(table: tables.Table, data: Any, run: str, seed: int, epochs: int, folder: Path) -> list[Row]:
    """A row an epoch; those that the folder has already are not trained again."""
    folder.mkdir(parents=True, exist_ok=True)
    path, spec = folder / f"{run}-{seed}.jsonl", spec_of(table, run, epochs, seed)
    rows: list[Row] = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    for report in trained(spec, data, folder / f"{run}-{seed}", len(rows)):
        cell = spec.space.parse(report["derived"]["genotype"])
        ops, text = operations(cell), cell.genotype["arch"]
        rows.append({"epoch": len(rows) + 1, "cell": text, "skips": ops.count("skip_connect"), "nones": ops.count("none"),
                     **looked_up(table, text), "valid_score": report["valid_score"],
                     "gap": report["valid_loss"] - report["train_loss"], "curvature": report.get("curvature")})
        with path.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(run, seed, rows[-1], file=sys.stderr, flush=True)
    return rows


def told(rows: Sequence[Row], seed: int, options: StopOptions) -> Row:
    """What came of a training: of its last epoch, of the one to which an early stop goes back, and on the way."""
    found: Row = {"seed": seed, "last": {key: rows[-1][key] for key in CELL},
                  "most_skips": max(row["skips"] for row in rows)}
    if rows[0]["curvature"] is not None and (alarm := stopped([row["curvature"] for row in rows], options)):
        found["alarm"], kept = alarm
        found["kept"] = {"epoch": kept, **{key: rows[kept - 1][key] for key in CELL}}
    return found


def over_seeds(each: Sequence[Row], which: str) -> Row:
    """Means of the last cells, or of those that the early stop keeps: the last where it never comes."""
    cells = [row.get(which, row["last"]) for row in each]
    known = [cell["truth"] for cell in cells if cell["truth"] is not None]
    return {"skips": fmean(cell["skips"] for cell in cells), "nones": fmean(cell["nones"] for cell in cells),
            "truth": fmean(known) if known else None}


def images(table: tables.Table, count: int) -> Any:
    """The table's own splits, with so many of its training images."""
    from engine.benchmarks import pictures

    data = pictures.splits(table.description["recipe"], data_folder())
    part = data.train
    return replace(data, train=Split(part.inputs[:count], part.labels[:count], part.indices[:count]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", default="fashion")
    parser.add_argument("--runs", default=",".join(RUNS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--images", type=int, default=2000, help="so many of the training images")
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    single_threaded()
    table = tables.load(asked.table)
    data, found = images(table, asked.images), {}
    with TemporaryDirectory() as scratch:
        folder = (asked.keep or Path(scratch)) / f"{asked.table}-{asked.epochs}-{len(data.train)}"
        for run in asked.runs.split(","):
            each = [told(measured(table, data, run, seed, asked.epochs, folder), seed, StopOptions())
                    for seed in range(asked.first_seed, asked.first_seed + asked.seeds)]
            found[run] = {"options": dict(RUNS[run]), "last": over_seeds(each, "last"),
                          "early_stop": over_seeds(each, "kept"), "seeds": each}
    print(json.dumps({"table": asked.table, "best": table.best_test, "epochs": asked.epochs, "images": len(data.train),
                      "runs": found}))


if __name__ == "__main__":
    main()
