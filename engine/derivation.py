"""How a mixture's architecture is read off: by the alphas, or by what is missed when it is gone (Wang et al., ICLR 2021)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import Problem
from engine.events import Event
from engine.insight import heat, series, shown
from engine.options import choice, integer, real
from engine.registry import discover
from engine.work import SupernetEpoch


@dataclass(frozen=True)
class DeriveOptions:
    """What follows the last epoch of a mixture: what every method with alphas has."""

    derivation: str = choice("magnitude", choices=("magnitude", "perturbation"), paper="magnitude",
                             help="magnitude: the strongest operations by the alphas. perturbation: edge after edge, the "
                                  "operation whose removal costs the trained supernet most accuracy; then the same for the "
                                  "edges of each node, with epochs of fine-tuning in between.")
    tuning_epochs: int = integer(10, low=1, high=1000, paper=10,
                                 help="Perturbation: epochs in which the supernet gets used to each round of decisions.")
    tuning_rate: float = real(0.1, low=1e-4, high=1.0, paper=0.1, log=True,
                              help="Perturbation: their learning rate at first, as a part of that of the search.")

    def suits(self, kind: str) -> Iterator[Problem]:
        """Problems of these options with a space of this kind."""
        if self.derivation == "perturbation" and "edges" not in discover("spaces")[kind].offers:
            title = discover("spaces")[kind].title
            yield Problem("/strategy/derivation", f"removes one operation after another from an edge; {title} has no such "
                                                  f"edges", "magnitude, or the cells of DARTS or NAS-Bench-201")


def tuning(options: Any, begun: int, number: int, rounds: int) -> dict[str, Any]:
    """Settings of the epoch `number` (from 0) after the search, of whose epochs `begun` are behind the supernet."""
    rate = options.tuning_rate * options.lr
    plan = {"epochs": begun, "begun": begun, "length": rounds * options.tuning_epochs, "lr": rate,
            "last_lr": min(options.last_lr, rate)}
    again, late = divmod(number, options.tuning_epochs)
    return {"tuning": True, "plan": plan, **({} if late else {"round": again})}


def answers(work: SupernetEpoch, report: Mapping[str, Any]) -> list[Event]:
    """After a round of decisions: accuracy without each operation and each edge, as far as they were asked about."""
    if "round" not in work.settings:
        return []
    agreed, answered = report["agreed"], report["answered"]
    note = "Accuracy of the supernet without it; the lowest of an edge stays."
    last = " Last column: without the whole edge."
    found = [[series("Decisions as the alphas would have made them", agreed=agreed, decisions=answered)]]
    for name, rows in report["without"].items():
        table = report["tables"][name]
        whole = any(row[-1] is not None for row in rows)
        columns, values = [*table["ops"], *(["edge"] if whole else [])], [row if whole else row[:-1] for row in rows]
        found.append([heat(f"What removal leaves: {name}", table["edges"], columns, values, note + last * whole)])
    return [Event("strategy", work.trial, shown(*each, epoch=work.index + 1)) for each in found]


def why(report: Mapping[str, Any]) -> str:
    """Of the architecture that is left."""
    return (f"What is left after {report['rounds']:,} rounds of removals: of each edge the operation that the supernet "
            f"missed most. {report['agreed']} of {report['answered']} operations are those of the largest alpha.")
