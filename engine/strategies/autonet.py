"""Auto-Net: SMAC on fully connected networks and all of their training, closed with an ensemble of the best
(Mendoza, Klein, Feurer, Springenberg & Hutter, AutoML workshop at ICML 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from engine.options import integer, rate
from engine.registry import strategy
from engine.surrogates import forest_search
from engine.surrogates.forest_search import ForestSearch
from engine.work import Candidate


@dataclass(frozen=True)
class Options(forest_search.Options):
    """SMAC's, with the values of Auto-Net: it begins with the default network, then every second one is random."""

    initial: int = integer(1, low=1, high=10_000, paper=1, log=True,
                           help="Candidates before the forest is asked: the default network, then random ones.")
    interleave: float = rate(0.5, paper=0.5, help="Share of random candidates among the later ones.")
    repeats: int = integer(1, low=1, high=2000, paper=1, log=True,
                           help="Most trainings of one candidate, each with another seed. 1: its one score counts.")


@strategy(title="Auto-Net", paper="Mendoza, Klein, Feurer, Springenberg, Hutter, AutoML workshop 2016",
          summary="Tables: SMAC decides a fully connected network together with its whole training, beginning with an "
                  "ordinary one; at the end the networks that help each other most become an ensemble.",
          needs={"parameters", "default"}, ensemble=50,
          presets={"paper": {"initial": 1, "interleave": 0.5, "features": 5 / 6, "min_split": 3, "min_leaf": 3,
                             "repeats": 1},
                   "cpu": {"initial": 5, "random": 500, "starts": 3, "plateau": 3}})
class AutoNet(ForestSearch):
    """What closes the search is the document's part `ensemble`, which this strategy asks for."""

    def _fresh(self, rng: Random) -> Candidate | None:
        return self._default() if self.proposed == 0 else super()._fresh(rng)

    def _default(self) -> Candidate:
        why = "The default network with the default training: an ordinary one, which the others have to beat."
        return self._candidate(self.space.default(), {"how": "default", "why": why})
