"""DARTS: alphas learn by gradient on examples of their own, beside the shared weights (Liu, Simonyan & Yang, ICLR 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.alpha_search import AlphaOptions, AlphaSearch
from engine.options import choice, integer, rate, real
from engine.phases import Site
from engine.registry import strategy

if TYPE_CHECKING:                               # imports torch
    from engine.nets.sampler import Sampler


@dataclass(frozen=True)
class Options(AlphaOptions):
    order: str = choice("second", choices=("first", "second"), paper="second",
                        help="first: alphas descend at the weights as they are. second: at those after their next step, "
                             "which is three times as much work and half as often an improvement.")
    alpha_lr: float = real(3e-4, low=1e-6, high=10.0, paper=3e-4, log=True, help="Learning rate of the alphas (Adam).")
    alpha_beta1: float = rate(0.5, paper=0.5, help="Adam's memory of the alphas' gradients.")
    alpha_beta2: float = rate(0.999, paper=0.999, help="Adam's memory of their squares.")
    alpha_decay: float = real(1e-3, low=0.0, high=1.0, paper=1e-3, help="How strongly alphas are pulled to zero.")
    alpha_after: int = integer(0, low=0, high=10_000, paper=0, help="Epochs at the start in which only the weights learn.")


PAPER = {"epochs": 50, "batch_size": 64, "lr": 0.025, "last_lr": 0.001, "momentum": 0.9, "weight_decay": 3e-4, "clip": 5.0,
         "order": "second", "alpha_lr": 3e-4, "alpha_decay": 1e-3}
RECURRENT = {"epochs": 50, "batch_size": 256, "lr": 20.0, "last_lr": 20.0, "momentum": 0.0, "weight_decay": 5e-7,
             "clip": 0.25, "order": "second", "alpha_lr": 3e-3, "alpha_beta1": 0.9, "alpha_decay": 1e-3}
CPU = {"epochs": 10, "batch_size": 32, "lr": 0.1, "order": "first", "alpha_lr": 0.02}
RECURRENT_CPU = {**RECURRENT, "epochs": 8, "batch_size": 16, "lr": 5.0, "last_lr": 0.5, "order": "first", "alpha_lr": 0.02}


@strategy(title="DARTS", paper="Liu, Simonyan, Yang, ICLR 2019 (arXiv:1806.09055)",
          summary="All operations at once, weighed by alphas that descend a validation loss; the strongest ones are kept.",
          needs={"supernet"}, asks={"supernet", "shared", "scratch"},
          presets={"paper": PAPER, "recurrent": RECURRENT, "cpu": CPU, "recurrent_cpu": RECURRENT_CPU})
class Darts(AlphaSearch):
    """Softmax shares, by the first or the second order."""

    @staticmethod
    def sampler(site: Site) -> Sampler:
        from engine.nets.mixture import Learning, Mixture

        o: Options = site.options
        return Mixture(site, Learning(o.alpha_lr, (o.alpha_beta1, o.alpha_beta2), o.alpha_decay, o.order == "second",
                                      o.alpha_after))
