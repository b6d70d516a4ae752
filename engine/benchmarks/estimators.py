"""What is asked how good networks are: zero-cost proxies, and supernets that are trained first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engine import options
from engine.architecture.architecture import Architecture
from engine.benchmarks import tables
from engine.benchmarks.supernets import EPOCHS, METHODS, Shares, Trained, supernet_spec, train
from engine.errors import fail
from engine.estimation.context import Context
from engine.estimation.proxies import PROXIES
from engine.perform import training_seed
from engine.registry import discover
from engine.spec import Part, Spec
from engine.work import Candidate, Outcome, Weights

UNTRAINED, FORMULA = "read off an untrained network", "counted by formula: what the others have to beat"
Progress = Callable[[str, int, int], None]
Stop = Callable[[], bool]


@dataclass(frozen=True)
class Estimator:
    """An estimation with its options, and the weights that it scores with: fresh ones, or those that a supernet shares.
    Such a supernet has to be made `ready` before anything is scored."""

    name: str
    estimation: Part
    weights: Weights = Weights()
    folder: Path | None = None                  # where shared weights lie; None: it needs nothing that was trained
    strategy: Part | None = None                # whose supernet it is
    shares: Shares | None = None                # alphas that score by themselves
    trained: Trained | None = None

    def ready(self, spec: Spec, table: tables.Table, data: Any, folder: Path, progress: Progress, stop: Stop) -> Estimator:
        """With its supernet trained, if it has one. Raises Untrained and Interrupted."""
        if self.strategy is None:
            return self
        searched = replace(spec, strategy=self.strategy, estimation=self.estimation)
        found = train(searched, data, folder, lambda done, total: progress(f"{self.name}: epochs", done, total), stop)
        shares = Shares(table, spec.space, found.report) if METHODS[self.name].source is None else None
        return replace(self, weights=replace(self.weights, trial=found.trial), folder=found.folder / "scores",
                       shares=shares, trained=found)

    def score(self, spec: Spec, data: Any, architecture: Architecture, number: int) -> Outcome:
        """As the estimation gives it to trial `number` of a search."""
        if self.shares is not None:
            return Outcome("done", self.shares.score(architecture), "shared")
        spec = replace(spec, strategy=self.strategy or spec.strategy, estimation=self.estimation)
        work = Candidate(architecture, weights=self.weights, trial=number)
        with TemporaryDirectory() as scratch:
            context = Context(spec, spec.space, data, "cpu", self.folder or Path(scratch), training_seed(spec.seed, work),
                              lambda event: None, lambda: False)
            entry = discover("estimation")[self.estimation.name]
            outcome: Outcome = entry.factory(self.estimation.options).perform(work, context)
            return outcome


def estimators(names: Sequence[str], spec: Spec, epochs: int = EPOCHS) -> list[Estimator]:
    """By name, each once. Raises Invalid."""
    if unknown := [name for name in names if name not in PROXIES and name not in METHODS]:
        raise fail("/estimators", f"{unknown[0][:40]!r} is not known", "some of " + ", ".join([*METHODS, *PROXIES]))
    entry, found = discover("estimation")["proxies"], []
    for name in dict.fromkeys(names):
        if name in PROXIES:
            found.append(Estimator(name, Part("proxies", options.parse(entry.options, {"proxy": name}))))
        else:
            wanted = supernet_spec(name, spec, epochs)
            found.append(Estimator(name, wanted.estimation, METHODS[name].weights, strategy=wanted.strategy))
    return found


def known() -> list[dict[str, str]]:
    """All estimators: what they are called, whether something is trained for them, and what their score is."""
    strategies = discover("strategies")
    shared = [{"name": name, "title": strategies[name].title, "kind": "supernet", "says": method.says}
              for name, method in METHODS.items()]
    return shared + [{"name": name, "title": name, "kind": "proxy", "says": FORMULA if proxy.formula else UNTRAINED}
                     for name, proxy in PROXIES.items()]
