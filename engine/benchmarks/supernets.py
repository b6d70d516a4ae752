"""Weight sharing as an estimator: a strategy's supernet, trained on a table's own data and space, scores its networks."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from engine import options
from engine.architecture import relaxed
from engine.architecture.architecture import Architecture, digest
from engine.benchmarks import tables
from engine.errors import Untrained, fail
from engine.estimation.context import Context
from engine.perform import trial_seed
from engine.registry import discover
from engine.spec import Part, Spec
from engine.work import Outcome, SupernetEpoch, Weights

EPOCHS, MOST_EPOCHS = 30, 1000
WEIGHTS = "accuracy on arch-val with its part of the shared weights"
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Method:
    """How a strategy's supernet gives scores: what its candidates' weights are (None: its alphas alone are the score), in
    words, and what differs from the strategy's and the estimation's presets for CPUs."""

    source: str | None = "shared"
    says: str = WEIGHTS
    strategy: Mapping[str, Any] = field(default_factory=dict)
    scoring: Mapping[str, Any] = field(default_factory=dict)

    @property
    def weights(self) -> Weights:
        """As the last epoch leaves them; its trial is set once it is there."""
        return Weights("generated" if self.source == "generated" else "shared")


METHODS: Mapping[str, Method] = {
    "one_shot": Method(), "random_sharing": Method(), "enas": Method(),
    "spos": Method(says=f"{WEIGHTS}, batch statistics measured anew on training examples",
                   scoring={"statistics": "recalibrated", "recalibration": 20}),
    "darts": Method(None, "logarithm of the product of the alphas' shares on the six edges, of the way to write the network "
                          "for which it is largest; no weights are used"),
    "smash": Method("generated", "accuracy on arch-val with 1×1 kernels that the hypernetwork generates and 3×3 ones that "
                                 "are shared")}


def supernet_spec(name: str, spec: Spec, epochs: int) -> Spec:
    """The search in which this supernet would be trained. Raises Invalid."""
    method, entry, scoring = METHODS[name], discover("strategies")[name], discover("estimation")["shared"]
    if not 1 <= epochs <= MOST_EPOCHS:
        raise fail("/epochs", f"{epochs} is out of range", f"1 to {MOST_EPOCHS:,}")
    wanted = options.parse(entry.options, {"preset": "cpu", "epochs": epochs, **method.strategy}, presets=entry.presets)
    estimation = options.parse(scoring.options, {"preset": "cpu", **method.scoring}, presets=scoring.presets)
    return replace(spec, strategy=Part(name, wanted), estimation=Part("shared", estimation))


@dataclass(frozen=True)
class Trained:
    """A supernet after its last epoch: in which folder, its trial, and what that epoch reported."""

    folder: Path
    trial: int
    seconds: float                              # of all epochs together
    report: Mapping[str, Any]


def train(spec: Spec, data: Any, folder: Path, told: Told, stop: Callable[[], bool]) -> Trained:
    """Epoch after epoch as a search would have them; those that are in the folder already are not repeated. Raises
    Untrained, and Interrupted when asked to stop."""
    home = folder / f"{spec.strategy.name}-{digest([spec.document(), data.fingerprint, len(data.train)])}"
    epochs, record = spec.strategy.options.epochs, home / "record.json"
    known: dict[str, Any] = json.loads(record.read_text()) if record.exists() else {"done": 0, "seconds": 0.0, "report": {}}
    entry = discover("estimation")["shared"]
    for index in range(known["done"], epochs):
        told(index, epochs)
        work = SupernetEpoch(index, trial=index, continues=index - 1 if index else None)
        own = home / str(index)
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        context = Context(spec, spec.space, data, "cpu", own, trial_seed(spec, work), lambda event: None, stop)
        outcome: Outcome = entry.factory(spec.estimation.options).perform(work, context)
        if not outcome.ok:
            raise Untrained(f"epoch {index + 1} of the supernet failed: {outcome.metrics.get('error')}")
        known = {"done": index + 1, "seconds": known["seconds"] + outcome.spend["seconds"], "report": dict(outcome.payload)}
        _write(record, known)
    told(epochs, epochs)
    return Trained(home, known["done"] - 1, known["seconds"], known["report"])


def _write(path: Path, value: Any) -> None:
    """An interrupted write leaves what was there."""
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(value, allow_nan=False))
    fresh.replace(path)


@dataclass(frozen=True)
class Shares:
    """What alphas think of a network of a table: on every edge the share of its operation, multiplied."""

    table: tables.Table
    space: Any
    report: Mapping[str, Any]                   # of the last epoch

    def score(self, architecture: Architecture) -> float:
        """Several strings may be the same network: the one with the largest product counts, so that what the alphas
        derive has the highest score of all."""
        network = self.table.network_of[architecture.genotype["arch"]]
        return max(self._product(text) for text in self._strings[network])

    def _product(self, text: str) -> float:
        path: relaxed.Path = self.space.path(self.space.parse({"arch": text}))
        return sum(self._logarithms[name][row][column] for name, rows in path.items()
                   for row, columns in enumerate(rows) for column in columns)

    @cached_property
    def _strings(self) -> Mapping[int, list[str]]:
        found: dict[int, list[str]] = {}
        for text, network in self.table.network_of.items():
            found.setdefault(network, []).append(text)
        return found

    @cached_property
    def _logarithms(self) -> Mapping[str, list[list[float]]]:
        """From the raw alphas: shares are rounded in a report."""
        return {name: [[value - _norm(row) for value in row] for row in table["raw"]]
                for name, table in self.report["alphas"].items()}


def _norm(row: list[float]) -> float:
    highest = max(row)
    return highest + math.log(sum(math.exp(value - highest) for value in row))
