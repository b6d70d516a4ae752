"""Random search with weight sharing: a network trained on random paths ranks random ones (Li & Talwalkar, UAI 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.events import Event
from engine.options import integer, real
from engine.phases import Site, SupernetOptions
from engine.random_ranking import RandomRanking
from engine.registry import strategy
from engine.work import Outcome, SupernetEpoch, Work

if TYPE_CHECKING:                               # imports torch
    from engine.nets.sampler import Sampler

MOST = 10_000                                   # epochs


@dataclass(frozen=True)
class Options(SupernetOptions):
    candidates: int = integer(1000, low=1, high=1_000_000, paper=1000,
                              help="Random architectures that are ranked with the shared weights.")
    seconds: float | None = real(None, low=0.01, high=1e8, optional=True,
                                 help="How long the shared weights learn, in place of `epochs`: as many as fit, going by "
                                      "the first one.")


PAPER = {"epochs": 50, "batch_size": 64, "candidates": 1000}
CPU = {"epochs": 10, "batch_size": 32, "lr": 0.1, "candidates": 20}


@strategy(title="Random search with weight sharing", paper="Li & Talwalkar, UAI 2019 (arXiv:1902.07638)",
          summary="Each batch trains a random path of one network that holds all architectures; random ones are ranked.",
          needs={"sharing"}, asks={"supernet", "shared", "scratch"}, presets={"paper": PAPER, "cpu": CPU})
class RandomSharing(RandomRanking):
    """The baseline of all weight sharing: nothing is learned of architectures before they are ranked."""

    why = "A random architecture, ranked with the shared weights."
    options: Options

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        events = super().tell(work, outcome)
        first = isinstance(work, SupernetEpoch) and work.index == 0 and outcome.ok
        if first and self.options.seconds is not None:
            fitting = self.options.seconds / max(outcome.spend["seconds"], 1e-3)
            self.phases.extend(min(MOST, max(1, round(fitting))) - 1)
        return events

    def _settings(self) -> dict[str, Any]:
        """The learning rate falls over the epochs that fit."""
        return {"plan": {"epochs": self.phases.epochs}} if self.options.seconds is not None and self.phases.heard else {}

    @staticmethod
    def sampler(site: Site) -> Sampler:
        from engine.nets.paths import Paths
        from engine.nets.slices import Slices

        return Paths(site) if hasattr(site.space, "supernet") else Slices(site)
