"""GDAS: one operation of each edge a step, drawn by Gumbel noise, a gradient for all alphas (Dong & Yang, CVPR 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.alpha_search import AlphaOptions, AlphaSearch
from engine.options import integer, rate, real
from engine.phases import Site
from engine.registry import strategy

if TYPE_CHECKING:                               # imports torch
    from engine.nets.alphas import Alphas
    from engine.nets.sampler import Sampler, Step
    from engine.nets.supernet import Choice


@dataclass(frozen=True)
class Options(AlphaOptions):
    epochs: int = integer(250, low=1, high=10_000, paper=250, help="Epochs in which the shared weights learn.")
    tau: float = real(10.0, low=0.01, high=100.0, paper=10.0, log=True,
                      help="Temperature at first: high, and all alphas of an edge get about the same gradient.")
    last_tau: float = real(0.1, low=0.01, high=100.0, paper=0.1, log=True, help="Temperature in the end, on a line.")
    alpha_lr: float = real(3e-4, low=1e-6, high=10.0, paper=3e-4, log=True, help="Learning rate of the alphas (Adam).")
    alpha_beta1: float = rate(0.5, paper=0.5, help="Adam's memory of the alphas' gradients.")
    alpha_beta2: float = rate(0.999, paper=0.999, help="Adam's memory of their squares.")
    alpha_decay: float = real(1e-3, low=0.0, high=1.0, paper=1e-3, help="How strongly alphas are pulled to zero.")


PAPER = {"epochs": 250, "tau": 10.0, "last_tau": 0.1, "alpha_lr": 3e-4, "alpha_decay": 1e-3}
CPU = {"epochs": 20, "batch_size": 32, "lr": 0.1, "alpha_lr": 0.02}


@strategy(title="GDAS", paper="Dong, Yang, CVPR 2019 (arXiv:1910.04465)",
          summary="Each step computes one operation of each edge, drawn by the alphas, and still moves all of them.",
          needs={"supernet"}, asks={"supernet", "shared", "scratch"}, presets={"paper": PAPER, "cpu": CPU})
class Gdas(AlphaSearch):
    """A mixture of one operation, weighed by exactly one."""

    @staticmethod
    def sampler(site: Site) -> Sampler:
        from engine.nets.gumbel import drawn
        from engine.nets.mixture import Learning, Mixture

        o: Options = site.options

        def weigh(alphas: Alphas, step: Step) -> Choice:
            return drawn(alphas, step.rng, o.tau + (o.last_tau - o.tau) * step.progress)

        return Mixture(site, Learning(o.alpha_lr, (o.alpha_beta1, o.alpha_beta2), o.alpha_decay), weigh=weigh)
