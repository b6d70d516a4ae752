"""Once-for-all: one network whose slices are all others, trained by progressive shrinking (Cai et al., ICLR 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.events import Event
from engine.evolved_ranking import EvolutionOptions, EvolvedRanking
from engine.heirs import Heirs
from engine.insight import pairs, series, shown
from engine.options import choice, flag, integer, rate, real
from engine.phases import Site
from engine.registry import strategy
from engine.work import Outcome, SupernetEpoch, Work

if TYPE_CHECKING:                               # imports torch
    from engine.nets.sampler import Sampler

EARLY, LAST = 25, 120                           # epochs of a dimension's phases before its last one, and of that one


@dataclass(frozen=True)
class Options(EvolutionOptions):
    epochs: int = integer(590, low=1, high=10_000, paper=590, help="Epochs of all stages together.")
    batch_size: int = integer(64, low=2, high=8192, paper=64, help="Examples in one step of the shared weights.")
    lr: float = real(0.08, low=1e-6, high=10.0, log=True,
                     help="Learning rate of the full network at first; half a cosine leads to the last one.")
    last_lr: float = real(0.0, low=0.0, high=10.0, paper=0.0, help="The learning rate at the end of every stage.")
    weight_decay: float = real(3e-5, low=0.0, high=1.0, paper=3e-5,
                               help="How strongly the weights that a step uses are pulled to zero; not norms and biases.")
    clip: float | None = real(None, low=1e-6, high=1000.0, optional=True,
                              help="Largest norm of the weights' gradient; empty: any.")
    progressive: bool = flag(True, paper=True, help="Kernels, depths and widths shrink one after another; off: all are "
                                                    "allowed from the first epoch, at the learning rate above.")
    full: int = integer(180, low=0, high=10_000, paper=180, help="Part of the epochs that trains the largest network alone.")
    kernel: int = integer(120, low=0, high=10_000, paper=120, help="Part of the epochs after which kernels may be smaller.")
    depth: int = integer(145, low=0, high=10_000, paper=145,
                         help="Part of the epochs in which stages become shallower, a depth at a time.")
    width: int = integer(145, low=0, high=10_000, paper=145,
                         help="Part of the epochs in which blocks become narrower, an expansion at a time.")
    kernel_lr: float = real(0.03, low=1e-6, high=10.0, paper=0.03, log=True, help="Learning rate of the stage of kernels.")
    early_lr: float = real(0.0025, low=1e-6, high=10.0, paper=0.0025, log=True,
                           help="Of the phases of depth and width, but for their last ones.")
    late_lr: float = real(0.0075, low=1e-6, high=10.0, paper=0.0075, log=True, help="Of their last ones.")
    kernel_paths: int = integer(1, low=1, high=64, paper=1, help="Random networks of a step in the stage of kernels.")
    depth_paths: int = integer(2, low=1, high=64, paper=2, help="In that of depths.")
    width_paths: int = integer(4, low=1, high=64, paper=4, help="In that of widths.")
    sandwich: bool = flag(False, paper=False, help="Each step also trains the smallest and the largest that is allowed.")
    distillation: float = real(1.0, low=0.0, high=100.0, paper=1.0,
                               help="Weight of the teacher's probabilities as a target beside the labels; 0: no teacher.")
    teacher: str = choice("full", choices=("full", "largest"), paper="full",
                          help="full: the largest network as the first stage has left it. largest: with its weights of the "
                               "moment (in-place distillation).")
    recalibration: int = integer(10, low=0, high=10_000, paper=10,
                                 help="Batches on which a candidate's statistics are measured anew before it is scored; 0: "
                                      "as the estimation says.")
    population: int = integer(100, low=2, high=10_000, paper=100, log=True,
                              help="Candidates of a generation; those of the first are random.")
    parents: int = integer(25, low=1, high=1000, paper=25, help="The best of all generations, of which children come.")
    crossover: int = integer(50, low=0, high=10_000, paper=50,
                             help="Children of a generation that take each decision from one of two parents.")
    mutation: int = integer(50, low=0, high=10_000, paper=50,
                            help="Children that redraw each decision of a parent with the rate below. What is left of a "
                                 "generation is random.")
    mutation_rate: float = rate(0.1, paper=0.1, help="Chance that a mutation draws a decision anew.")
    generations: int = integer(500, low=1, high=100_000, paper=500, help="Generations, the random one among them.")
    heirs: int = integer(1, low=0, high=1000,
                         help="Of what was ranked, so many of the best become networks of their own with their slices of "
                              "the weights.")
    fine_tune: int = integer(0, low=0, high=10_000, paper=0,
                             help="Epochs in which these go on, with a tenth of the estimation's learning rate; 0: they are "
                                  "scored as they are, with batch statistics of their own.")

    def schedule(self) -> Mapping[str, Any]:
        return {"nesterov": True}


PAPER = {"epochs": 590, "batch_size": 64, "lr": 0.08, "weight_decay": 3e-5, "full": 180, "kernel": 120, "depth": 145,
         "width": 145, "kernel_lr": 0.03, "early_lr": 0.0025, "late_lr": 0.0075, "distillation": 1.0, "teacher": "full",
         "recalibration": 10, "population": 100, "parents": 25, "crossover": 50, "mutation": 50, "generations": 500}
CPU = {"epochs": 20, "batch_size": 32, "lr": 0.08, "kernel_lr": 0.05, "early_lr": 0.03, "late_lr": 0.05, "width_paths": 2,
       "recalibration": 4, "population": 6, "parents": 3, "crossover": 3, "mutation": 3, "generations": 4, "fine_tune": 1}


class Stage(NamedTuple):
    """What is allowed from the epoch `begun` on, for so many `epochs`; `before`: expansions that were allowed earlier."""

    name: str
    kernels: tuple[int, ...]
    depths: tuple[int, ...]
    expansions: tuple[int, ...]
    lr: float
    paths: int
    part: float = 0.0
    begun: int = 0
    epochs: int = 0
    before: tuple[int, ...] = ()


def planned(space: Any, options: Options) -> list[Stage]:
    """Full, kernel, depth, width; each dimension of which there is a choice, its choices from the largest down."""
    o = options
    kernels, depths, widths = (tuple(sorted(each, reverse=True)) for each in (space.kernels, space.depths, space.expansions))
    if not o.progressive:
        return [Stage("all", kernels, depths, widths, o.lr, o.width_paths, 1.0)]
    found = [Stage("full", kernels[:1], depths[:1], widths[:1], o.lr, 1, o.full)]
    if len(kernels) > 1:
        found.append(Stage("kernel", kernels, depths[:1], widths[:1], o.kernel_lr, o.kernel_paths, o.kernel))
    for count, part, lr in _phases(depths, o.depth, o):
        found.append(Stage("depth", kernels, depths[:count], widths[:1], lr, o.depth_paths, part))
    for count, part, lr in _phases(widths, o.width, o):
        found.append(Stage("width", kernels, depths, widths[:count], lr, o.width_paths, part))
    return found


def _phases(choices: Sequence[int], part: float, o: Options) -> list[tuple[int, float, float]]:
    """How many choices are allowed, for which part of the epochs, with which learning rate: one choice more each time."""
    counts = range(2, len(choices) + 1)
    whole = EARLY * (len(counts) - 1) + LAST
    return [(count, part * (LAST if count == len(choices) else EARLY) / whole,
             o.late_lr if count == len(choices) else o.early_lr) for count in counts]


def staged(space: Any, options: Options) -> list[Stage]:
    """The stages with their epochs. One too short for an epoch is left out, and what it allows comes with the next; the last
    has one at least, so that all sizes are trained."""
    plan = planned(space, options)
    whole = sum(stage.part for stage in plan) or 1.0
    ends = [min(round(options.epochs * part / whole), options.epochs - 1) for part in accumulate(s.part for s in plan)]
    borders = [0, *ends[:-1], options.epochs]
    found: list[Stage] = []
    for stage, (begun, end) in zip(plan, pairwise(borders), strict=True):
        if end > begun:
            before = found[-1].expansions if found else stage.expansions
            found.append(stage._replace(begun=begun, epochs=end - begun, before=before))
    return found


@strategy(title="Once-for-all (OFA)", paper="Cai, Gan, Wang, Zhang, Han, ICLR 2020 (arXiv:1908.09791)",
          summary="The largest network is trained first, then its slices with smaller kernels, fewer blocks and narrower "
                  "ones, taught by it; evolution finds the best slice within the limits, and it works as it is.",
          needs={"slices", "parameters"}, asks={"supernet", "shared", "inherit", "scratch"},
          presets={"paper": PAPER, "cpu": CPU})
class OnceForAll(EvolvedRanking):
    """Stages of epochs, an evolution of slices, the best slices as networks of their own; finals, from scratch."""

    def __init__(self, space: Any, options: Options, seed: int) -> None:
        super().__init__(space, options, seed)
        self.stages = staged(space, options)
        self.heirs = Heirs(options.heirs, options.fine_tune)

    @staticmethod
    def sampler(site: Site) -> Sampler:
        from engine.nets.shrinking import Shrinking

        return Shrinking(site)

    def settings(self, epoch: int) -> dict[str, Any]:
        stage = self.stages[self.number(epoch)]
        plan = {"begun": stage.begun, "length": stage.epochs, "lr": stage.lr, "last_lr": min(self.options.last_lr, stage.lr)}
        return {"stage": stage.name, "kernels": list(stage.kernels), "depths": list(stage.depths),
                "expansions": list(stage.expansions), "before": list(stage.before), "paths": stage.paths, "plan": plan}

    def ask(self, slots: int) -> list[Work]:
        found = super().ask(slots)
        over = self.phases.over and self.generation >= self.options.generations
        return found or (self.heirs.ask(slots, 0) if over else [])

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        self.heirs.told(work, outcome)
        events = super().tell(work, outcome)
        return events + self._stage(work, outcome) if isinstance(work, SupernetEpoch) and outcome.ok else events

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "heirs": self.heirs.asked}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.heirs.asked = state["heirs"]

    def number(self, epoch: int) -> int:
        """Of the stage that this epoch belongs to, from 0."""
        return max(k for k, stage in enumerate(self.stages) if stage.begun <= min(epoch, self.options.epochs - 1))

    def _stage(self, work: SupernetEpoch, outcome: Outcome) -> list[Event]:
        """Which sizes are allowed, and what the epoch's steps have trained beside what they should."""
        number, report = self.number(work.index), outcome.payload
        stage = self.stages[number]
        allowed = {"kernel": stage.kernels, "depth": stage.depths, "expansion": stage.expansions}
        words = "; ".join(f"{name}s {', '.join(map(str, sorted(values)))}" for name, values in allowed.items())
        figures = series("Sizes that are allowed", **{f"{name}s": len(values) for name, values in allowed.items()})
        figures["note"] = f"Stage {number + 1} of {len(self.stages)}, {stage.name}: {words}."
        decisions = {name: _shares(allowed[name], dict(report["sampled"][name])) for name in report.get("sampled", {})}
        found = [figures]
        if decisions:
            found.append(pairs("Sampled choices", ("trained", "expected"), decisions, "share"))
        if sizes := report.get("sizes"):
            found.append(pairs("Sampled sizes", ("this epoch", "whole space"), {"parameters": _sizes(sizes)}, "share"))
        return [Event("strategy", work.trial, shown(*found, epoch=work.index + 1, stage=stage.name))]


def _shares(allowed: Sequence[int], counts: Mapping[int, int]) -> tuple[list[str], list[float], list[float]]:
    places = sorted(allowed)
    total = max(1, sum(counts.values()))
    return [str(place) for place in places], [counts.get(p, 0) / total for p in places], [1 / len(places)] * len(places)


def _sizes(report: Mapping[str, Any]) -> tuple[list[str], list[float], list[float]]:
    """Bins by their upper ends."""
    low, high, count = report["low"], report["high"], len(report["trained"])
    ends = [f"{low + (high - low) * (k + 1) / count:,.0f}" for k in range(count)]
    trained, space = ([n / max(1, sum(row)) for n in row] for row in (report["trained"], report["space"]))
    return ends, trained, space
