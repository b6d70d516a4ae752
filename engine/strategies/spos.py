"""Single-path one-shot: uniform paths train shared weights, evolution searches their scores (Guo et al., ECCV 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.evolved_ranking import EvolutionOptions, EvolvedRanking
from engine.options import choice, integer, real
from engine.phases import Site
from engine.registry import strategy

if TYPE_CHECKING:                               # imports torch
    from engine.nets.sampler import Sampler


@dataclass(frozen=True)
class Options(EvolutionOptions):
    epochs: int = integer(120, low=1, high=10_000, paper=120, help="Epochs in which the shared weights learn.")
    batch_size: int = integer(1024, low=2, high=8192, paper=1024, help="Examples in one step of the shared weights.")
    lr: float = real(0.5, low=1e-6, high=10.0, paper=0.5, log=True,
                     help="Learning rate of the shared weights at first; half a cosine leads to the last one.")
    last_lr: float = real(0.0, low=0.0, high=10.0, paper=0.0, help="Their learning rate in the end.")
    weight_decay: float = real(4e-5, low=0.0, high=1.0, paper=4e-5,
                               help="How strongly the weights that a step uses are pulled to zero.")
    clip: float | None = real(5.0, low=1e-6, high=1000.0, optional=True,
                              help="Largest norm of the weights' gradient; empty: any.")
    paths: str = choice("uniform", choices=("uniform", "fair"), paper="uniform",
                        help="uniform: a batch trains one random path. fair: as many paths as an edge has operations, each "
                             "operation in exactly one of them; their gradients make one step (FairNAS).")


PAPER = {"epochs": 120, "batch_size": 1024, "lr": 0.5, "last_lr": 0.0, "weight_decay": 4e-5, "recalibration": 200,
         "population": 50, "parents": 10, "crossover": 25, "mutation": 25, "mutation_rate": 0.1, "generations": 20}
CPU = {"epochs": 10, "batch_size": 32, "lr": 0.1, "recalibration": 4, "population": 8, "parents": 4, "crossover": 4,
       "mutation": 4, "generations": 4}


@strategy(title="Single-path one-shot (SPOS)", paper="Guo, Zhang, Mu, Heng, Liu, Wei, Sun, ECCV 2020 (arXiv:1904.00420)",
          summary="Each batch trains a uniformly drawn path; afterwards evolution looks for the best one, with batch "
                  "statistics measured anew for every candidate and within the limits of the search.",
          needs={"supernet", "parameters"}, asks={"supernet", "shared", "scratch"}, presets={"paper": PAPER, "cpu": CPU})
class Spos(EvolvedRanking):
    """Paths are uniform or strictly fair; the rest is the common search."""

    @staticmethod
    def sampler(site: Site) -> Sampler:
        from engine.nets.fair_paths import FairPaths
        from engine.nets.paths import Paths

        return FairPaths(site) if site.options.paths == "fair" else Paths(site)
