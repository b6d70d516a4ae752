"""How well does an estimator know the order? Scores without training against a measured table, by rank correlation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from engine import options
from engine.architecture.architecture import Architecture
from engine.benchmarks import tables
from engine.benchmarks.statistics import kendall, spearman
from engine.budget import Budget, Ensemble, Execution, Finals
from engine.constraints import Constraints
from engine.errors import fail
from engine.estimation.context import Context
from engine.estimation.proxies import PROXIES
from engine.filter import Filter
from engine.perform import training_seed
from engine.registry import discover
from engine.rng import stream
from engine.spec import Part, Spec
from engine.work import Candidate, Outcome, Weights

TRUTH = "mean test accuracy over the measured seeds"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Estimator:
    """An estimation with its options, and the weights that it scores with: fresh ones, or those that a supernet shares."""

    name: str
    estimation: Part
    weights: Weights = Weights()
    folder: Path | None = None                  # where shared weights lie; None: it needs nothing that was trained

    def score(self, spec: Spec, data: Any, architecture: Architecture, number: int) -> Outcome:
        """As the estimation gives it to trial `number` of a search."""
        work = Candidate(architecture, weights=self.weights, trial=number)
        with TemporaryDirectory() as scratch:
            context = Context(spec, spec.space, data, "cpu", self.folder or Path(scratch), training_seed(spec.seed, work),
                              lambda event: None, lambda: False)
            entry = discover("estimation")[self.estimation.name]
            outcome: Outcome = entry.factory(self.estimation.options).perform(work, context)
            return outcome


def estimators(names: Sequence[str]) -> list[Estimator]:
    """By name, each once. Raises Invalid."""
    if unknown := [name for name in names if name not in PROXIES]:
        raise fail("/estimators", f"{unknown[0][:40]!r} is not known", "some of " + ", ".join(PROXIES))
    entry = discover("estimation")["proxies"]
    return [Estimator(name, Part("proxies", options.parse(entry.options, {"proxy": name}))) for name in dict.fromkeys(names)]


def correlate(table: str, names: Sequence[str], sample: int, seed: int, folder: Path,
              progress: Progress = lambda name, done, total: None) -> dict[str, Any]:
    """Each estimator against the truth over random networks of the table. Raises Invalid, and Unavailable without images."""
    found, wanted = tables.load(table), estimators(names)
    entries = np.flatnonzero(~np.isnan(found.mean_test)).tolist()
    if len(entries) < 2:
        raise fail("/table", f"nothing of the table {table} is measured yet", "another table")
    chosen = sorted(stream(seed, "correlate").sample(entries, min(sample, len(entries))))
    spec = _spec(found, seed)
    networks = [spec.space.parse({"arch": found.networks[number]}) for number in chosen]
    truth = found.mean_test[chosen].tolist()
    data = _data(found, folder)
    rows = []
    for estimator in wanted:
        began, outcomes = time.monotonic(), list(_outcomes(estimator, spec, data, networks, progress))
        rows.append(row(estimator.name, outcomes, truth) | {"seconds": (time.monotonic() - began) / len(networks)})
    return {"table": table, "completeness": found.completeness, "entries": len(entries), "sample": len(chosen), "seed": seed,
            "truth": TRUTH, "estimators": rows, "networks": [found.networks[n] for n in chosen], "true": truth}


def row(name: str, outcomes: Sequence[Outcome], truth: Sequence[float]) -> dict[str, Any]:
    """What has no score comes last, as in a search; `scored` leaves it out instead."""
    scores = [outcome.score for outcome in outcomes]
    placed = [-math.inf if score is None else score for score in scores]
    pairs = [(score, true) for score, true in zip(scores, truth, strict=True) if score is not None]
    return {"estimator": name, "score_kind": next((outcome.score_kind for outcome in outcomes if outcome.ok), None),
            **_agreement(placed, truth), "unscored": len(scores) - len(pairs),
            "scored": _agreement(*zip(*pairs, strict=True)) if pairs else None,
            "reasons": _reasons(outcomes), "scores": scores}


def _agreement(scores: Sequence[float], truth: Sequence[float]) -> dict[str, float | None]:
    ordered = [float(place) for place in np.unique(scores, return_inverse=True)[1]]         # infinities have no difference
    return {"kendall": kendall(ordered, truth), "spearman": spearman(ordered, truth)}


def _reasons(outcomes: Sequence[Outcome]) -> Mapping[str, int]:
    told = [str(outcome.metrics["error"]) for outcome in outcomes if not outcome.ok]
    return {reason: told.count(reason) for reason in dict.fromkeys(told)}


def _outcomes(estimator: Estimator, spec: Spec, data: Any, networks: Sequence[Architecture],
              progress: Progress) -> Iterator[Outcome]:
    for number, architecture in enumerate(networks):
        yield estimator.score(spec, data, architecture, number)
        progress(estimator.name, number + 1, len(networks))


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
