"""PC-DARTS: a part of the channels goes through the mixture, and each node weighs its edges (Xu et al., ICLR 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.alpha_search import AlphaOptions, AlphaSearch
from engine.options import integer, rate, real
from engine.phases import Site
from engine.registry import strategy

if TYPE_CHECKING:                               # imports torch
    from engine.nets.sampler import Sampler


@dataclass(frozen=True)
class Options(AlphaOptions):
    batch_size: int = integer(256, low=2, high=8192, paper=256, help="Examples in one step of the shared weights.")
    lr: float = real(0.1, low=1e-6, high=10.0, paper=0.1, log=True,
                     help="Learning rate of the shared weights at first; half a cosine leads to the last one.")
    last_lr: float = real(0.0, low=0.0, high=10.0, paper=0.0, help="Their learning rate in the end.")
    parts: int = integer(4, low=1, high=64, paper=4,
                         help="One of so many parts of the channels goes through the operations, the others go by.")
    alpha_after: int = integer(15, low=0, high=10_000, paper=15, help="Epochs at the start in which only the weights learn.")
    alpha_lr: float = real(6e-4, low=1e-6, high=10.0, paper=6e-4, log=True, help="Learning rate of the alphas (Adam).")
    alpha_beta1: float = rate(0.5, paper=0.5, help="Adam's memory of the alphas' gradients.")
    alpha_beta2: float = rate(0.999, paper=0.999, help="Adam's memory of their squares.")
    alpha_decay: float = real(1e-3, low=0.0, high=1.0, paper=1e-3, help="How strongly alphas are pulled to zero.")


PAPER = {"epochs": 50, "batch_size": 256, "lr": 0.1, "parts": 4, "alpha_after": 15, "alpha_lr": 6e-4, "alpha_decay": 1e-3}
CPU = {"epochs": 10, "batch_size": 32, "lr": 0.1, "parts": 2, "alpha_after": 3, "alpha_lr": 0.02}


@strategy(title="PC-DARTS", paper="Xu et al., ICLR 2020 (arXiv:1907.05737)",
          summary="DARTS on a part of the channels, which takes less memory and time; alphas of edges steady the choice.",
          needs={"supernet", "edges"}, asks={"supernet", "shared", "scratch"}, presets={"paper": PAPER, "cpu": CPU})
class PcDarts(AlphaSearch):
    """Two softmaxes: over the operations of an edge, over the edges of a node."""

    @staticmethod
    def sampler(site: Site) -> Sampler:
        from engine.nets.mixture import Learning
        from engine.nets.partial import Partial

        o: Options = site.options
        learning = Learning(o.alpha_lr, (o.alpha_beta1, o.alpha_beta2), o.alpha_decay, after=o.alpha_after)
        return Partial(site, learning, o.parts)
