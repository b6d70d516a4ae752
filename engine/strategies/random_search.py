"""Random search: independent draws from the space, the baseline that every result is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.architecture.architecture import Architecture
from engine.events import Event
from engine.options import flag
from engine.registry import strategy
from engine.rng import stream
from engine.spaces.space import Space
from engine.work import Candidate, Outcome, Work

PATIENCE = 10_000                                # draws without a new architecture before a space counts as exhausted


@dataclass(frozen=True)
class Options:
    distinct: bool = flag(True, help="Never draw the same architecture twice; ends when a finite space is used up.")


@strategy(title="Random search", summary="Independent draws: the baseline every result is judged by.",
          paper="Bergstra & Bengio, JMLR 2012", presets={"paper": {"distinct": False}, "cpu": {}})
class RandomSearch:
    """The stream of draws depends on the seed alone, never on outcomes."""

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        self.space, self.options, self.seed = space, options, seed
        self.drawn = 0                                # position in the stream
        self.seen: set[Architecture] = set()

    def ask(self, slots: int) -> list[Work]:
        found = (self._draw() for _ in range(slots))
        return [candidate for candidate in found if candidate is not None]

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        return []

    def state_dict(self) -> dict[str, Any]:
        return {"drawn": self.drawn}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What was drawn so far is drawn again: cheaper to repeat than to keep."""
        while self.drawn < state["drawn"]:
            self._next()

    def _next(self) -> Candidate | None:
        """One draw; None for an architecture that was drawn before."""
        proposal = self.space.sample(stream(self.seed, "random", self.drawn))
        self.drawn += 1
        if self.options.distinct and not proposal.hyper:
            if proposal.architecture in self.seen:
                return None
            self.seen.add(proposal.architecture)
        return Candidate(proposal.architecture, proposal.hyper, origin={"how": "random"})

    def _draw(self) -> Candidate | None:
        size = self.space.size()
        if self.options.distinct and size is not None and len(self.seen) >= size:
            return None
        return next((found for _ in range(PATIENCE) if (found := self._next()) is not None), None)
