"""What a space is in figures: exact size, decisions, and what random architectures of it cost by formula."""

from __future__ import annotations

import math
import re
from collections import Counter
from statistics import median
from typing import Any

from engine.architecture.architecture import Proposal
from engine.architecture.cost import Total
from engine.architecture.graph import Shape
from engine.architecture.tally import Known
from engine.errors import Invalid
from engine.rng import stream
from engine.spaces.space import Space

SAMPLES = 32
BATCH = 64                                      # images in a step, for the estimate of memory
LAYERS = 100_000                                # written in all; of very large networks fewer samples are measured
REASONS = 5                                     # most frequent faults that are told
FIGURES = re.compile(r"[0-9]+(\.[0-9]+)?")


def facts(space: Space, seed: int = 0, shape: Shape | None = None, classes: int = 10) -> dict[str, Any]:
    """Size (exact, a decimal string; null if there are real numbers), decisions, a random sample; for an input of `shape`
    also the ranges (least, median, most) over samples of parameters, FLOPs and bytes of memory, and the share of samples
    that cannot be built on it, with reasons."""
    size, parameters = space.size(), space.parameters()
    drawn = space.sample_many(stream(seed, "facts"), SAMPLES)
    found = {"size": None if size is None else str(size), "log10_size": None if not size else log10(size),
             "parameters": len(parameters), "conditions": sum(len(p.when) for p in parameters),
             "sample": drawn[0].document()}
    return found if shape is None else found | _costs(space, drawn, shape, classes)


def _costs(space: Space, drawn: list[Proposal], shape: Shape, classes: int) -> dict[str, Any]:
    """The sample shown is the first that can be built."""
    costs: list[Total] = []
    known: Known = {}
    faults: Counter[str] = Counter()
    texts: dict[str, list[str]] = {}
    sample, tried, layers = None, 0, 0
    for proposal in drawn:
        if layers > LAYERS:
            break
        tried += 1
        try:
            costs.append(space.total(proposal.architecture, shape, classes, known))
            layers += costs[-1].layers
            sample = sample or proposal
        except Invalid as error:
            text = error.problems[0].reason
            alike = FIGURES.sub("#", text.rsplit(": ", 1)[-1])      # the same fault, at whatever layer and of whatever size
            faults[alike] += 1
            texts.setdefault(alike, []).append(text)
    figures = {"parameters": [c.parameters for c in costs], "flops": [c.flops for c in costs],
               "memory": [c.memory(BATCH) for c in costs]}
    reasons = [(_said(texts[alike]), count) for alike, count in faults.most_common(REASONS)]
    return {"sample": (sample or drawn[0]).document(), "samples": tried,
            "ranges": {name: [min(f), int(median(f)), max(f)] if f else None for name, f in figures.items()},
            "infeasible": {"share": faults.total() / tried, "reasons": [{"reason": r, "count": n} for r, n in reasons],
                           "others": faults.total() - sum(n for _, n in reasons)}}


def _said(texts: list[str]) -> str:
    """The first of faults that are alike."""
    return texts[0] if len(set(texts)) == 1 else f"{texts[0]}, and alike"


def log10(size: int) -> float:
    """Also for sizes beyond what a float holds."""
    digits = len(str(size))
    return math.log10(size) if digits < 300 else digits - 18 + math.log10(int(str(size)[:18]))
