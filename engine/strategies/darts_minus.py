"""DARTS-: an auxiliary skip beside every mixture, which fades while the alphas learn (Chu et al., ICLR 2021)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.alpha_search import AlphaOptions, AlphaSearch
from engine.options import choice, rate, real
from engine.phases import Site
from engine.registry import strategy

if TYPE_CHECKING:                               # imports torch
    from engine.nets.sampler import Sampler


@dataclass(frozen=True)
class Options(AlphaOptions):
    beta: float = real(1.0, low=0.0, high=10.0, paper=1.0, help="Weight of the auxiliary skip at first; 0: plain DARTS.")
    fading: str = choice("linear", choices=("linear", "cosine"), paper="linear",
                         help="How that weight falls to zero over all epochs: on a line, or by half a cosine.")
    order: str = choice("first", choices=("first", "second"), paper="first",
                        help="first: alphas descend at the weights as they are. second: at those after their next step.")
    alpha_lr: float = real(3e-4, low=1e-6, high=10.0, paper=3e-4, log=True, help="Learning rate of the alphas (Adam).")
    alpha_beta1: float = rate(0.5, paper=0.5, help="Adam's memory of the alphas' gradients.")
    alpha_beta2: float = rate(0.999, paper=0.999, help="Adam's memory of their squares.")
    alpha_decay: float = real(1e-3, low=0.0, high=1.0, paper=1e-3, help="How strongly alphas are pulled to zero.")


PAPER = {"epochs": 50, "beta": 1.0, "fading": "linear", "order": "first", "alpha_lr": 3e-4, "alpha_decay": 1e-3}
CPU = {"epochs": 10, "batch_size": 32, "lr": 0.1, "alpha_lr": 0.02}


def weight_of_skip(options: Options, progress: float) -> float:
    """From `beta` to exactly zero."""
    left = 1 - progress if options.fading == "linear" else (1 + math.cos(math.pi * progress)) / 2
    return options.beta * left


@strategy(title="DARTS-", paper="Chu et al., ICLR 2021 (arXiv:2009.01027)",
          summary="DARTS with one more skip on every edge, outside the alphas, that fades to nothing.",
          needs={"supernet", "edges"}, asks={"supernet", "shared", "scratch"}, presets={"paper": PAPER, "cpu": CPU})
class DartsMinus(AlphaSearch):
    """What helps gradients through the network is the auxiliary skip's task, so skips in the mixture win only on merit."""

    @staticmethod
    def sampler(site: Site) -> Sampler:
        from engine.nets.auxiliary import beside
        from engine.nets.mixture import Learning

        o: Options = site.options
        learning = Learning(o.alpha_lr, (o.alpha_beta1, o.alpha_beta2), o.alpha_decay, o.order == "second")
        return beside(site, learning, lambda progress: weight_of_skip(o, progress))
