"""What a search may use, how it closes and how it runs: the small parts of the document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import Problem
from engine.options import choice, integer, real


@dataclass(frozen=True)
class Budget:
    """Allowed spend; whichever limit is met first ends the search, then the finals follow."""

    trials: int | None = integer(30, low=1, high=1_000_000, optional=True, help="Architectures to train and score.")
    epochs: int | None = integer(None, low=1, high=100_000_000, optional=True, help="Training epochs over all trials.")
    seconds: float | None = real(None, low=1.0, high=31_536_000.0, optional=True, help="Training time over all trials.")

    def check(self) -> list[Problem]:
        if self.trials is None and self.epochs is None and self.seconds is None:
            return [Problem("", "has no limit", "at least one of trials, epochs, seconds")]
        return []

    def spent(self, trials: int, spend: Mapping[str, float]) -> bool:
        """Whether no further trial may be proposed."""
        return ((self.trials is not None and trials >= self.trials)
                or (self.epochs is not None and spend.get("epochs", 0) >= self.epochs)
                or (self.seconds is not None and spend.get("seconds", 0) >= self.seconds))


@dataclass(frozen=True)
class Finals:
    """The trainings from scratch that close every search and alone touch the test set."""

    top: int = integer(1, low=1, high=50, help="How many of the best architectures are trained again.")
    seeds: int = integer(1, low=1, high=20, help="How many times each, with other random seeds.")
    epochs: int | None = integer(None, low=1, high=10_000, optional=True,
                                help="Epochs of a final; empty: as the estimation says.")


@dataclass(frozen=True)
class Ensemble:
    """An average of trained networks that closes a search of a classification task beside the finals."""

    size: int | None = integer(None, low=0, high=200, optional=True,
                               help="Picks, the best addition first; a network may be picked again. 0: no ensemble; empty: "
                                    "as the strategy proposes (Auto-Net: 50, all others: none).")
    library: int = integer(50, low=1, high=200, help="It picks among so many of the best trained networks.")


@dataclass(frozen=True)
class Execution:
    slots: int = integer(1, low=1, high=64, help="Trials that may run at the same time.")
    order: str = choice("strict", choices=("strict", "async"),
                        help="strict: results do not depend on timing; async: no slot ever waits.")
