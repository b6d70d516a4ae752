"""How well does an estimator know the order? Scores of proxies and of shared weights against a measured table."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from engine import options
from engine.architecture.architecture import Architecture
from engine.benchmarks import tables
from engine.benchmarks.agreement import agreement, chance
from engine.benchmarks.estimators import Estimator, Progress, Stop, estimators
from engine.benchmarks.statistics import kendall, spearman
from engine.benchmarks.supernets import EPOCHS
from engine.budget import Budget, Ensemble, Execution, Finals
from engine.constraints import Constraints
from engine.errors import Untrained, fail
from engine.estimation.context import Interrupted
from engine.filter import Filter
from engine.registry import discover
from engine.rng import stream
from engine.spec import Part, Spec
from engine.work import Outcome

TRUTH = "mean test accuracy over the measured seeds"


def correlate(table: str, names: Sequence[str], sample: int, seed: int, folder: Path,
              progress: Progress = lambda name, done, total: None, *, epochs: int = EPOCHS, workdir: Path | None = None,
              stop: Stop = lambda: False) -> dict[str, Any]:
    """Each estimator against the truth over random networks of the table. With a `workdir` an interrupted training of a
    supernet goes on there. Raises Invalid, Interrupted, and Unavailable without images."""
    found = tables.load(table)
    spec = _spec(found, seed)
    wanted = estimators(names, spec, epochs)
    entries = np.flatnonzero(~np.isnan(found.mean_test)).tolist()
    if len(entries) < 2:
        raise fail("/table", f"nothing of the table {table} is measured yet", "another table")
    chosen = sorted(stream(seed, "correlate").sample(entries, min(sample, len(entries))))
    networks = [spec.space.parse({"arch": found.networks[number]}) for number in chosen]
    truth = found.mean_test[chosen].tolist()
    data = _data(found, folder)
    with TemporaryDirectory() as scratch:
        place = Place(found, spec, data, networks, workdir or Path(scratch), progress, stop)
        rows = [place.compared(estimator, truth) for estimator in wanted]
    return {"table": table, "digest": found.description["digest"], "completeness": found.completeness,
            "entries": len(entries), "sample": len(chosen), "seed": seed, "truth": TRUTH, "chance": chance(len(chosen)),
            "estimators": rows, "networks": [found.networks[n] for n in chosen], "true": truth}


@dataclass(frozen=True)
class Place:
    """What all estimators of a comparison have in common."""

    table: tables.Table
    spec: Spec
    data: Any
    networks: Sequence[Architecture]
    workdir: Path
    progress: Progress
    stop: Stop

    def compared(self, estimator: Estimator, truth: Sequence[float]) -> dict[str, Any]:
        """A row of the comparison. A supernet that cannot be trained scores nothing."""
        training = None
        try:
            ready = estimator.ready(self.spec, self.table, self.data, self.workdir, self.progress, self.stop)
            outcomes = list(self._outcomes(ready))
            if ready.trained is not None and ready.strategy is not None:
                training = {"epochs": ready.strategy.options.epochs, "seconds": ready.trained.seconds,
                            "options": options.document(ready.strategy.options)}
        except Untrained as error:
            outcomes = [Outcome("failed", metrics={"error": str(error)})] * len(self.networks)
        return {**row(estimator.name, outcomes, truth, self.spec.seed), "training": training,
                "seconds": sum(outcome.spend.get("seconds", 0.0) for outcome in outcomes) / len(outcomes)}

    def _outcomes(self, estimator: Estimator) -> Iterator[Outcome]:
        """What a supernet has scored is kept beside it, so that nothing is scored twice."""
        kept = Kept(estimator.trained.folder / "scores.jsonl" if estimator.trained else None)
        for number, architecture in enumerate(self.networks):
            if self.stop():
                raise Interrupted
            yield kept.given(architecture) or kept.taken(architecture, self._scored(estimator, number))
            self.progress(estimator.name, number + 1, len(self.networks))

    def _scored(self, estimator: Estimator, number: int) -> Outcome:
        began = time.monotonic()
        outcome = estimator.score(self.spec, self.data, self.networks[number], number)
        return replace(outcome, spend={"seconds": time.monotonic() - began}, metrics=_told(outcome))


class Kept:
    """Outcomes by architecture, one a line of a file; without a file nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path is not None and path.exists() else []
        self.known: dict[str, Outcome] = {}
        for line in lines:
            try:
                name, document = json.loads(line)
            except ValueError:                  # blank, or cut off
                continue
            self.known[name] = Outcome.from_document(document)

    def given(self, architecture: Architecture) -> Outcome | None:
        return self.known.get(architecture.encoding_id)

    def taken(self, architecture: Architecture, outcome: Outcome) -> Outcome:
        if self.path is not None:
            with self.path.open("a") as file:
                file.write("\n" + json.dumps([architecture.encoding_id, outcome.document()]))
        return outcome


def _told(outcome: Outcome) -> Mapping[str, Any]:
    return {} if outcome.ok else {"error": str(outcome.metrics["error"])}


def row(name: str, outcomes: Sequence[Outcome], truth: Sequence[float], seed: int = 0) -> dict[str, Any]:
    """What has no score comes last, as in a search; `scored` leaves it out instead."""
    scores = [outcome.score for outcome in outcomes]
    placed = [-math.inf if score is None else score for score in scores]
    pairs = [(score, true) for score, true in zip(scores, truth, strict=True) if score is not None]
    only = [list(part) for part in zip(*pairs, strict=True)]
    return {"estimator": name, "score_kind": next((outcome.score_kind for outcome in outcomes if outcome.ok), None),
            "n": len(scores), **agreement(placed, truth, seed), "unscored": len(scores) - len(pairs),
            "scored": {"kendall": kendall(*only), "spearman": spearman(*only)} if only else None,
            "reasons": _reasons(outcomes), "scores": scores}


def _reasons(outcomes: Sequence[Outcome]) -> Mapping[str, int]:
    told = [str(outcome.metrics["error"]) for outcome in outcomes if not outcome.ok]
    return {reason: told.count(reason) for reason in dict.fromkeys(told)}


def _spec(table: tables.Table, seed: int) -> Spec:
    """The search that such an estimator would score in, on the table's space."""
    document = dict(table.description["space"])
    space = options.parse(discover("spaces")[document["kind"]].factory, document, tag="kind")
    dataset = discover("datasets")[table.description["recipe"]["dataset"]]
    return Spec("", document["kind"], space, Part("random_search", None), Part("tabular", None),
                Part(dataset.name, dataset.factory()), Budget(), Constraints(), Filter(), Finals(),
                Ensemble(size=0), Execution(), seed)


def _data(table: tables.Table, folder: Path) -> Any:
    """The very images of the table. Raises Invalid where they are others than it was measured with."""
    from engine.benchmarks import pictures

    data = pictures.splits(table.description["recipe"], folder)
    if data.fingerprint != table.description["source_fingerprint"]:
        raise fail("/table", "was measured with other images than the dataset holds now")
    return data
