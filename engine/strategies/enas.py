"""ENAS: a controller draws paths of one network, whose weights all share, and learns from their accuracies (Pham, Guan,
Zoph, Le & Dean, ICML 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.events import Event
from engine.insight import due, heat, series, shown
from engine.options import choice, flag, integer, rate, real
from engine.phases import Phases, Site, SupernetOptions, pictures
from engine.registry import strategy
from engine.spaces.space import Space
from engine.work import Outcome, SupernetEpoch, Work

if TYPE_CHECKING:                               # imports torch
    from engine.nets.sampler import Sampler


@dataclass(frozen=True)
class Options(SupernetOptions):
    epochs: int = integer(310, low=1, high=10_000, paper=310, help="Epochs: a pass of the weights, then the controller.")
    batch_size: int = integer(128, low=2, high=8192, paper=128, help="Examples in one step of the shared weights.")
    lr: float = real(0.05, low=1e-6, high=100.0, paper=0.05, log=True,
                     help="Learning rate of the shared weights at first; half a cosine leads to the last one.")
    cycle: int | None = integer(10, low=1, high=10_000, paper=10, optional=True,
                                help="Epochs of the first half cosine, after which another starts; empty: one for all.")
    growth: int = integer(2, low=1, high=10, paper=2, help="How many times as long the next one is.")
    nesterov: bool = flag(True, paper=True, help="Momentum of the shared weights in Nesterov's form.")
    weight_decay: float = real(1e-4, low=0.0, high=1.0, paper=1e-4,
                               help="How strongly the weights that a step uses are pulled to zero.")
    models: int = integer(1, low=1, high=64, paper=1, help="Architectures whose mean loss makes one step of the weights.")
    steps: int = integer(2000, low=1, high=100_000, paper=2000, log=True, help="Steps of the controller in each epoch.")
    samples: int = integer(1, low=1, high=100, paper=1, help="Architectures that are rewarded in one of these steps.")
    units: int = integer(64, low=4, high=256, paper=64, log=True, help="Width of the controller's LSTM.")
    depth: int = integer(2, low=1, high=4, paper=2, help="LSTM layers of the controller.")
    scale: float = real(0.1, low=1e-3, high=1.0, paper=0.1, log=True,
                        help="Its first weights are drawn between minus and plus this.")
    shared: bool = flag(True, paper=True, help="Decisions of one type (the operation of every layer) share their weights.")
    temperature: float = real(5.0, low=0.1, high=100.0, paper=5.0, log=True, help="Divides the logits of the controller.")
    bound: float | None = real(2.5, low=0.01, high=100.0, paper=2.5, optional=True,
                               help="A logit is this times the hyperbolic tangent of what is left; empty: unbounded.")
    eased: float = real(1.0, low=1.0, high=100.0, paper=1.0, help="The bound of operations is divided by this.")
    controller_lr: float = real(1e-3, low=1e-6, high=1.0, paper=1e-3, log=True, help="Rate of the controller (Adam).")
    beta1: float = rate(0.9, paper=0.9, help="Adam's memory of the controller's gradients.")
    eps: float = real(1e-8, low=1e-12, high=1.0, paper=1e-8, log=True, help="What Adam adds to its divisor.")
    entropy: float = real(0.1, low=0.0, high=10.0, paper=0.1, help="Weight of the entropy: explores for longer.")
    entropy_in: str = choice("gradient", choices=("gradient", "reward"), paper=None,
                             help="gradient: a term of its own. reward: added to each reward, as the released code does.")
    skip_target: float = real(0.4, low=0.01, high=0.99, paper=0.4, help="Wanted share of skips, where a space has any.")
    skip_weight: float = real(0.5, low=0.0, high=100.0, paper=0.5, help="How strongly skips are kept near that share.")
    baseline: float = rate(0.95, paper=None, help="Decay of the mean of earlier rewards that a reward is compared with.")
    perplexity: float = real(80.0, low=0.01, high=1e4, paper=80.0, log=True,
                             help="Of text: a reward is this divided by the perplexity of a character.")
    candidates: int = integer(10, low=1, high=64, paper=None,
                              help="Architectures drawn from the controller in the end and scored with the shared weights.")

    def schedule(self) -> Mapping[str, Any]:
        return {"nesterov": self.nesterov, "cycle": self.cycle, "growth": self.growth}


PAPER = {"epochs": 310, "batch_size": 128, "lr": 0.05, "weight_decay": 1e-4, "steps": 2000, "samples": 1, "units": 64,
         "depth": 2, "temperature": 5.0, "bound": 2.5, "controller_lr": 1e-3, "entropy": 0.1, "skip_target": 0.4,
         "skip_weight": 0.5}
MACRO = {"epochs": 310, "batch_size": 128, "lr": 0.05, "last_lr": 5e-4, "weight_decay": 2.5e-4, "steps": 50, "samples": 20,
         "units": 64, "depth": 1, "temperature": 1.0, "bound": 1.5, "controller_lr": 1e-3, "beta1": 0.0, "eps": 1e-3,
         "entropy": 1e-4, "entropy_in": "reward", "skip_target": 0.4, "skip_weight": 0.8, "baseline": 0.99}
MICRO = {"epochs": 150, "batch_size": 160, "lr": 0.05, "last_lr": 5e-4, "weight_decay": 1e-4, "steps": 30, "samples": 10,
         "units": 64, "depth": 1, "temperature": 1.0, "bound": 1.1, "eased": 2.5, "controller_lr": 3.5e-3, "beta1": 0.0,
         "eps": 1e-3, "entropy": 1e-4, "entropy_in": "reward", "skip_weight": 0.0, "baseline": 0.99}
RECURRENT = {"epochs": 150, "batch_size": 64, "lr": 20.0, "last_lr": 0.1, "cycle": None, "momentum": 0.0, "nesterov": False,
             "weight_decay": 1e-7, "clip": 0.25, "steps": 2000, "samples": 1, "units": 100, "depth": 1, "temperature": 5.0,
             "bound": 2.5, "controller_lr": 3.5e-4, "entropy": 1e-4, "skip_weight": 0.0, "baseline": 0.95,
             "perplexity": 80.0}
CPU = {"epochs": 10, "batch_size": 32, "lr": 0.1, "cycle": None, "steps": 20, "samples": 4, "units": 16,
       "depth": 1, "temperature": 1.0,
       "bound": 2.5, "controller_lr": 0.01, "entropy": 1e-3, "baseline": 0.9, "candidates": 5}
RECURRENT_CPU = {**CPU, "epochs": 8, "batch_size": 64, "lr": 5.0, "last_lr": 1.0, "momentum": 0.0, "nesterov": False,
                 "weight_decay": 1e-7, "clip": 0.25, "steps": 10, "perplexity": 5.0}


@strategy(title="ENAS", paper="Pham, Guan, Zoph, Le, Dean, ICML 2018 (arXiv:1802.03268)",
          summary="A recurrent network draws paths of one network that holds all architectures; both learn in turn.",
          needs={"supernet", "parameters", "finite"}, asks={"supernet", "shared", "scratch"},
          presets={"paper": PAPER, "macro": MACRO, "micro": MICRO, "recurrent": RECURRENT, "cpu": CPU,
                   "recurrent_cpu": RECURRENT_CPU})
class Enas:
    """After the last epoch, architectures that the controller drew are scored with the shared weights."""

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        self.space = space
        self.phases = Phases(options.epochs)
        self.proposed = 0

    @staticmethod
    def sampler(site: Site) -> Sampler:
        from engine.nets.controlled import Controlled, Policy
        from engine.nets.controller import Logits

        o: Options = site.options
        return Controlled(site, Policy(
            o.units, o.depth, o.scale, o.shared, Logits(o.temperature, o.bound, o.eased), o.controller_lr, (o.beta1, 0.999),
            o.eps, o.entropy, o.entropy_in == "reward", (o.skip_target, o.skip_weight), o.baseline, o.steps, o.samples,
            o.models, o.candidates, o.perplexity))

    def ask(self, slots: int) -> list[Work]:
        if epoch := self.phases.epoch():
            return [epoch]
        if self.phases.waiting or self.phases.trained is None:
            return []
        report = self.phases.reports
        drawn = report.get("drawn") or [report["derived"]["genotype"]]
        found: list[Work] = []
        for number, genotype in enumerate(drawn[self.proposed:self.proposed + slots], self.proposed + 1):
            why = f"Draw {number} of {len(drawn)} from the controller after {self.phases.asked:,} epochs."
            if work := self.phases.ranked(self.space.parse(genotype), how="controller", why=why):
                found.append(work)
        self.proposed += len(found)
        return found

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        if self.phases.told(work, outcome) and isinstance(work, SupernetEpoch):
            return [*pictures(work, outcome.payload), *_learned(work, outcome.payload)]
        return []

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.phases.asked, "proposed": self.proposed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.phases.asked, self.proposed = state["asked"], state["proposed"]


def _learned(work: SupernetEpoch, report: Mapping[str, Any]) -> list[Event]:
    """What the controller was rewarded, how undecided it is, and what it would draw."""
    known = report.get("policy", {})
    if not due(work.index + 1) or not known:
        return []
    lines = []
    if "reward" in known:
        lines += [series("Reward of the controller", reward=known["reward"], baseline=known["baseline"]),
                  series("Entropy of a decision", entropy=known["entropy"])]
    if "skip rate" in known:
        lines.append(series("Probability of a skip", **{"skip rate": known["skip rate"]}))
    events = [Event("strategy", work.trial, shown(*lines, epoch=work.index + 1))] if lines else []
    note = "Each decision after the likeliest choice of those before it."
    return events + [Event("strategy", work.trial, shown(
        heat(f"Controller: {table['title']}", table["rows"], table["columns"], table["values"], note), epoch=work.index + 1))
        for table in report.get("chances", ())]
