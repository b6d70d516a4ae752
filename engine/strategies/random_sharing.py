"""Random search with weight sharing: a network trained on random paths ranks random ones (Li & Talwalkar, UAI 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.events import Event
from engine.options import integer
from engine.phases import Phases, Site, SupernetOptions, pictures
from engine.registry import strategy
from engine.rng import stream
from engine.spaces.space import Space
from engine.work import Outcome, SupernetEpoch, Work

if TYPE_CHECKING:                               # imports torch
    from engine.nets.sampler import Sampler


@dataclass(frozen=True)
class Options(SupernetOptions):
    candidates: int = integer(1000, low=1, high=1_000_000, paper=1000,
                              help="Random architectures that are ranked with the shared weights.")


PAPER = {"epochs": 50, "batch_size": 64, "candidates": 1000}
CPU = {"epochs": 10, "batch_size": 32, "lr": 0.1, "candidates": 20}


@strategy(title="Random search with weight sharing", paper="Li & Talwalkar, UAI 2019 (arXiv:1902.07638)",
          summary="Each batch trains a random path of one network that holds all architectures; random ones are ranked.",
          needs={"supernet"}, asks={"supernet", "shared", "scratch"}, presets={"paper": PAPER, "cpu": CPU})
class RandomSharing:
    """The baseline of all weight sharing: nothing is learned of architectures before they are ranked."""

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        self.space, self.options, self.seed = space, options, seed
        self.phases = Phases(options.epochs)
        self.proposed = 0

    @staticmethod
    def sampler(site: Site) -> Sampler:
        from engine.nets.paths import Paths

        return Paths(site)

    def ask(self, slots: int) -> list[Work]:
        if epoch := self.phases.epoch():
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

    def _propose(self) -> Work | None:
        found = self.space.sample(stream(self.seed, "propose", self.proposed)).architecture
        self.proposed += 1
        return self.phases.ranked(found, how="sample", why="A random architecture, ranked with the shared weights.")
