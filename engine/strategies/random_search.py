"""Random search: independent draws from the space, the baseline for every comparison."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

from engine.architecture.architecture import Proposal, digest
from engine.events import Event
from engine.options import flag
from engine.registry import strategy
from engine.rng import stream
from engine.spaces.space import Space
from engine.work import Candidate, Outcome, Work

PATIENCE = 10_000               # repeats in a row after which a space of unknown size is taken for exhausted


@dataclass(frozen=True)
class Options:
    dedup: bool = flag(True, paper=False, help="Never propose the same architecture twice; ends when all were proposed.")


@strategy(title="Random search", paper="Bergstra & Bengio, JMLR 2012; Li & Talwalkar, UAI 2019 (arXiv:1902.07638)",
          summary="Draws architectures independently of each other. The baseline that every method has to beat.",
          presets={"paper": {"dedup": False}, "cpu": {"dedup": True}})
class RandomSearch:
    """Draw k depends on the seed, on k and on the draws before it, never on an outcome."""

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        self.space, self.options, self.seed = space, options, seed
        self.size = space.size()
        self.proposed = 0
        self.told = 0
        self.seen: set[str] = set()

    def ask(self, slots: int) -> list[Work]:
        found = (self._propose() for _ in range(slots))
        of = "among all that was not proposed yet" if self.options.dedup else "from the whole space"
        origin = {"how": "sample", "why": f"Drawn at random {of}; no score of another trial is looked at."}
        return [Candidate(p.architecture, p.hyper, origin=dict(origin)) for p in found if p is not None]

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        self.told += 1
        if not self.options.dedup or self.told != self.size:
            return []
        return [Event("log", data={"level": "info", "text": f"All {self.size:,} architectures of the space were tried."})]

    def state_dict(self) -> dict[str, Any]:
        return {"proposed": self.proposed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Draws again what was drawn before: that is cheaper than keeping it."""
        self.proposed = 0 if self.options.dedup else state["proposed"]
        self.seen.clear()
        while self.proposed < state["proposed"]:
            self._propose()

    def _propose(self) -> Proposal | None:
        """The next draw, None where the space is exhausted."""
        rng = stream(self.seed, "propose", self.proposed)
        proposal = self._unseen(rng) if self.options.dedup else self.space.sample(rng)
        if proposal is not None:
            self.proposed += 1
        return proposal

    def _unseen(self, rng: Random) -> Proposal | None:
        for _ in range(PATIENCE) if self.size is None else count():
            if len(self.seen) == self.size:
                break
            proposal = self.space.sample(rng)
            name = digest(proposal.document())
            if name not in self.seen:
                self.seen.add(name)
                return proposal
        return None
