"""After a ranking with shared weights: the best of it as networks of their own, which go on with what they inherit."""

from __future__ import annotations

from typing import Any

from engine.architecture.architecture import Architecture
from engine.work import Candidate, Outcome, Weights, Work


class Heirs:
    """The `count` best that were ranked, trained on for so many epochs (0: scored as they are). Rows give all of it back
    but `asked`, which is state."""

    def __init__(self, count: int, epochs: int) -> None:
        self.count, self.epochs = count, epochs
        self.asked = 0
        self.heard = 0                                          # outcomes of the ranking
        self._ranked: dict[Architecture, tuple[float, int, int]] = {}

    def told(self, work: Work, outcome: Outcome) -> None:
        if not isinstance(work, Candidate) or work.weights.source != "shared":
            return
        self.heard += 1
        if outcome.ok and outcome.score is not None and work.weights.trial is not None:
            row = (-outcome.score, work.trial, work.weights.trial)
            self._ranked[work.architecture] = min(row, self._ranked.get(work.architecture, row))

    def ask(self, slots: int, ranked: int) -> list[Work]:
        """Nothing before all of the `ranked` that were asked have been heard of."""
        if self.heard < ranked:
            return []
        best = sorted(self._ranked.items(), key=lambda item: item[1])[:self.count]
        chosen = best[self.asked:self.asked + slots]
        self.asked += len(chosen)
        return [self._heir(architecture, *row) for architecture, row in chosen]

    def _heir(self, architecture: Architecture, loss: float, trial: int, supernet: int) -> Candidate:
        after = f"trained on for {self.epochs} epoch{'s' if self.epochs > 1 else ''}" if self.epochs else "scored as it is"
        origin: dict[str, Any] = {"how": "inherited", "why": f"Trial {trial} has the shared score {-loss:.4f}; here it is a "
                                                             f"network of its own with the weights it had, {after}."}
        return Candidate(architecture, fidelity={"epochs": self.epochs}, weights=Weights("inherit", supernet),
                         parents=(trial,), origin=origin)
