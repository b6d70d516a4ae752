"""Networks as OTMANN sees them: layers with labels, masses and path lengths (Kandasamy et al., NeurIPS 2018, section 3)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.architecture.graph import Graph, Node

Floats = NDArray[np.float64]
RECTIFIERS = frozenset({"relu", "crelu", "elu", "leaky", "leaky_relu", "softplus"})
SIGMOIDS = frozenset({"sigmoid", "logistic", "tanh", "scaled_tanh"})
IMAGES = ("conv", "pool", "fc")                 # groups of layers that path lengths are counted in, for images
UNITS = ("rectifier", "sigmoid")                # and for layers of units
WIDTH = 16                                      # channels of a graph that names none: all its layers are as wide
LEAST = 100.0                                   # mass of the input and the output of a very small network
SHARE = 0.1                                     # of all processing mass, for the input and for the output
FULLY_CONNECTED = 0.1                           # mass of a weight in a fully connected layer, as against a convolution
OTHER = 0.1                                     # mismatch of anything that the paper's labels do not speak of
ANYTHING = math.inf                             # mismatch of layers that cannot be compared
WIDTHS = ("channels", "filters", "units")
SIZE = re.compile(r"^(.*?)_(\d+)x(\d+)$")


class Label(NamedTuple):
    """What a layer does. Only layers of one family are compared; `rest` is what the paper's labels leave out."""

    family: str
    kind: str
    kernel: tuple[int, int] = (0, 0)
    rest: tuple[tuple[str, Any], ...] = ()

    @property
    def group(self) -> str:
        if self.family != "units":
            return self.family
        return "rectifier" if self.kind in RECTIFIERS else "sigmoid" if self.kind in SIGMOIDS else ""


@dataclass(frozen=True)
class Layered:
    """A network: for each family of layers their labels, masses and path lengths (to the input, then to the output)."""

    families: Mapping[str, tuple[list[Label], Floats, Floats]]
    total: float

    def __len__(self) -> int:
        return sum(len(labels) for labels, _, _ in self.families.values())


def mismatch(one: Label, other: Label) -> float:
    """The price of taking one layer for another, where 1 is the price of leaving a layer without a partner."""
    if one.family != other.family:
        return ANYTHING
    size = sum(abs(a - b) for a, b in zip(one.kernel, other.kernel, strict=True)) / 2
    price = math.sqrt(2 * size) / 10
    if one.kind != other.kind:
        price = _kinds(one, other, price)
    if one.rest != other.rest:
        mine, theirs = dict(one.rest), dict(other.rest)
        price += sum(OTHER * _unlike(mine.get(name), theirs.get(name)) for name in sorted({*mine, *theirs}))
    return price


def _kinds(one: Label, other: Label, price: float) -> float:
    if one.family == "pool":
        return price + 0.5
    if one.family == "units":
        return price + (0.1 if one.group and one.group == other.group else 0.25)
    return 0.9 * price + 0.1


def _unlike(one: Any, other: Any) -> float:
    """From 0 for equals to 1."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return abs(one - other) / (abs(one) + abs(other)) if one != other else 0.0
    return float(one != other)


def layered(graph: Graph, groups: Sequence[str] = IMAGES) -> Layered:
    """The view of a graph whose nodes are layers. An output is added where the graph ends in a layer."""
    nodes = list(graph.live().nodes)
    if nodes[-1].op != "output":
        nodes.append(Node("the_output", "output", (graph.output,)))
    place = {node.name: at for at, node in enumerate(nodes)}
    parents = [[place[name] for name in node.inputs] for node in nodes]
    labels = [_label(node.op, json.dumps(node.settings)) for node in nodes]
    masses = _masses(nodes, labels, parents)
    paths = np.array(_paths(labels, parents, groups)).T
    families: dict[str, list[int]] = {}
    for at, label in enumerate(labels):
        families.setdefault(label.family, []).append(at)
    return Layered({family: ([labels[at] for at in members], masses[members], paths[members])
                    for family, members in families.items()}, float(masses.sum()))


def label(node: Node) -> Label:
    """What a node of a graph is."""
    return _label(node.op, json.dumps(node.settings))


@lru_cache(20_000)
def _label(op: str, written: str) -> Label:
    settings = dict(json.loads(written))
    kind, kernel = op, (0, 0)
    if found := SIZE.match(op):
        kind, kernel = found[1], (int(found[2]), int(found[3]))
    if "kernel" in settings:
        size = settings.pop("kernel")
        kernel = (size, size) if isinstance(size, int) else (size[0], size[1])
    kind = settings.pop("activation", kind)
    rest = {name: value if isinstance(value, (int, float, str)) else json.dumps(value)
            for name, value in settings.items() if name not in WIDTHS}
    return Label(_family(op, kind), kind, kernel, tuple(sorted(rest.items())))


def _family(op: str, kind: str) -> str:
    if op == "layer" or kind in RECTIFIERS | SIGMOIDS:
        return "units"
    if "pool" in op:
        return "pool"
    if "conv" in op or "residual" in op:
        return "conv"
    return {"linear": "fc", "softmax": "decision"}.get(op, op)


def _masses(nodes: Sequence[Node], labels: Sequence[Label], parents: Sequence[Sequence[int]]) -> Floats:
    """In-channels times out-channels of what processes; a share of the sum for the input, the output and the decision."""
    named = any(name in node.settings for node in nodes for name in WIDTHS)
    image = 1.0 if named else float(WIDTH)
    masses, given = np.zeros(len(nodes)), [0.0] * len(nodes)
    silent: dict[str, list[int]] = {"input": [], "decision": [], "output": []}
    for at, (node, own) in enumerate(zip(nodes, labels, strict=True)):
        arriving = float(sum(given[parent] for parent in parents[at]))
        width = next((float(node.settings[name]) for name in WIDTHS if name in node.settings), None)
        if own.family in silent:
            silent[own.family].append(at)
            given[at] = image if own.family == "input" else arriving
            continue
        weighted = own.family in ("conv", "fc", "units")
        given[at] = _leaving(node, [given[parent] for parent in parents[at]], width) or image
        masses[at] = (arriving * given[at] if weighted else arriving) * (FULLY_CONNECTED if own.family == "fc" else 1.0)
    shared = max(SHARE * float(masses.sum()), LEAST)
    for members in silent.values():
        masses[members] = shared / max(1, len(members))
    return masses


def _leaving(node: Node, arriving: Sequence[float], width: float | None) -> float:
    """Channels that a layer gives: as many as it says, one parent's after an addition, else all that arrive."""
    if width is not None:
        return width
    return max(arriving, default=0.0) if node.op == "add" else sum(arriving)


def _paths(labels: Sequence[Label], parents: Sequence[Sequence[int]], groups: Sequence[str]) -> list[list[float]]:
    """A row for each kind of path length to the input, then to the output; an edge counts if its source is in the group."""
    children: list[list[int]] = [[] for _ in labels]
    for at, sources in enumerate(parents):
        for source in sources:
            children[source].append(at)
    rows: list[list[float]] = []
    forth, back = range(len(labels)), range(len(labels) - 1, -1, -1)
    for order, ends in ((forth, parents), (back, children)):
        for group in ("", *groups):
            steps = [1.0 if not group or label.group == group else 0.0 for label in labels]
            rows += _lengths(order, ends, steps)
    return rows


def _lengths(order: Sequence[int], ends: Sequence[Sequence[int]], steps: Sequence[float]) -> list[list[float]]:
    """Shortest, longest and mean length of the paths that begin at each node and go on at its ends."""
    shortest, longest, walk = ([0.0] * len(steps) for _ in range(3))
    for at in order:
        near = ends[at]
        if len(near) == 1:
            end, step = near[0], steps[at]
            shortest[at], longest[at], walk[at] = shortest[end] + step, longest[end] + step, walk[end] + step
        elif near:
            shortest[at] = min([shortest[end] for end in near]) + steps[at]
            longest[at] = max([longest[end] for end in near]) + steps[at]
            walk[at] = sum([walk[end] for end in near]) / len(near) + steps[at]
    return [shortest, longest, walk]
