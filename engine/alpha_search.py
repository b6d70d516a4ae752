"""The outer layer of every mixture: epochs until the last or an alarm, then the architecture that the alphas stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.architecture.architecture import Architecture
from engine.events import Event
from engine.phases import Phases, SupernetOptions, pictures
from engine.spaces.space import Space
from engine.stopping import StopOptions, Watch
from engine.work import Outcome, SupernetEpoch, Work


@dataclass(frozen=True)
class AlphaOptions(StopOptions, SupernetOptions):
    """Of a method whose alphas descend: training of the shared weights, and when to end early."""


class AlphaSearch:
    """After the last epoch the derived architecture is scored with the shared weights, and is then the only final."""

    def __init__(self, space: Space, options: Any, seed: int) -> None:
        self.options = options
        self.phases = Phases(options.epochs)
        self.watch = Watch(options)
        self.ranked = False

    def ask(self, slots: int) -> list[Work]:
        if epoch := self.phases.epoch():
            return [epoch]
        if self.phases.waiting or self.ranked or self.phases.trained is None:
            return []
        self.ranked = True
        derived = Architecture(**(self.watch.keep or self.phases.reports["derived"]))
        why = self.watch.alarm or f"What the alphas stand for after {self.phases.asked:,} epochs."
        work = self.phases.ranked(derived, how="derived", why=why)
        return [work] if work else []

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        if not (self.phases.told(work, outcome) and isinstance(work, SupernetEpoch)):
            return []
        events = self.watch.hear(work, outcome.payload)
        if self.watch.alarm:
            self.phases.stop()
        return pictures(work, outcome.payload) + events

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.phases.asked, "ranked": self.ranked}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.phases.asked, self.ranked = state["asked"], state["ranked"]
