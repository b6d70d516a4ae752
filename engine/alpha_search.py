"""The outer layer of every mixture: epochs until the last or an alarm, then the architecture that it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.architecture.architecture import Architecture
from engine.derivation import DeriveOptions, answers, tuning, why
from engine.events import Event
from engine.phases import Phases, SupernetOptions, pictures
from engine.spaces.space import Space
from engine.stopping import StopOptions, Watch
from engine.work import Outcome, SupernetEpoch, Work


@dataclass(frozen=True)
class AlphaOptions(DeriveOptions, StopOptions, SupernetOptions):
    """Of a method whose alphas descend: training of the shared weights, when to end early, how to derive."""


class AlphaSearch:
    """After the last epoch the derived architecture is scored with the shared weights, and is then the only final."""

    def __init__(self, space: Space, options: Any, seed: int) -> None:
        self.options = options
        self.phases = Phases(options.epochs)
        self.watch = Watch(options)
        self.searched: int | None = None        # epochs before the first removal; None until then
        self.begun = 0                          # of these, how many the supernet has behind it
        self.ranked = False

    def ask(self, slots: int) -> list[Work]:
        if epoch := self.phases.epoch(**self._settings()):
            return [epoch]
        if self.phases.waiting or self.ranked or self.phases.trained is None:
            return []
        self.ranked = True
        report = self.phases.reports
        if self.searched is not None:
            found, because = report["derived"], why(report)
        else:
            found = self.watch.keep or report["derived"]
            because = self.watch.alarm or f"What the alphas stand for after {self.phases.asked:,} epochs{self.within}."
        work = self.phases.ranked(Architecture(**found), how="derived", why=because)
        return [work] if work else []

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        if not (self.phases.told(work, outcome) and isinstance(work, SupernetEpoch)):
            return []
        report = outcome.payload
        if self.searched is not None:
            return pictures(work, report) + answers(work, report)
        before = len(self.watch.trials)
        events = self.watch.hear(work, report) if self._counts(work.index) else []
        if self.watch.alarm:
            self.phases.stop()
        elif self.watch.back is not None:
            self.phases.back(self.watch.trials[-1], before - self.watch.back)
        if self.phases.ended and self.options.derivation == "perturbation":
            self.searched, self.begun = self.phases.heard, self.phases.behind
            self.phases.extend(report["rounds"] * self.options.tuning_epochs)
        return pictures(work, report) + events

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.phases.asked, "ranked": self.ranked}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.phases.asked, self.ranked = state["asked"], state["ranked"]

    @property
    def within(self) -> str:
        """More of how an architecture was derived, for people."""
        return ""

    def _counts(self, epoch: int) -> bool:
        """Whether an early stop looks at this epoch (from 0)."""
        return True

    def _settings(self) -> dict[str, Any]:
        settings = self.watch.settings
        if self.searched is None:
            return settings
        more = tuning(self.options, self.begun, self.phases.heard - self.searched, self.phases.reports["rounds"])
        return {**settings, **more, "plan": {**settings.get("plan", {}), **more["plan"]}}
