"""Zero-cost proxies: score a network untrained, from a batch (Abdelfattah et al., ICLR 2021, arXiv:2101.08134)."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from engine.architecture.cost import measure
from engine.architecture.graph import Graph
from engine.datasets.kinds import KINDS
from engine.errors import Problem, Unscored
from engine.estimation import scratch
from engine.estimation.context import Context
from engine.estimation.latency import untrained
from engine.options import choice, integer
from engine.registry import discover, estimation
from engine.rng import stream_seed
from engine.work import Candidate, Outcome

NUMBERS = ("images", "table")                   # inputs that a network can be differentiated by


@dataclass(frozen=True)
class Proxy:
    """`reads`: kinds of data that it means something for. `batches`: how many it looks at. A `formula` builds nothing."""

    reads: tuple[str, ...] = tuple(KINDS)
    batches: int = 1
    formula: bool = False


PROXIES: Mapping[str, Proxy] = {
    "synflow": Proxy(NUMBERS), "naswot": Proxy(NUMBERS), "jacob_cov": Proxy(NUMBERS), "zico": Proxy(batches=2),
    "grad_norm": Proxy(), "snip": Proxy(), "grasp": Proxy(), "plain": Proxy(), "fisher": Proxy(),
    "parameters": Proxy(formula=True), "flops": Proxy(formula=True)}


@dataclass(frozen=True)
class Options(scratch.Options):
    proxy: str = choice("synflow", choices=PROXIES, paper="synflow",
                        help="What the score is: more is better. Parameters and FLOPs are what the others have to beat.")
    examples: int = integer(64, low=2, high=8192, paper=64, help="Examples in the batch that a proxy looks at.")
    repeats: int = integer(1, low=1, high=100, paper=1, help="Draws of weights and batch; the score is the mean.")
    seed: int | None = integer(None, low=0, high=2**53, optional=True,
                               help="Of weights and batch, for all candidates alike; empty: each trial draws its own.")

    def fits(self, space: tuple[str, Any], dataset: str) -> list[Problem]:
        return unmeasurable("/estimation/proxy", self.proxy, dataset)


def unmeasurable(path: str, proxy: str, dataset: str) -> list[Problem]:
    """Why a proxy means nothing for networks on a dataset."""
    kind = discover("datasets")[dataset].facts["kind"]
    if kind in PROXIES[proxy].reads:
        return []
    fitting = ", ".join(name for name, proxy in PROXIES.items() if kind in proxy.reads)
    return [Problem(path, f"reads numbers as {' or '.join(PROXIES[proxy].reads)}; the dataset is of kind {kind}",
                    f"one of {fitting}")]


@estimation(title="Zero-cost proxy", scores="proxy", paper="Abdelfattah et al., ICLR 2021 (arXiv:2101.08134)",
            summary="Score each candidate untrained, in a moment; only finals are trained, with the options of a training.",
            presets={"paper": scratch.PAPER, "cpu": scratch.CPU})
class Proxies:
    """A candidate costs seconds and no epochs. Finals are trainings from scratch."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def perform(self, work: Candidate, context: Context) -> Outcome:
        if work.final_of is not None:
            return scratch.Scratch(self.options).perform(work, context)
        return scratch.guarded(lambda: self._look(work, context))

    def _look(self, work: Candidate, context: Context) -> Outcome:
        if work.weights.source != "scratch":
            raise ValueError(f"a proxy looks at fresh weights, not at {work.weights.source} ones")
        options, data, limits, began = self.options, context.data, context.spec.constraints, time.monotonic()
        graph = context.space.network(work.architecture, data.shape, len(data.classes))
        cost = measure(graph, data.shape)
        if refusal := limits.refusal(cost, options.examples):
            return refusal
        seed = context.seed if options.seed is None else options.seed
        score = value(options.proxy, graph, data, context.device, seed, options.examples, options.repeats)
        metrics: dict[str, Any] = {"parameters": cost.parameters, "flops": cost.flops, "macs": cost.macs,
                                   "input": list(data.shape), "classes": len(data.classes), "proxy": options.proxy}
        if context.spec.timed:
            metrics |= untrained(graph, data, context.device)
        return limits.judged(Outcome("done", score, "proxy", metrics,
                                     {"seconds": time.monotonic() - began, "epochs": 0.0}))


def value(proxy: str, graph: Graph, data: Any, device: str, seed: int, examples: int, repeats: int = 1) -> float:
    """The mean over draws of weights and batch; higher is better. Raises Unscored where there is none."""
    if PROXIES[proxy].formula:
        return float(getattr(measure(graph, data.shape), proxy))
    found = fmean(_once(proxy, graph, data, device, stream_seed(seed, "proxy", draw), examples) for draw in range(repeats))
    if not math.isfinite(found):
        raise Unscored(f"{proxy} is {found} here")
    return found


def _once(proxy: str, graph: Graph, data: Any, device: str, seed: int, examples: int) -> float:
    from engine.nets.build import build
    from engine.nets.zero_cost import score
    from engine.training.task import task_of
    from engine.training.trainer import make_deterministic, seed_torch

    make_deterministic()
    seed_torch(seed, cuda=False)                # built on the CPU, so equal for every device
    model, count = build(graph, data.shape).to(device), PROXIES[proxy].batches
    task = task_of(data, max(2, min(examples, len(data.train) // count)), seed, device)
    batches = [task.batch(*divmod(number, task.steps_per_epoch)) for number in range(count)]
    return score(proxy, model, batches, task.loss)
