"""Chain-structured networks whose decisions depend on each other: block k exists exactly if there are k layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from engine.architecture.architecture import Architecture
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.layers import Layers
from engine.errors import Problem
from engine.options import integer, subset
from engine.registry import space
from engine.spaces.conditional import Conditional
from engine.spaces.space import Parameter

CONVS = ("conv", "separable_conv")
POOLS = ("max_pool", "avg_pool")
PAPER = {"min_layers": 1, "max_layers": 12, "types": ["conv", "max_pool"], "kernels": [1, 3, 5],
         "channels": [64, 128, 256, 512], "strides": [1],
         "pool_kernels": [3, 5], "pool_strides": [2], "hidden": [0, 128, 256, 512], "dropout": [0, 50]}
CPU = {"min_layers": 2, "max_layers": 5, "types": ["conv", "separable_conv", "max_pool", "avg_pool"], "kernels": [3, 5],
       "channels": [16, 32, 48], "strides": [1, 2], "pool_kernels": [3], "pool_strides": [1, 2], "hidden": [0, 64],
       "dropout": [0, 20]}


@space(title="Chain", paper="Baker, Gupta, Naik, Raskar, ICLR 2017 (arXiv:1611.02167)",
       summary="Layers one after another: how many, of which type, and for each type its own settings.",
       offers={"parameters", "finite", "mutate", "graph"}, presets={"paper": PAPER, "cpu": CPU})
@dataclass(frozen=True)
class Chain(Conditional):
    min_layers: int = integer(2, low=1, high=32, paper=1, help="Fewest blocks in a row.")
    max_layers: int = integer(6, low=1, high=32, paper=12, help="Most blocks in a row.")
    types: tuple[str, ...] = subset(CONVS + POOLS, choices=CONVS + POOLS, paper=("conv", "max_pool"),
                                    help="What a block may be. A convolution is followed by batch norm and ReLU.")
    kernels: tuple[int, ...] = subset((3, 5), choices=(1, 3, 5, 7, 9, 11), paper=(1, 3, 5),
                                      help="Window sizes of convolutions.")
    channels: tuple[int, ...] = subset((16, 32, 64), choices=(4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512),
                                       paper=(64, 128, 256, 512), help="Channels that a convolution may give.")
    strides: tuple[int, ...] = subset((1, 2), choices=(1, 2), paper=(1,),
                                      help="Steps of a convolution; 2 halves height and width.")
    pool_kernels: tuple[int, ...] = subset((3,), choices=(3, 5), paper=(3, 5),
                                           help="Window sizes of pooling, padded so that at least one pixel is always left.")
    pool_strides: tuple[int, ...] = subset((1, 2), choices=(1, 2), paper=(2,),
                                           help="Steps of pooling; 2 halves height and width.")
    hidden: tuple[int, ...] = subset((0, 64), choices=(0, 32, 64, 128, 256, 512), paper=(0, 128, 256, 512),
                                     help="Units of a fully connected layer before the last one; 0 is none.")
    dropout: tuple[int, ...] = subset((0, 20), choices=(0, 10, 20, 30, 40, 50), paper=(0, 50),
                                      help="Percent of the hidden units that are dropped in training.")

    def check(self) -> list[Problem]:
        if self.min_layers <= self.max_layers:
            return []
        return [Problem("/max_layers", "is below min_layers", f"a whole number from {self.min_layers} to 32")]

    def parameters(self) -> tuple[Parameter, ...]:
        dropout = Parameter("dropout", "categorical", self.dropout)
        head = (Parameter("hidden", "categorical", self.hidden),
                *self._when_any(dropout, "hidden", tuple(units for units in self.hidden if units)))
        blocks = [p for k in range(1, self.max_layers + 1) for p in self._block(k)]
        return (Parameter("layers", "integer", low=self.min_layers, high=self.max_layers), *blocks, *head)

    def _block(self, k: int) -> list[Parameter]:
        """The decisions of block k: its type, and what belongs to that type only."""
        exists = {"name": "layers", "at_least": k}
        rows = [Parameter(f"block_{k}_type", "categorical", self.types, when=(exists,), layer=k)]
        for families, settings in ((CONVS, {"kernel": self.kernels, "channels": self.channels, "stride": self.strides}),
                                   (POOLS, {"pool_kernel": self.pool_kernels, "pool_stride": self.pool_strides})):
            among = tuple(t for t in self.types if t in families)
            for name, values in settings.items():
                setting = Parameter(f"block_{k}_{name}", "categorical", values, layer=k)
                rows += self._when_any(setting, f"block_{k}_type", among)
        return rows

    @staticmethod
    def _when_any(parameter: Parameter, name: str, among: tuple[Any, ...]) -> list[Parameter]:
        """The decision under the condition that another has one of these values; nothing if it never can."""
        when = ({"name": name, "among": among},)
        return [replace(parameter, when=when)] if among else []

    def size(self) -> int:
        conv = len(self.kernels) * len(self.channels) * len(self.strides)
        pool = len(self.pool_kernels) * len(self.pool_strides)
        block = sum(conv if kind in CONVS else pool for kind in self.types)
        head: int = sum(len(self.dropout) if units else 1 for units in self.hidden)
        chains: int = sum(block ** layers for layers in range(self.min_layers, self.max_layers + 1))
        return head * chains

    def cell(self, architecture: Architecture) -> Graph:
        """One node a block."""
        nodes = [Node("input", "input", label="input")]
        for k, block in enumerate(_blocks(architecture), 1):
            settings = {name: value for name, value in block.items() if name != "type"}
            nodes.append(Node(f"block_{k}", block["type"], (nodes[-1].name,), settings, _label(block), f"block {k}"))
        nodes.append(Node("pool", "global_avg_pool", (nodes[-1].name,), label="global average pool", group="head"))
        if units := architecture.genotype["hidden"]:
            percent = architecture.genotype["dropout"]
            label = f"{units} hidden units" + (f", dropout {percent} %" if percent else "")
            nodes.append(Node("hidden", "linear", ("pool",), {"units": units, "dropout": percent}, label, "head"))
        nodes.append(Node("output", "output", (nodes[-1].name,), label="class scores", group="head"))
        return Graph(tuple(nodes), "output")

    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph:
        layers, source, arriving = Layers(), "input", shape[0]
        for k, block in enumerate(_blocks(architecture), 1):
            layers.begin(f"block {k}: {_label(block)}")
            source = _build_block(layers, f"block_{k}", block, source, arriving)
            arriving = block.get("channels", arriving)
        layers.begin("head")
        source = layers.put("pool", "global_avg_pool", source)
        if units := architecture.genotype["hidden"]:
            source = layers.put("hidden_relu", "relu", layers.linear("hidden", source, units))
            if percent := architecture.genotype["dropout"]:
                source = layers.put("hidden_dropout", "dropout", source, label=f"dropout {percent} %", rate=percent / 100)
        layers.linear("classifier", source, classes)
        return layers.graph()


def _blocks(architecture: Architecture) -> list[dict[str, Any]]:
    """The blocks with their settings: [{"type": "conv", "kernel": 3, "channels": 16, "stride": 1}, ...]."""
    config = architecture.genotype
    found = []
    for k in range(1, config["layers"] + 1):
        kind = config[f"block_{k}_type"]
        if kind in CONVS:
            found.append({"type": kind, **{name: config[f"block_{k}_{name}"] for name in ("kernel", "channels", "stride")}})
        else:
            found.append({"type": kind, **{name: config[f"block_{k}_pool_{name}"] for name in ("kernel", "stride")}})
    return found


def _label(block: dict[str, Any]) -> str:
    """In words: "conv 3×3, 16 channels, stride 2"."""
    text = f"{block['type'].replace('_', ' ')} {block['kernel']}×{block['kernel']}"
    text += f", {block['channels']} channels" if "channels" in block else ""
    return text + (f", stride {block['stride']}" if block["stride"] > 1 else "")


def _build_block(layers: Layers, name: str, block: dict[str, Any], source: str, arriving: int) -> str:
    if block["type"] in POOLS:
        return layers.pool(name, block["type"], source, block["kernel"], block["stride"])
    if block["type"] == "separable_conv":
        source = layers.conv(f"{name}_depthwise", source, arriving, block["kernel"], block["stride"], groups=arriving)
        source = layers.conv(f"{name}_pointwise", source, block["channels"], 1)
    else:
        source = layers.conv(f"{name}_conv", source, block["channels"], block["kernel"], block["stride"])
    return layers.put(f"{name}_relu", "relu", layers.norm(f"{name}_norm", source))
