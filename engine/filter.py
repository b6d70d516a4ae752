"""The warm-up filter: a proxy scores random architectures, and only proposals that keep up with their best are trained.

After the warm-up of Abdelfattah et al., ICLR 2021 (arXiv:2101.08134), for every strategy and every estimation.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from engine.architecture.architecture import Architecture
from engine.constraints import FILTERED
from engine.errors import Problem
from engine.estimation.context import Context, Interrupted
from engine.estimation.proxies import PROXIES, unmeasurable, value
from engine.estimation.scratch import guarded
from engine.events import Event
from engine.options import choice, integer
from engine.rng import stream, stream_seed
from engine.work import Candidate, Outcome

RESIDENT = 8                                    # bars that a warm process keeps
_bars: dict[str, float] = {}


@dataclass(frozen=True)
class Filter:
    """`none` lets every proposal through."""

    proxy: str = choice("none", choices=("none", *PROXIES), help="What scores an untrained network; none: no filter.")
    of: int = integer(50, low=2, high=10_000, help="Random architectures that it scores before the first trial.")
    keep: int = integer(10, low=1, high=10_000, help="A proposal is trained if it is as good as this many of them at least.")
    examples: int = integer(64, low=2, high=8192, help="Examples in the batch that the proxy looks at.")
    until: int | None = integer(None, low=1, high=1_000_000, optional=True,
                                help="Proposals that are filtered, from the first one; empty: all.")

    def check(self) -> list[Problem]:
        return [] if self.keep <= self.of else [Problem("/keep", "is more than are scored", f"1 to {self.of}")]

    def fits(self, dataset: str) -> list[Problem]:
        return unmeasurable("/filter/proxy", self.proxy, dataset) if self.on else []

    @property
    def on(self) -> bool:
        return self.proxy != "none"

    def looks_at(self, work: Candidate) -> bool:
        """Finals have been chosen already, and with weights of others nothing is trained."""
        borrowed = work.weights.source in ("shared", "generated")
        return self.on and work.final_of is None and not borrowed and (self.until is None or work.trial < self.until)


def filtered(work: Candidate, context: Context, perform: Callable[[Candidate, Context], Outcome]) -> Outcome:
    """What becomes of a proposal: performed if it is good enough. What no limit admits is left to the estimation to refuse.

    Raises Interrupted when asked to stop.
    """
    if not context.admits(work.architecture, context.spec.filter.examples):
        return perform(work, context)
    began = time.monotonic()
    bar, seen = _bar(work, context), _look(work.architecture, context)
    seconds, options = time.monotonic() - began, context.spec.filter
    if seen.score is None:
        error = f"Not trained: {seen.metrics['error']}."
        return Outcome("failed", metrics={"error": error, "error_kind": FILTERED}, spend={"seconds": seconds})
    metrics: dict[str, Any] = {"filter": {"proxy": options.proxy, "value": seen.score, "bar": bar}}
    if seen.score < bar:
        error = (f"Not trained: {options.proxy} gives {seen.score:.6g}, less than {bar:.6g}, which is number {options.keep} "
                 f"of {options.of} random architectures.")
        metrics |= {"error": error, "error_kind": FILTERED}
        return Outcome("failed", metrics=metrics, spend={"seconds": seconds})
    outcome = perform(work, context)
    spend = {**outcome.spend, "seconds": outcome.spend.get("seconds", 0.0) + seconds} if outcome.spend else {}
    return replace(outcome, metrics={**outcome.metrics, **metrics}, spend=spend)


def _bar(work: Candidate, context: Context) -> float:
    """What a proposal must reach: a function of the document alone, so that every worker finds the same."""
    spec = context.spec
    key = json.dumps([spec.document(), context.device])
    if key not in _bars:
        known = sorted(_scores(context), reverse=True)
        while len(_bars) >= RESIDENT:
            _bars.pop(next(iter(_bars)))
        _bars[key] = known[min(spec.filter.keep, len(known)) - 1] if known else float("-inf")
        text = (f"The filter scored {len(known)} of {spec.filter.of} random architectures: a proposal needs "
                f"{spec.filter.proxy} of {_bars[key]:.6g} or more.")
        context.emit(Event("log", work.trial, {"level": "info", "text": text}))
    return _bars[key]


def _scores(context: Context) -> Iterator[float]:
    """Of random architectures that no limit refuses; those without a score are counted as worse than all others."""
    for architecture in _drawn(context):
        if context.stop():
            raise Interrupted
        if (score := _look(architecture, context).score) is not None:
            yield score


def _drawn(context: Context) -> Iterator[Architecture]:
    """`of` admissible ones, unless `patience` draws in a row were not."""
    spec, number, found, missed = context.spec, 0, 0, 0
    while found < spec.filter.of and missed < spec.constraints.patience:
        architecture = context.space.sample(stream(spec.seed, "filter", number)).architecture
        number += 1
        if context.admits(architecture, spec.filter.examples):
            found, missed = found + 1, 0
            yield architecture
        else:
            missed += 1


def _look(architecture: Architecture, context: Context) -> Outcome:
    """With the same batch for all, so that an architecture is judged alike however often it is proposed."""
    options, data, seed = context.spec.filter, context.data, stream_seed(context.spec.seed, "filter")

    def score() -> Outcome:
        graph = context.space.network(architecture, data.shape, len(data.classes))
        return Outcome("done", value(options.proxy, graph, data, context.device, seed, options.examples), "proxy")

    return guarded(score)
