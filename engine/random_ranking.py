"""The outer layer of methods that rank random architectures: epochs of a supernet, then draws scored with its weights."""

from __future__ import annotations

from typing import Any, ClassVar

from engine.events import Event
from engine.phases import Phases, pictures
from engine.rng import stream
from engine.spaces.space import Space
from engine.work import Outcome, SupernetEpoch, Work


class RandomRanking:
    """All that is learned of architectures is in the shared weights. Options have `epochs` and `candidates`."""

    why: ClassVar[str]                          # of every candidate

    def __init__(self, space: Space, options: Any, seed: int) -> None:
        self.space, self.options, self.seed = space, options, seed
        self.phases = Phases(options.epochs)
        self.proposed = 0

    def ask(self, slots: int) -> list[Work]:
        if epoch := self.phases.epoch(**self._settings()):
            return [epoch]
        if self.phases.waiting:
            return []
        count = min(slots, self.options.candidates - self.proposed)
        return [work for work in (self._propose() for _ in range(count)) if work is not None]

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        if self.phases.told(work, outcome) and isinstance(work, SupernetEpoch):
            return pictures(work, outcome.payload)
        return []

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.phases.asked, "proposed": self.proposed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.phases.asked, self.proposed = state["asked"], state["proposed"]

    def _settings(self) -> dict[str, Any]:
        """Of the next epoch."""
        return {}

    def _propose(self) -> Work | None:
        found = self.space.sample(stream(self.seed, "propose", self.proposed)).architecture
        self.proposed += 1
        return self.phases.ranked(found, how="sample", why=self.why)
