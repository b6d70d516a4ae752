"""Multi-branch networks: every layer may read any earlier ones (Zoph & Le, ICLR 2017, section 3.3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from engine.architecture.architecture import Architecture
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.layers import Layers
from engine.architecture.primitives import impossible, words
from engine.options import integer, subset
from engine.registry import space
from engine.spaces.conditional import Conditional
from engine.spaces.space import Parameter

SIDES = (1, 3, 5, 7, 9, 11)
PAPER = {"layers": 15, "heights": [1, 3, 5, 7], "widths": [1, 3, 5, 7], "filters": [24, 36, 48, 64], "strides": [1]}
STRIDED = {**PAPER, "strides": [1, 2, 3]}
CPU = {"layers": 4, "heights": [1, 3], "widths": [1, 3], "filters": [8, 16], "strides": [1, 2]}


@space(title="Multi-branch", paper="Zoph & Le, ICLR 2017 (arXiv:1611.01578)",
       summary="Convolutions of any height and width, and for every pair of layers whether the later one reads the earlier.",
       offers={"parameters", "finite", "mutate", "graph"}, presets={"paper": PAPER, "strided": STRIDED, "cpu": CPU})
@dataclass(frozen=True)
class MultiBranch(Conditional):
    layers: int = integer(6, low=1, high=32, paper=15, help="Convolutions, each followed by batch norm and ReLU.")
    heights: tuple[int, ...] = subset((1, 3, 5), choices=SIDES, paper=(1, 3, 5, 7), help="Heights of a filter.")
    widths: tuple[int, ...] = subset((1, 3, 5), choices=SIDES, paper=(1, 3, 5, 7), help="Widths of a filter.")
    filters: tuple[int, ...] = subset((16, 24, 36), choices=(4, 8, 12, 16, 24, 32, 36, 48, 64, 96, 128),
                                      paper=(24, 36, 48, 64), help="Filters of a layer: the channels it gives.")
    strides: tuple[int, ...] = subset((1,), choices=(1, 2, 3), paper=(1,),
                                      help="Steps of a filter, chosen apart for height and width; 1 alone is no decision.")

    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(p for k in range(1, self.layers + 1) for p in self._layer(k))

    def _layer(self, k: int) -> list[Parameter]:
        """The settings of layer k, then for every earlier layer whether it is read."""
        settings = {"height": self.heights, "width": self.widths, "filters": self.filters}
        if self._strided:
            settings |= {"stride_height": self.strides, "stride_width": self.strides}
        rows = [Parameter(f"layer_{k}_{name}", "categorical", values, layer=k) for name, values in settings.items()]
        return rows + [Parameter(f"layer_{k}_reads_{j}", "categorical", (0, 1), layer=k, reads=j) for j in range(1, k)]

    @property
    def _strided(self) -> bool:
        return self.strides != (1,)

    def size(self) -> int:
        layer = len(self.heights) * len(self.widths) * len(self.filters) * len(self.strides) ** 2
        return int(layer ** self.layers * 2 ** math.comb(self.layers, 2))

    def cell(self, architecture: Architecture) -> Graph:
        """A node a layer, and one wherever several results are joined."""
        nodes = [Node("input", "input", label="image")]
        convs = self._convolutions(architecture)
        for k, conv in enumerate(convs, 1):
            source = _joined(nodes, f"join_{k}", conv["reads"], f"inputs of layer {k}")
            settings = {name: value for name, value in conv.items() if name != "reads"}
            nodes.append(Node(f"layer_{k}", "conv", (source,), settings, _label(conv), f"layer {k}"))
        source = _joined(nodes, "join_end", _unread(convs), "what no layer reads")
        nodes.append(Node("pool", "global_avg_pool", (source,), label="global average pool", group="head"))
        nodes.append(Node("output", "output", ("pool",), label="class scores", group="head"))
        return Graph(tuple(nodes), "output")

    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph:
        layers, sizes, convs = Layers(), {"input": shape[1:]}, self._convolutions(architecture)
        if len(shape) != 3:
            raise impossible(Node("layer_1", "conv", label=_label(convs[0])), f"needs an image, got {words(shape)}")
        for k, conv in enumerate(convs, 1):
            layers.begin(f"layer {k}: {_label(conv)}")
            source = _join(layers, f"layer_{k}", conv["reads"], sizes)
            strides = conv["strides"]
            sizes[f"layer_{k}"] = tuple(math.ceil(n / s) for n, s in zip(sizes[source], strides, strict=True))
            source = layers.conv(f"layer_{k}_conv", source, conv["filters"], conv["kernel"], strides)
            layers.put(f"layer_{k}", "relu", layers.norm(f"layer_{k}_norm", source))
        layers.begin("head")
        source = _join(layers, "head", _unread(convs), sizes)
        layers.linear("classifier", layers.put("head_pool", "global_avg_pool", source), classes)
        return layers.graph()

    def _convolutions(self, architecture: Architecture) -> list[dict[str, Any]]:
        """Each layer's kernel, strides and filters, and the names that it reads: the image where none is chosen."""
        config, found = architecture.genotype, []
        for k in range(1, self.layers + 1):
            name = f"layer_{k}"
            reads = [f"layer_{j}" for j in range(1, k) if config[f"{name}_reads_{j}"]] or ["input"]
            strides = (config[f"{name}_stride_height"], config[f"{name}_stride_width"]) if self._strided else (1, 1)
            found.append({"kernel": (config[f"{name}_height"], config[f"{name}_width"]), "strides": strides,
                          "filters": config[f"{name}_filters"], "reads": reads})
        return found


def _unread(convs: list[dict[str, Any]]) -> list[str]:
    """What no layer reads goes to the end."""
    read = {name for conv in convs for name in conv["reads"]}
    return [f"layer_{k}" for k in range(1, len(convs) + 1) if f"layer_{k}" not in read]


def _label(conv: dict[str, Any]) -> str:
    """In words: "conv 3×5, 24 filters, strides 1×2"."""
    (height, width), strides = conv["kernel"], conv["strides"]
    text = f"conv {height}×{width}, {conv['filters']} filters"
    return text if strides == (1, 1) else f"{text}, strides {strides[0]}×{strides[1]}"


def _joined(nodes: list[Node], name: str, sources: list[str], label: str) -> str:
    """One thing is joined already."""
    if len(sources) > 1:
        nodes.append(Node(name, "concat", tuple(sources), label=label))
    return name if len(sources) > 1 else sources[0]


def _join(layers: Layers, name: str, sources: list[str], sizes: dict[str, Shape]) -> str:
    """All channels of the sources one after another; smaller maps are framed with zeros up to the largest size."""
    size = (max(sizes[source][0] for source in sources), max(sizes[source][1] for source in sources))
    framed = [source if sizes[source] == size else layers.pad(f"{name}_pad_{source}", source, size) for source in sources]
    joined = layers.put(f"{name}_join", "concat", *framed, label="join") if len(framed) > 1 else framed[0]
    sizes[joined] = size
    return joined
