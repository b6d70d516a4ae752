"""TangleNAS: alphas learn by gradient on weights of which small choices are slices (Sukthanker et al., AutoML 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.architecture.architecture import Architecture
from engine.events import Event
from engine.heirs import Heirs
from engine.options import integer, rate, real
from engine.phases import Phases, Site, SupernetOptions, pictures
from engine.registry import strategy
from engine.work import Outcome, SupernetEpoch, Work

if TYPE_CHECKING:                               # imports torch
    from engine.nets.sampler import Sampler


@dataclass(frozen=True)
class Options(SupernetOptions):
    alpha_lr: float = real(3e-4, low=1e-6, high=10.0, log=True, help="Learning rate of the alphas (Adam).")
    alpha_beta1: float = rate(0.5, help="Adam's memory of the alphas' gradients.")
    alpha_beta2: float = rate(0.999, help="Adam's memory of their squares.")
    alpha_decay: float = real(1e-3, low=0.0, high=1.0, help="How strongly alphas are pulled to zero.")
    alpha_after: int = integer(0, low=0, high=10_000, help="Epochs at the start in which only the weights learn.")
    heirs: int = integer(1, low=0, high=1, help="1: the derived architecture goes on with its slice of the weights. 0: not.")
    fine_tune: int = integer(5, low=0, high=10_000,
                             help="Epochs in which it does, with a tenth of the estimation's learning rate; 0: it is scored "
                                  "as it is.")


PAPER = {"epochs": 50, "batch_size": 64, "lr": 0.025, "last_lr": 0.001, "momentum": 0.9, "weight_decay": 3e-4, "clip": 5.0,
         "alpha_lr": 3e-4, "alpha_decay": 1e-3}
CPU = {"epochs": 10, "batch_size": 32, "lr": 0.1, "alpha_lr": 0.02, "fine_tune": 2}


@strategy(title="TangleNAS: alphas on entangled weights",
          paper="Sukthanker, Krishnakumar, Safari, Hutter, AutoML 2024 (arXiv:2312.10440)",
          summary="Kernels, widths and depths are mixed as weights, not as outputs: one network is computed, and alphas "
                  "descend its validation loss.",
          needs={"slices", "entangled"}, asks={"supernet", "shared", "inherit", "scratch"},
          presets={"paper": PAPER, "cpu": CPU})
class Tangle:
    """Epochs of the mixture; the architecture that it stands for is scored, goes on as an heir, and is the final."""

    def __init__(self, space: Any, options: Options, seed: int) -> None:
        self.options = options
        self.phases = Phases(options.epochs)
        self.heirs = Heirs(options.heirs, options.fine_tune)
        self.ranked = False

    @staticmethod
    def sampler(site: Site) -> Sampler:
        from engine.nets.entangled import Entangled
        from engine.nets.mixture import Learning

        o: Options = site.options
        return Entangled(site, Learning(o.alpha_lr, (o.alpha_beta1, o.alpha_beta2), o.alpha_decay, after=o.alpha_after))

    def ask(self, slots: int) -> list[Work]:
        if epoch := self.phases.epoch():
            return [epoch]
        if self.phases.waiting or self.phases.trained is None:
            return []
        if self.ranked:
            return self.heirs.ask(slots, 1)
        self.ranked = True
        work = self.phases.ranked(Architecture(**self.phases.reports["derived"]), how="derived",
                                  why=f"What the alphas stand for after {self.phases.asked:,} epochs.")
        return [work] if work else []

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        self.heirs.told(work, outcome)
        if self.phases.told(work, outcome) and isinstance(work, SupernetEpoch):
            return pictures(work, outcome.payload)
        return []

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.phases.asked, "ranked": self.ranked, "heirs": self.heirs.asked}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.phases.asked, self.ranked, self.heirs.asked = state["asked"], state["ranked"], state["heirs"]
