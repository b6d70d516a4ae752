"""Landscapes with a known optimum: what strategies are compared on without any training.

`value` is minimised, as in the papers; an observation is its negative, with the landscape's noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.graph import Graph, Node, Shape
from engine.errors import fail
from engine.spaces.chain import Chain
from engine.spaces.conditional import Conditional
from engine.spaces.space import Parameter


class Toy(Conditional):
    """A space of decisions only: its networks cannot be built."""

    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph:
        raise fail("", "this space has no networks", "a landscape is evaluated, never trained")


@dataclass(frozen=True)
class BitStrings(Toy):
    """Strings of zeros and ones; a mutation flips one bit (the toy of Real et al., AAAI 2019)."""

    length: int = 100

    @property
    def _kind(self) -> str:
        return "bit_strings"

    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(Parameter(f"bit_{k}", "categorical", ("0", "1")) for k in range(self.length))

    def size(self) -> int:
        return int(2**self.length)

    def written(self, config: genotype.Config) -> Mapping[str, Any]:
        return {"bits": "".join(config.values())}

    def decided(self, given: Any, path: str = "") -> genotype.Config:
        bits = given.get("bits") if isinstance(given, Mapping) else None
        if not isinstance(bits, str) or len(bits) != self.length or set(bits) - {"0", "1"}:
            raise fail(path, "is not a string of bits", f'{{"bits": "…"}} with {self.length} zeros and ones')
        return {f"bit_{k}": bit for k, bit in enumerate(bits)}

    def cell(self, architecture: Architecture) -> Graph:
        bits = architecture.genotype["bits"]
        return Graph((Node("input", "input"), Node("bits", "bits", ("input",), {"bits": bits}, bits)), "bits")


@dataclass(frozen=True)
class ConditionalChain(Toy):
    """Layers one after another, each with an op and a width: the decisions of layer k exist if there are k layers."""

    most: int = 6
    choices: int = 4

    @property
    def _kind(self) -> str:
        return "conditional_chain"

    def parameters(self) -> tuple[Parameter, ...]:
        found = [Parameter("layers", "integer", low=1, high=self.most)]
        for k in range(1, self.most + 1):
            when = ({"name": "layers", "at_least": k},)
            kinds = tuple(range(self.choices))
            found += [Parameter(name, "categorical", kinds, when=when) for name in (f"op_{k}", f"width_{k}")]
        return tuple(found)

    def size(self) -> int:
        return sum(int(self.choices**(2 * layers)) for layers in range(1, self.most + 1))

    def cell(self, architecture: Architecture) -> Graph:
        config, nodes = architecture.genotype, [Node("input", "input")]
        for k in range(1, config["layers"] + 1):
            settings = {"op": config[f"op_{k}"], "width": config[f"width_{k}"]}
            nodes.append(Node(f"layer_{k}", "layer", (nodes[-1].name,), settings, f"op {settings['op']}"))
        return Graph(tuple(nodes), nodes[-1].name)


def zeros(architecture: Architecture) -> float:
    """The share of zeros."""
    bits = architecture.genotype["bits"]
    return float(bits.count("0") / len(bits))


def chain_value(architecture: Architecture) -> float:
    """Four layers, op k mod 4 and width min(k - 1, 3) in layer k: the one place with value 0."""
    config = architecture.genotype
    layers = config["layers"]
    cost = sum(0.12 * (config[f"op_{k}"] != k % 4) + 0.03 * abs(config[f"width_{k}"] - min(k - 1, 3))
               for k in range(1, layers + 1))
    return float(0.05 * abs(layers - 4) + cost / layers)


def graph_value(architecture: Architecture, space: Any) -> float:
    """A smooth function of a network's graph alone: depth, share of 3×3 convolutions, width and its order, strides.

    In the spirit of the synthetic functions of Kandasamy et al. (NeurIPS 2018); 0 is a bound that no network passes.
    """
    layers = [node for node in space.cell(architecture) if node.op not in ("input", "output", "global_avg_pool", "linear")]
    convs = [node for node in layers if node.op.endswith("conv")]
    widths = [node.settings["channels"] for node in convs]
    threes = sum(node.settings["kernel"] == 3 for node in convs)
    halvings = sum(node.settings.get("stride", 1) == 2 for node in layers)
    rising = [float(a <= b) for a, b in pairwise(widths)]
    bowls = (_bowl(len(layers), 6, 4), _bowl(threes / max(1, len(convs)), 0.75, 0.5), _bowl(halvings, 2, 2),
             _bowl(sum(widths) / max(1, len(widths)), 40, 24), _bowl(sum(rising) / max(1, len(rising)), 1, 1),
             _bowl(architecture.genotype.get("hidden", 0), 64, 128))
    return sum(bowls) / len(bowls)


def _bowl(at: float, middle: float, width: float) -> float:
    """0 in the middle, 1 far away."""
    squared = ((at - middle) / width) ** 2
    return squared / (1 + squared)


@dataclass(frozen=True)
class Landscape:
    """A space and the value of each of its architectures; `noise` is the deviation of what a strategy sees."""

    title: str
    space: Any
    offers: frozenset[str]
    value: Callable[[Architecture], float]
    optimum: float
    noise: float = 0.0
    inside: tuple[float, float] = field(default=(float("-inf"), float("inf")))    # observed values are cut off here

    def observe(self, architecture: Architecture, rng: Random) -> float:
        """The score that a strategy is told."""
        seen = self.value(architecture) + (rng.gauss(0, self.noise) if self.noise else 0.0)
        return -min(self.inside[1], max(self.inside[0], seen))


DECISIONS = frozenset({"parameters", "finite", "mutate"})
NETWORKS = Chain(min_layers=1, max_layers=8, channels=(16, 32, 48, 64))
LANDSCAPES: Mapping[str, Landscape] = {
    "L1": Landscape("Bit strings: the share of zeros, with noise", BitStrings(), DECISIONS, zeros, 0.0, 0.01, (0.0, 1.0)),
    "L2": Landscape("Conditional chain: up to six layers, one best place", ConditionalChain(), DECISIONS, chain_value, 0.0),
    "L3": Landscape("Network graphs: depth, kernels, widths, strides", NETWORKS, DECISIONS | {"graph"},
                    lambda architecture: graph_value(architecture, NETWORKS), 0.0),
}

