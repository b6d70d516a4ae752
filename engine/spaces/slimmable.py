"""Slimmable mobile networks: kernel, depth and width of every block, as once-for-all (Cai et al., ICLR 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.layers import Layers
from engine.options import choice, flag, integer, subset
from engine.registry import space
from engine.spaces.conditional import Conditional
from engine.spaces.space import Parameter

STRIDES = {"imagenet": (2, (2, 2, 2, 1, 2)), "cifar": (1, (1, 2, 2, 1, 2))}    # of the stem; of each stage's first block
WIDTHS = (24, 40, 80, 112, 160)                 # of the stages, where the first has 24
STEM, EXPANDED, MIXED = 16, 960, 1280           # the ends, in the same measure
BENT = ("relu", "relu", "hard_swish", "hard_swish", "hard_swish")
GATED = (False, True, False, True, True)        # stages with squeeze-and-excite
PAPER = {"stem": "imagenet", "channels": 24, "stages": 5, "kernels": [3, 5, 7], "depths": [2, 3, 4], "expansions": [3, 4, 6]}
CPU = {"stem": "cifar", "channels": 8, "stages": 3, "kernels": [3, 5], "depths": [1, 2], "expansions": [2, 3]}


@space(title="Slimmable mobile network", paper="Cai, Gan, Wang, Zhang, Han, ICLR 2020 (arXiv:1908.09791)",
       summary="Inverted residual blocks whose kernel, number and width are chosen; small choices are slices of large ones.",
       offers={"parameters", "finite", "mutate", "graph", "slices", "entangled"}, presets={"paper": PAPER, "cpu": CPU})
@dataclass(frozen=True)
class Slimmable(Conditional):
    stem: str = choice("cifar", choices=("cifar", "imagenet"), paper="imagenet",
                       help="Height and width are divided by 8 on the way; for large images by 32.")
    channels: int = integer(24, low=8, high=96, paper=24, help="Channels of the first stage; the others keep their ratios.")
    stages: int = integer(5, low=1, high=5, paper=5, help="Stages that are built, the finest first.")
    kernels: tuple[int, ...] = subset((3, 5, 7), choices=(3, 5, 7), paper=(3, 5, 7), help="Windows of the depthwise layers.")
    depths: tuple[int, ...] = subset((2, 3, 4), choices=(1, 2, 3, 4), paper=(2, 3, 4), help="Blocks of a stage.")
    expansions: tuple[int, ...] = subset((3, 4, 6), choices=(1, 2, 3, 4, 6), paper=(3, 4, 6),
                                         help="How many times wider a block is inside.")
    squeeze_excite: bool = flag(True, paper=True, help="Blocks of stages 2, 4 and 5 weigh their channels.")

    def lacks(self) -> Mapping[str, str]:
        """A block that keeps its width leaves out a layer, so it is no slice of a wider one's weights alone."""
        mixed = 1 in self.expansions and len(self.expansions) > 1
        return {"entangled": "all expansions are larger than 1"} if mixed else {}

    def parameters(self) -> tuple[Parameter, ...]:
        rows = []
        for stage in range(1, self.stages + 1):
            rows.append(Parameter(f"stage_{stage}_depth", "categorical", self.depths))
            for block in range(1, max(self.depths) + 1):
                when = ({"name": f"stage_{stage}_depth", "at_least": block},)
                rows += [Parameter(f"stage_{stage}_block_{block}_kernel", "categorical", self.kernels, when=when),
                         Parameter(f"stage_{stage}_block_{block}_expansion", "categorical", self.expansions, when=when)]
        return tuple(rows)

    def size(self) -> int:
        stage: int = sum((len(self.kernels) * len(self.expansions)) ** depth for depth in self.depths)
        return int(stage ** self.stages)

    def uniform(self, kernel: int, depth: int, expansion: int) -> Architecture:
        """The architecture with the same choices everywhere."""
        values, config = {"kernel": kernel, "depth": depth, "expansion": expansion}, genotype.Config()
        for parameter in self.parameters():
            if genotype.active(parameter, config):
                config[parameter.name] = values[parameter.name.rpartition("_")[2]]
        return self.architecture(config)

    @property
    def largest(self) -> Architecture:
        """All others are slices of it."""
        return self.uniform(max(self.kernels), max(self.depths), max(self.expansions))

    @property
    def smallest(self) -> Architecture:
        return self.uniform(min(self.kernels), min(self.depths), min(self.expansions))

    def within(self, kernels: Sequence[int], depths: Sequence[int], expansions: Sequence[int]) -> Slimmable:
        """The part of this space that has only these choices, the largest among them."""
        return replace(self, kernels=tuple(kernels), depths=tuple(depths), expansions=tuple(expansions))

    def cell(self, architecture: Architecture) -> Graph:
        """One node a block."""
        nodes = [Node("input", "input", label="input")]
        for block in self._blocks(architecture):
            settings = {name: block[name] for name in ("kernel", "expansion", "channels", "stride")}
            inputs = (nodes[-1].name,)
            nodes.append(Node(block["name"], "inverted_residual", inputs, settings, _label(block), block["group"]))
        nodes.append(Node("output", "output", (nodes[-1].name,), label="class scores", group="head"))
        return Graph(tuple(nodes), "output")

    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph:
        """Stem and a narrow first block, the stages, then two wide layers before the classifier."""
        layers, width = Layers(), self._width(STEM)
        layers.begin("stem")
        source = layers.conv("stem_conv", "input", width, 3, STRIDES[self.stem][0])
        source = _bent(layers, "stem", "hard_swish", source)
        first = {"name": "first", "kernel": 3, "expansion": 1, "arriving": width, "channels": width, "stride": 1,
                 "bent": "relu", "gated": False}
        source = _block(layers, first, source)
        for block in self._blocks(architecture):
            layers.begin(block["group"])
            source = _block(layers, block, source)
        layers.begin("head")
        source = _bent(layers, "expand", "hard_swish", layers.conv("expand_conv", source, self._width(EXPANDED), 1))
        source = layers.put("pool", "global_avg_pool", source)
        source = layers.put("mix", "linear", source, label="mix", units=self._width(MIXED), bias=False)
        layers.linear("classifier", layers.put("mix_bent", "hard_swish", source), classes)
        return layers.graph()

    def _blocks(self, architecture: Architecture) -> list[dict[str, Any]]:
        """The blocks that are there, with all that `_block` needs."""
        config, found, arriving = architecture.genotype, [], self._width(STEM)
        for stage in range(1, self.stages + 1):
            channels, depth = self._width(WIDTHS[stage - 1]), config[f"stage_{stage}_depth"]
            for block in range(1, depth + 1):
                name = f"stage_{stage}_block_{block}"
                found.append({
                    "name": name, "kernel": config[f"{name}_kernel"], "expansion": config[f"{name}_expansion"],
                    "arriving": arriving, "channels": channels, "bent": BENT[stage - 1],
                    "stride": STRIDES[self.stem][1][stage - 1] if block == 1 else 1,
                    "gated": self.squeeze_excite and GATED[stage - 1],
                    "group": f"stage {stage}: {depth} block{'s' if depth > 1 else ''}"})
                arriving = channels
        return found

    def _width(self, channels: int) -> int:
        return eights(channels * self.channels / WIDTHS[0])


def eights(channels: float) -> int:
    """The nearest multiple of eight that takes away no more than a tenth."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near if near >= 0.9 * channels else near + 8


def _label(block: dict[str, Any]) -> str:
    """In words: "block 5×5, 4 times wider inside"."""
    text = f"block {block['kernel']}×{block['kernel']}, {block['expansion']} times wider inside"
    return text + (f", stride {block['stride']}" if block["stride"] > 1 else "")


def _bent(layers: Layers, name: str, op: str, source: str) -> str:
    return layers.put(f"{name}_bent", op, layers.norm(f"{name}_norm", source))


def _block(layers: Layers, block: dict[str, Any], source: str) -> str:
    """Widen, filter each channel alone, weigh the channels, narrow; the input is added where the shapes are equal."""
    name, short = block["name"], source
    wide = block["arriving"] if block["expansion"] == 1 else eights(block["arriving"] * block["expansion"])
    if block["expansion"] > 1:
        source = _bent(layers, f"{name}_wide", block["bent"], layers.conv(f"{name}_wide_conv", source, wide, 1))
    source = layers.conv(f"{name}_depthwise", source, wide, block["kernel"], block["stride"], groups=wide)
    source = _bent(layers, f"{name}_depthwise", block["bent"], source)
    if block["gated"]:
        gate = layers.linear(f"{name}_squeeze", layers.put(f"{name}_pool", "global_avg_pool", source), eights(wide // 4))
        gate = layers.linear(f"{name}_excite", layers.put(f"{name}_squeeze_bent", "relu", gate), wide)
        source = layers.put(f"{name}_gated", "scale", source, layers.put(f"{name}_gate", "hard_sigmoid", gate))
    source = layers.norm(f"{name}_norm", layers.conv(f"{name}_narrow", source, block["channels"], 1))
    if block["stride"] == 1 and block["arriving"] == block["channels"]:
        source = layers.merge(f"{name}_sum", [short, source])
    return source
