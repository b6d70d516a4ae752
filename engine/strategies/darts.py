"""DARTS: alphas learn by gradient on examples of their own, beside the shared weights (Liu, Simonyan & Yang, ICLR 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.architecture.architecture import Architecture
from engine.events import Event
from engine.options import choice, integer, rate, real
from engine.phases import Phases, Site, SupernetOptions, pictures
from engine.registry import strategy
from engine.spaces.space import Space
from engine.work import Outcome, SupernetEpoch, Work

if TYPE_CHECKING:                               # imports torch
    from engine.nets.sampler import Sampler


@dataclass(frozen=True)
class Options(SupernetOptions):
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
CPU = {"epochs": 10, "batch_size": 32, "lr": 0.1, "order": "first", "alpha_lr": 0.02}


@strategy(title="DARTS", paper="Liu, Simonyan, Yang, ICLR 2019 (arXiv:1806.09055)",
          summary="All operations at once, weighed by alphas that descend a validation loss; the strongest ones are kept.",
          needs={"supernet"}, asks={"supernet", "shared", "scratch"}, presets={"paper": PAPER, "cpu": CPU})
class Darts:
    """After the last epoch the derived architecture is scored with the shared weights, and is then the only final."""

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        self.options = options
        self.phases = Phases(options.epochs)
        self.ranked = False

    @staticmethod
    def sampler(site: Site) -> Sampler:
        from engine.nets.mixture import Learning, Mixture

        o: Options = site.options
        return Mixture(site, Learning(o.alpha_lr, (o.alpha_beta1, o.alpha_beta2), o.alpha_decay, o.order == "second",
                                      o.alpha_after))

    def ask(self, slots: int) -> list[Work]:
        if epoch := self.phases.epoch():
            return [epoch]
        if self.phases.waiting or self.ranked or self.phases.trained is None:
            return []
        self.ranked = True
        derived = Architecture(**self.phases.reports["derived"])
        why = f"What the alphas stand for after {self.phases.asked:,} epochs."
        work = self.phases.ranked(derived, how="derived", why=why)
        return [work] if work else []

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        if self.phases.told(work, outcome) and isinstance(work, SupernetEpoch):
            return pictures(work, outcome.payload)
        return []

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.phases.asked, "ranked": self.ranked}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.phases.asked, self.ranked = state["asked"], state["ranked"]
