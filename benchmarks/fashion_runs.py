"""Every weight-sharing method on Fashion-MNIST at its CPU preset, to a final from scratch, beside two searches by chance.

    .venv/bin/python benchmarks/fashion_runs.py                                  prints what was measured and kept
    .venv/bin/python benchmarks/fashion_runs.py --run all --workdir FOLDER       measures what is missing

A document is what the form makes of the method, the space and the data, each with its values for a CPU; only the number of
images is less than all. The baselines are those of the button "Compare with baselines at equal cost": random search with
sharing, and random search from scratch, each for as many seconds as the method took. A random search from scratch that had
up to half more of them, in the same work folder, stands for another: a single training more or less is as much. Rows are
kept in `results/fashion_runs.jsonl`; a row that is there is not measured again, and with the same work folder an
interrupted run goes on within its search.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.__main__ import data_folder, single_threaded
from engine.architecture.architecture import digest
from engine.baselines import baselines
from engine.run import run
from engine.search import Search
from engine.spec import Spec, parse
from engine.work import Candidate, Outcome, SupernetEpoch

Row = dict[str, Any]
KEPT = Path(__file__).resolve().parent / "results" / "fashion_runs.jsonl"
CELLS = "nas_bench_201"
RUNS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "darts": (CELLS, {"name": "darts"}),
    "enas_macro": ("enas_macro", {"name": "enas"}),
    "one_shot": (CELLS, {"name": "one_shot"}),
    "spos": (CELLS, {"name": "spos"}),
    "smash": (CELLS, {"name": "smash"}),
    "fabric": ("fabric", {"name": "fabric"}),
    "gdas": (CELLS, {"name": "gdas"}),
    "pc_darts": (CELLS, {"name": "pc_darts"}),
    "p_darts": (CELLS, {"name": "p_darts"}),
    "darts_minus": (CELLS, {"name": "darts_minus"}),
    "random_sharing": (CELLS, {"name": "random_sharing"}),
    "once_for_all": ("slimmable", {"name": "once_for_all"}),
    "tangle": ("slimmable", {"name": "tangle"}),
    "darts_second": (CELLS, {"name": "darts", "order": "second"}),
    "enas_micro": ("enas_micro", {"name": "enas"}),
    "darts_cell": ("darts_cell", {"name": "darts"})}
WIDER = 1.5                                     # times the seconds of a random search that may stand for another
SAME = ("run", "seed", "images")                # rows of which these are equal are the same measurement


def spec_of(name: str, seed: int, images: int) -> Spec:
    space, strategy = RUNS[name]
    return parse({"space": {"kind": space, "preset": "cpu"}, "strategy": {**strategy, "preset": "cpu"},
                  "estimation": {"name": "shared", "preset": "cpu"}, "seed": seed,
                  "dataset": {"name": "fashion_mnist", "train_limit": images, "validation": 0.02}})


def searched(spec: Spec, folder: Path) -> Search:
    """To its end, in a folder of its own below this one: the same document is never searched twice."""
    found = begun(spec, folder) or spec
    return run(found, folder / digest(found.document()), data_folder(), "cpu", lambda event: None)


def begun(spec: Spec, folder: Path) -> Spec | None:
    """A search that the folder holds, equal to this one but for a budget of somewhat more seconds."""
    wanted = spec.budget.seconds
    for path in sorted(folder.glob("*/spec.json")):
        other = parse(json.loads(path.read_text()))
        allowed = other.budget.seconds
        if wanted and allowed and wanted <= allowed <= WIDER * wanted and replace(other, budget=spec.budget) == spec:
            return other
    return None


def told(search: Search) -> Row:
    """What a search cost, what it chose and why, and what became of that, trained from scratch."""
    rows = [(work, search.outcomes[work.trial]) for work in search.items]
    own = [(work, outcome) for work, outcome in rows if not closes(work)]
    finals = [(work, outcome) for work, outcome in rows if closes(work) and outcome.ok]
    if not finals:
        raise SystemExit(f"no final: {[outcome.metrics.get('error') for _, outcome in rows if not outcome.ok]}")
    final, outcome = max(finals, key=lambda row: row[1].score or 0.0)
    chosen = search.outcomes[final.final_of]
    return {"strategy": search.spec.strategy.name, "epochs": sum(isinstance(work, SupernetEpoch) for work, _ in own),
            "candidates": sum(isinstance(work, Candidate) for work, _ in own),
            "failed": sum(not outcome.ok for _, outcome in own), "budget": search.spec.budget.seconds,
            "seconds": seconds(own), "final_seconds": round(outcome.spend["seconds"], 1),
            "genotype": final.architecture.document(), "parameters": outcome.metrics["parameters"],
            "score_kind": chosen.score_kind, "score": round(chosen.score, 4), "valid": round(outcome.score, 4),
            "test": round(outcome.metrics["test"], 4)}


def closes(work: Any) -> bool:
    return getattr(work, "final_of", None) is not None


def seconds(rows: Iterable[tuple[Any, Outcome]]) -> float:
    return round(sum(outcome.spend.get("seconds", 0.0) for _, outcome in rows), 1)


def measured(name: str, seed: int, images: int, folder: Path) -> Row:
    """A method beside its baselines."""
    spec = spec_of(name, seed, images)
    own = told(searched(spec, folder))
    by_chance = {other: told(searched(parse(document), folder))
                 for other, document in baselines(spec.document(), own["seconds"]).items()}
    return {"run": name, "space": spec.space_kind, "seed": seed, "images": images, "search": own, "baselines": by_chance,
            "date": datetime.now(UTC).date().isoformat(), "torch": version("torch"), "python": sys.version.split()[0]}


def kept(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def keep(path: Path, row: Row) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(row, sort_keys=True) + "\n")


def missing(path: Path, names: Iterable[str], seed: int, images: int) -> list[str]:
    there = {tuple(row[key] for key in SAME) for row in kept(path)}
    return [name for name in names if (name, seed, images) not in there]


def short(row: Row) -> Row:
    """The finals of a row beside each other."""
    found = {"seconds": row["search"]["seconds"], "valid": row["search"]["valid"], "test": row["search"]["test"]}
    others = {name: {"valid": other["valid"], "test": other["test"]} for name, other in row["baselines"].items()}
    return {**{key: row[key] for key in (*SAME, "space")}, **found, **others}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help=f"all, or some with commas between: {', '.join(RUNS)}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=1000, help="so many of the training images")
    parser.add_argument("--workdir", type=Path)
    parser.add_argument("--kept", type=Path, default=KEPT)
    asked = parser.parse_args()
    names = list(RUNS) if asked.run == "all" else asked.run.split(",") if asked.run else []
    single_threaded()
    with TemporaryDirectory() as scratch:
        for name in missing(asked.kept, names, asked.seed, asked.images):
            row = measured(name, asked.seed, asked.images, asked.workdir or Path(scratch))
            keep(asked.kept, row)
            print(short(row), file=sys.stderr, flush=True)
    print(json.dumps([short(row) for row in kept(asked.kept)]))


if __name__ == "__main__":
    main()
