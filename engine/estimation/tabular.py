"""Looking up instead of training: what a measured table knows of an architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.architecture.cost import Cost, measure
from engine.benchmarks import tables
from engine.errors import Invalid, Problem, fail
from engine.estimation.context import Context
from engine.estimation.scratch import failed
from engine.events import Event
from engine.options import choice, integer
from engine.registry import estimation
from engine.work import Candidate, Outcome


@dataclass(frozen=True)
class Options:
    table: str = choice("fashion", choices=tables.names(), paper="fashion", help="Which measured table is read.")
    epochs: int | None = integer(None, low=1, high=10_000, optional=True,
                                 help="Read the validation curve after this many epochs; empty: after the last one.")

    def check(self) -> list[Problem]:
        measured = tables.description(self.table)["recipe"]["epochs"]
        if self.epochs is None or self.epochs <= measured:
            return []
        return [Problem("/epochs", "is more than was measured", f"a whole number from 1 to {measured} or null")]

    def fits(self, space: tuple[str, Any], dataset: str) -> list[Problem]:
        """A table answers for the networks and the data that it was measured with, and for nothing else."""
        card = tables.description(self.table)
        wanted, data = card["space"], card["recipe"]["dataset"]
        given = {"kind": space[0], **{key: getattr(space[1], key, None) for key in wanted if key != "kind"}}
        found = [Problem(f"/space/{key}", f"is not what the table {self.table} was measured with", str(value))
                 for key, value in wanted.items() if given[key] != value]
        if dataset != data:
            found.append(Problem("/dataset/name", f"is not what the table {self.table} was measured with", data))
        return found


@estimation(title="Measured table", paper="the idea of Ying et al., ICML 2019 (arXiv:1902.09635)",
            trains=False, scores="tabular",
            summary="Reads what a network reached when it was trained for the table: thousands of trials in seconds.",
            presets={"paper": {"table": "fashion"}, "cpu": {"table": "fashion"}})
class Tabular:
    """The score is the validation accuracy of one training, drawn by the trial's seed. Finals take the trainings one after
    the other, and read the test accuracy too."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def perform(self, work: Candidate, context: Context) -> Outcome:
        try:
            return self._answer(work, context)
        except Invalid as error:
            return failed("not_measured", error)

    def _answer(self, work: Candidate, context: Context) -> Outcome:
        if work.weights.source != "scratch":
            raise fail("/weights", f"a table has no {work.weights.source} weights", "scratch")
        table = tables.load(self.options.table)
        epochs = work.fidelity.get("epochs") or self.options.epochs
        final = work.final_of is not None
        found = table.answer(work.architecture.genotype["arch"], work.seed if final else context.seed, epochs)
        cost = measure(context.space.network(work.architecture, table.shape, table.classes), table.shape)
        if not final and (refusal := context.spec.constraints.refusal(cost, 1)):
            return refusal
        curve = list(found.validation)
        metrics = {"parameters": cost.parameters, "flops": cost.flops, "macs": cost.macs, "curve": curve,
                   "table_seed": found.seed, **({"test": found.test} if final else {})}
        self._tell(work, context, cost, curve)
        return Outcome("done", curve[-1], "tabular", metrics, found.spend())

    @staticmethod
    def _tell(work: Candidate, context: Context, cost: Cost, curve: list[float]) -> None:
        """The events of a training, all at once."""
        head = {"epochs": len(curve), "epoch": 0, "step": 0, "parameters": cost.parameters, "flops": cost.flops}
        context.emit(Event("trial_started", work.trial, head))
        for epoch, score in enumerate(curve, 1):
            context.emit(Event("epoch", work.trial, {"epoch": epoch, "epochs": len(curve), "score": score}))
