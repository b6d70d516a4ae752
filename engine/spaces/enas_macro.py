"""ENAS, whole networks: an operation a layer and a skip from any earlier layer (Pham et al., ICML 2018, section 2.3)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from engine.architecture.architecture import Architecture
from engine.architecture.cell_ops import Place, matched, relu_conv_norm
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.layers import Layers
from engine.architecture.relaxed import Path, Relaxed, Strengths, Table
from engine.options import choice, flag, integer, subset
from engine.registry import space
from engine.spaces.nested import Nested
from engine.spaces.repeated import Repeated
from engine.spaces.space import Parameter

OPS = ("conv_3x3", "sep_conv_3x3", "conv_5x5", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")      # by number
WORDS = ("conv 3×3", "separable conv 3×3", "conv 5×5", "separable conv 5×5", "average pool 3×3", "max pool 3×3")
SEARCH = {"layers": 12, "channels": 36, "merge": "add", "widen": False}            # as the released scripts search
OPERATIONS, SKIPS = "operations", "skips"            # the tables of the supernet
FINAL = {"layers": 24, "channels": 96, "merge": "concat", "widen": True, "ops": list(OPS[:4])}


@space(title="ENAS macro", paper="Pham, Guan, Zoph, Le, Dean, ICML 2018 (arXiv:1802.03268)",
       summary="A chain of layers: for each its operation, and which of the earlier layers it takes as well.",
       offers={"parameters", "finite", "mutate", "graph", "supernet"},
       presets={"paper": SEARCH, "final": FINAL, "cpu": {"layers": 4, "channels": 8, "merge": "add", "widen": False}})
@dataclass(frozen=True)
class EnasMacro(Repeated, Nested):
    layers: int = integer(12, low=1, high=40, paper=12, help="Layers. Two reductions split them in thirds.")
    channels: int = integer(24, low=2, high=512, paper=36, help="Channels of a layer (in the first third, if they widen).")
    merge: str = choice("add", choices=("add", "concat"), paper="add",
                        help="How skips meet the operation: added and normed (while searching), or joined and projected "
                             "back by a 1×1 convolution (the final network).")
    widen: bool = flag(False, paper=False, help="A reduction doubles the channels.")
    ops: tuple[str, ...] = subset(OPS, choices=OPS, paper=OPS, help="Operations that a layer may have.")

    def parameters(self) -> tuple[Parameter, ...]:
        ops = tuple(OPS.index(op) for op in self.ops)
        return tuple(Parameter(name, "categorical", (0, 1) if at else ops, layer=k, reads=at)
                     for k, layer in enumerate(self.form()["layers"], 1) for at, name in enumerate(layer))

    def form(self) -> Mapping[str, Any]:
        """{"layers": [[op], [op, skip from the first], [op, skip from the first, from the second], ...]}"""
        numbers = range(1, self.layers + 1)
        return {"layers": [[f"layer_{k}_op", *(f"layer_{k}_skip_{j}" for j in range(1, k))] for k in numbers]}

    def said(self, parameter: Parameter, value: Any) -> str:
        """A choice in words: operations are numbers in the genotype."""
        return OPS[value] if parameter.name.endswith("_op") else str(value)

    def size(self) -> int:
        return int(len(self.ops) ** self.layers * 2 ** math.comb(self.layers, 2))

    def cell(self, architecture: Architecture) -> Graph:
        """A node for every operation, and one for what each layer gives."""
        nodes = [Node("stem", "input", label="stem")]
        for k, (op, *skips) in enumerate(architecture.genotype["layers"], 1):
            group, earlier = f"layer {k}", tuple(f"layer_{j}" for j in taken(skips))
            nodes += (Node(f"op_{k}", OPS[op], (nodes[-1].name,), label=WORDS[op], group=group),
                      Node(f"layer_{k}", self.merge, (f"op_{k}", *earlier), label=group, group=group))
        return Graph(tuple(nodes), nodes[-1].name)

    def write(self, layers: Layers, architecture: Architecture, shape: Shape, classes: int) -> None:
        rows, width = architecture.genotype["layers"], self.channels
        layers.begin("stem")
        source = layers.norm("stem_norm", layers.conv("stem_conv", "input", width, 3))
        results: dict[int, str] = {}
        for k, (op, *skips) in enumerate(rows, 1):
            chosen = taken(skips)
            layers.begin(f"layer {k}: {WORDS[op]}" + (f", skips from {', '.join(map(str, chosen))}" if chosen else ""))
            source = layers.once((op, width), f"layer_{k}", (source,),
                                 partial(_operation, layers, f"layer_{k}", OPS[op], source, width))
            results[k] = source = self._with_skips(layers, f"layer_{k}", [source, *(results[j] for j in chosen)], width)
            if k in self.reductions:
                wide = width * 2 if self.widen else width
                wanted = {k} if k < len(rows) else set()
                wanted |= {j for row in rows[k:] for j in taken(row[1:]) if j <= k}
                layers.begin(f"reduction {self.reductions.index(k) + 1}: layers " + ", ".join(map(str, sorted(wanted))))
                for j in sorted(wanted):
                    results[j] = matched(Place(layers, f"layer_{j}_at_{k}", results[j], width, wide, 2))
                source, width = results[k], wide
        layers.begin("head")
        source = layers.put("head_relu", "relu", source)
        layers.linear("classifier", layers.put("head_pool", "global_avg_pool", source), classes)

    def supernet(self, shape: Shape, classes: int) -> Relaxed:
        """Every layer has all operations (`layer_K_OP`, their sum `layer_K_op`) and may take all earlier results
        (`layer_K_skip_J`: nothing, or that result); from the second on its sum is normed, whatever it takes. A reduction
        halves all results before it. Joined skips are a sum of slices of their 1×1 convolution, one a result."""
        layers, width, places = Layers(), self.channels, dict[str, tuple[str, int]]()
        layers.begin("stem")
        source = layers.norm("stem_norm", layers.conv("stem_conv", "input", width, 3))
        results: dict[int, str] = {}
        for k in range(1, self.layers + 1):
            layers.begin(f"layer {k}")
            parts = [_operation(layers, f"layer_{k}_{op}", op, source, width) for op in self.ops]
            source = layers.put(f"layer_{k}_op", "add", *parts, label="mixture")
            places[source] = OPERATIONS, k - 1
            places.update({f"layer_{k}_skip_{j}": (SKIPS, row) for row, (own, j) in enumerate(self._pairs) if own == k})
            results[k] = source = self._mixed_skips(layers, k, source, list(results.values()), width)
            if k in self.reductions:
                wide = width * 2 if self.widen else width
                layers.begin(f"reduction {self.reductions.index(k) + 1}")
                for j, result in results.items():
                    results[j] = matched(Place(layers, f"layer_{j}_at_{k}", result, width, wide, 2))
                source, width = results[k], wide
        layers.begin("head")
        source = layers.put("head_relu", "relu", source)
        layers.linear("classifier", layers.put("head_pool", "global_avg_pool", source), classes)
        tables = {OPERATIONS: Table(tuple(f"layer {k}" for k in range(1, self.layers + 1)), self.ops)}
        if self._pairs:
            tables[SKIPS] = Table(tuple(f"{j} to {k}" for k, j in self._pairs), ("no", "yes"))
        return Relaxed(layers.graph(), tables, places)

    @cached_property
    def _pairs(self) -> tuple[tuple[int, int], ...]:
        """A layer and one before it: the rows of the table of skips."""
        return tuple((k, j) for k in range(2, self.layers + 1) for j in range(1, k))

    def path(self, architecture: Architecture) -> Path:
        rows = architecture.genotype["layers"]
        found: Path = {OPERATIONS: tuple((self.ops.index(OPS[op]),) for op, *_ in rows)}
        if self._pairs:
            found[SKIPS] = tuple((rows[k - 1][j],) for k, j in self._pairs)
        return found

    def derived(self, strengths: Strengths) -> Architecture:
        """The strongest operation of each layer; a skip where yes is stronger than no."""
        best = [max(range(len(self.ops)), key=row.__getitem__) for row in strengths[OPERATIONS]]
        rows = [[OPS.index(self.ops[k])] for k in best]
        for (k, _), (no, yes) in zip(self._pairs, strengths.get(SKIPS, ()), strict=True):
            rows[k - 1].append(int(yes > no))
        return self.parse({"layers": rows})

    def skips(self, architecture: Architecture) -> int:
        """Results that are taken beside the layer before."""
        return sum(sum(skips) for _, *skips in architecture.genotype["layers"])

    def _mixed_skips(self, layers: Layers, k: int, source: str, earlier: list[str], width: int) -> str:
        if not earlier:
            return source
        joined = self.merge == "concat"
        heard = [_slice(layers, f"layer_{k}_own", source, width) if joined else source]
        for j, result in enumerate(earlier, 1):
            name = f"layer_{k}_skip_{j}"
            nothing = layers.put(f"{name}_no", "zero", result, label="none", stride=1)
            taken = _slice(layers, name, result, width) if joined else result
            heard.append(layers.put(name, "add", nothing, taken, label="mixture"))
        return layers.norm(f"layer_{k}_sum", layers.put(f"layer_{k}_join", "add", *heard))

    @property
    def reductions(self) -> tuple[int, ...]:
        """The layers after which all results that are still wanted are halved."""
        third = self.layers // 3
        return (third, 2 * third) if third else ()

    def _with_skips(self, layers: Layers, name: str, sources: list[str], channels: int) -> str:
        if len(sources) == 1:
            return sources[0]
        joined = layers.put(f"{name}_join", self.merge, *sources, label=f"{len(sources) - 1} skips")
        if self.merge == "add":
            return layers.norm(f"{name}_sum", joined)
        return matched(Place(layers, f"{name}_projection", joined, channels * len(sources), channels))


def taken(skips: list[int]) -> list[int]:
    """The numbers of the layers whose skip is chosen."""
    return [j for j, chosen in enumerate(skips, 1) if chosen]


def _slice(layers: Layers, name: str, source: str, channels: int) -> str:
    """The part of a 1×1 convolution of joined results that reads one of them."""
    return layers.conv(f"{name}_conv", layers.put(f"{name}_relu", "relu", source), channels, 1)


def _operation(layers: Layers, name: str, op: str, source: str, channels: int) -> str:
    """A 1×1 convolution first, then the operation itself; convolutions are pre-activated, separable ones applied once."""
    source = relu_conv_norm(Place(layers, f"{name}_entry", source, channels, channels))
    kind, kernel = op.rsplit("_", 1)[0], int(op[-1])
    if kind.endswith("pool"):
        return layers.pool(name, kind, source, kernel, 1)
    if kind == "conv":
        return relu_conv_norm(Place(layers, name, source, channels, channels), kernel)
    source = layers.conv(f"{name}_depthwise", layers.put(f"{name}_relu", "relu", source), channels, kernel, groups=channels)
    return layers.norm(name, layers.conv(f"{name}_pointwise", source, channels, 1))
