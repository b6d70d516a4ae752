"""Constraints: what a network may cost at most. Formulas are checked before training, latency after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.architecture.cost import Cost
from engine.options import integer, real
from engine.work import Outcome, Work

KIND = "constraint"                             # the error_kind of what breaks one
FILTERED = "filter"                             # and of what the filter turns away (`engine.filter`)
WORDS = {"parameters": "parameters", "flops": "FLOPs", "memory": "bytes of memory", "latency_ms": "ms of latency"}


@dataclass(frozen=True)
class Constraints:
    """Upper limits, each optional. What breaks one is a failure: never the incumbent, never a final."""

    parameters: int | None = integer(None, low=1, high=10**12, optional=True, help="Parameters at most.")
    flops: int | None = integer(None, low=1, high=10**15, optional=True,
                                help="FLOPs of one input at most, two for each multiply-add.")
    memory: int | None = integer(None, low=1, high=10**15, optional=True,
                                 help="Bytes of a training step at most, by formula: weights, gradients, momentum, outputs.")
    latency_ms: float | None = real(None, low=1e-3, high=60_000.0, optional=True,
                                    help="Milliseconds for one input at most, measured on the worker after training.")
    patience: int = integer(200, low=1, high=100_000, log=True,
                            help="Proposals in a row that a limit or the filter may refuse until the search gives up.")

    @property
    def priced(self) -> bool:
        """Whether something can be refused before it is trained."""
        return not self.parameters is self.flops is self.memory is None

    def refusal(self, cost: Cost, batch: int) -> Outcome | None:
        """The outcome of a network that is not trained because of what it costs by formula."""
        found = {"parameters": float(cost.parameters), "flops": float(cost.flops), "memory": float(cost.memory(batch))}
        return self._broken(found, {"parameters": cost.parameters, "flops": cost.flops, "macs": cost.macs})

    def late(self, metrics: dict[str, Any]) -> Outcome | None:
        """The outcome of a network that is not trained because it was timed as it is and is too slow."""
        return self._broken({"latency_ms": metrics["latency_ms"]}, metrics)

    def judged(self, outcome: Outcome) -> Outcome:
        """A trained network's outcome, or the failure that it is if it is too slow."""
        latency = outcome.metrics.get("latency_ms")
        if not outcome.ok or latency is None:
            return outcome
        reached = {**outcome.metrics, "score_reached": outcome.score}
        failure = self._broken({"latency_ms": latency}, reached)
        if failure is None:
            return outcome
        return Outcome("failed", None, outcome.score_kind, failure.metrics, outcome.spend, outcome.artifact, outcome.payload)

    def _broken(self, found: dict[str, float], metrics: dict[str, Any]) -> Outcome | None:
        over = list(self._over(found))
        if not over:
            return None
        reason = "Over the limit: " + ", ".join(f"{_plain(value)} {WORDS[name]} where {_plain(limit)} are allowed"
                                                for name, value, limit in over) + "."
        violation = sum(value / limit - 1 for _, value, limit in over)
        return Outcome("failed", metrics={**metrics, "error": reason, "error_kind": KIND, "violation": violation})

    def _over(self, found: dict[str, float]) -> Iterator[tuple[str, float, float]]:
        for name, value in found.items():
            limit = getattr(self, name)
            if limit is not None and value > limit:
                yield name, value, limit


def refused(outcome: Outcome) -> bool:
    """Broke a constraint or did not pass the filter: nothing was trained, so it is not charged to the budget of trials."""
    return outcome.metrics.get("error_kind") in (KIND, FILTERED) and not outcome.spend.get("epochs")


class Refusals:
    """How many of the told outcomes were refused, and how many of them in a row."""

    def __init__(self, patience: int) -> None:
        self.patience, self.count, self.row = patience, 0, 0
        self.hopeless = ""                       # why the search gives up

    def tell(self, work: Work, outcome: Outcome) -> bool:
        """Whether this was the one too many."""
        if not refused(outcome):
            self.row = 0
            return False
        self.count += 1
        self.row += 1
        if self.row < self.patience or self.hopeless:
            return False
        self.hopeless = (f"{self.row} proposals in a row were refused: the search gives up. "
                         f"The last one: {outcome.metrics.get('error', '')}")
        return True


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:.3g}"
