"""Runs of contenders over seeds, and who is the incumbent (intensification: Hutter, Hoos, Leyton-Brown, LION 2011).

A challenger meets the incumbent on the seeds that both were run with, in batches that double, and is rejected as soon as its
mean is no better there. It takes over when it is better on every seed of the incumbent, which gets a run more whenever a
challenger appears. So one lucky run makes nobody an incumbent for long.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from statistics import fmean
from typing import Generic, TypeVar

T = TypeVar("T")
Seed = tuple[str, int]


@dataclass
class Contender(Generic[T]):
    """`wanted`: how many runs are asked for it; `losses` by the number of the seed, None for a failed run."""

    name: str
    what: T
    wanted: int = 1
    losses: dict[int, float | None] = field(default_factory=dict)
    runs: int = 0                               # trials, whatever their seeds


class Runs(Generic[T]):
    """`most` runs of one contender; with one, the lowest loss decides."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.contenders: dict[str, Contender[T]] = {}
        self.incumbent: Contender[T] | None = None
        self.racing: dict[str, Contender[T]] = {}               # challengers that are neither rejected nor the incumbent
        self.worst = float("-inf")                              # of the losses that are known: what a failure counts as

    def tell(self, name: str, what: T, seed: int, loss: float | None) -> Contender[T]:
        """One run is over."""
        new = name not in self.contenders
        contender = self.contenders.setdefault(name, Contender(name, what))
        contender.runs += 1
        if loss is not None or seed not in contender.losses:
            contender.losses[seed] = loss
        self.worst = self.worst if loss is None else max(self.worst, loss)
        if self.incumbent is None:
            self.incumbent = None if loss is None else contender
        elif contender is not self.incumbent:
            self._challenge(contender, new)
        return contender

    def mean(self, contender: Contender[T], seeds: Collection[int] | None = None) -> float:
        """The mean loss over its seeds, or over some of them."""
        losses = [contender.losses[seed] for seed in (contender.losses if seeds is None else seeds)]
        return fmean(self.worst if loss is None else loss for loss in losses)

    def owed(self, pending: Collection[Seed]) -> tuple[Contender[T], int] | None:
        """A run that somebody waits for and that is not under way: of challengers first, then of the incumbent."""
        waiting = [*self.racing.values(), *([self.incumbent] if self.incumbent else [])]
        for contender in waiting:
            for seed in range(1, contender.wanted + 1):
                if seed not in contender.losses and (contender.name, seed) not in pending:
                    return contender, seed
        return None

    def _challenge(self, contender: Contender[T], new: bool) -> None:
        """The race goes on, or is decided."""
        assert self.incumbent is not None
        if new:
            self.racing[contender.name] = contender
            self.incumbent.wanted = min(self.most, self.incumbent.wanted + 1)
        if contender.name not in self.racing or len(contender.losses) < contender.wanted:
            return
        common = contender.losses.keys() & self.incumbent.losses.keys()
        if not common or self.mean(contender, common) >= self.mean(self.incumbent, common):
            del self.racing[contender.name]
            contender.wanted = len(contender.losses)
        elif common >= self.incumbent.losses.keys():
            del self.racing[contender.name]
            contender.wanted = max(contender.wanted, self.incumbent.wanted)
            self.incumbent.wanted, self.incumbent = len(self.incumbent.losses), contender
        else:
            contender.wanted = min(2 * contender.wanted, len(self.incumbent.losses))
