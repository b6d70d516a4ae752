"""A vision pipeline as one tree of choices, each with decisions of its own (Bergstra, Yamins, Cox, ICML 2013)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.architecture.architecture import Architecture
from engine.architecture.cost import measure
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.layers import Layers
from engine.errors import fail
from engine.options import integer, subset
from engine.registry import space
from engine.spaces.conditional import Conditional
from engine.spaces.space import Parameter

HEADS = ("grid", "rectified", "lp")
BANKS = ("random", "whitened", "learned")
SEEDS = tuple(range(10))
AFFINE = {"rotation": (-0.3, 0.3), "shear": (-0.3, 0.3), "scale_x": (0.8, 1.2), "scale_y": (0.8, 1.2),
          "shift_x": (-0.2, 0.2), "shift_y": (-0.2, 0.2)}
PAPER = {"sizes": [32, 64, 128, 200], "depth": 2, "filters": 64, "largest_filter": 8, "largest_pool": 8, "limit": 20_000}
CPU = {"sizes": [12, 16, 24], "depth": 2, "filters": 16, "largest_filter": 4, "largest_pool": 3, "limit": 10}
When = tuple[Mapping[str, Any], ...]


@space(title="Vision pipeline", paper="Bergstra, Yamins, Cox, ICML 2013 (hyperopt)",
       summary="Warp, filter banks and pooling as a tree of choices with real-valued decisions; some cannot be built.",
       offers={"parameters", "mutate", "graph"}, presets={"paper": PAPER, "cpu": CPU})
@dataclass(frozen=True)
class Vision(Conditional):
    sizes: tuple[int, ...] = subset((12, 16, 24), choices=(6, 8, 12, 16, 24, 32, 48, 64, 128, 200), paper=(32, 64, 128, 200),
                                    help="Sides of the square that images are brought to.")
    depth: int = integer(2, low=0, high=3, paper=2, help="Layers at most before the last filters.")
    filters: int = integer(16, low=4, high=128, paper=64, help="Most filters of a first bank; twice as many a layer deeper.")
    largest_filter: int = integer(4, low=3, high=12, paper=8, help="Largest side of a filter; the smallest is 3.")
    largest_pool: int = integer(3, low=2, high=12, paper=8, help="Largest window of the pooling after a layer.")
    heads: tuple[str, ...] = subset(HEADS, choices=HEADS, paper=HEADS, help="How the last filters become features.")
    banks: tuple[str, ...] = subset(BANKS, choices=BANKS, paper=BANKS,
                                    help="Where filters come from: random numbers, such for whitened images, training.")
    limit: int = integer(10, low=1, high=1_000_000, paper=20_000, log=True,
                         help="Million multiply-adds for an image; larger networks count as failed.")

    def parameters(self) -> tuple[Parameter, ...]:
        exits = {f"depth_{depth}_{head}": (depth, head) for depth in range(self.depth + 1) for head in self.heads}
        rows = [Parameter("exit", "categorical", tuple(exits)), Parameter("size", "categorical", self.sizes),
                Parameter("warp", "categorical", ("resize", "affine"))]
        rows += [Parameter(f"affine_{name}", "real", low=low, high=high, when=({"name": "warp", "among": ("affine",)},))
                 for name, (low, high) in AFFINE.items()]
        for layer in range(1, self.depth + 1):
            when: When = ({"name": "exit", "among": tuple(e for e, (depth, _) in exits.items() if depth >= layer)},)
            rows += self._bank(f"layer_{layer}", when, self.filters * 2 ** (layer - 1))
            rows += _pool(f"layer_{layer}", when, (2, self.largest_pool), (1, 2))
        for name, (depth, head) in exits.items():
            rows += self._exit(name, ({"name": "exit", "among": (name,)},), self.filters * 2**depth, head)
        return tuple(rows)

    def _bank(self, name: str, when: When, most: int) -> list[Parameter]:
        """A bank of filters: how many, how large, how patches are normalised, and where the filters come from."""
        step = self.filters / 4
        rows = [Parameter(f"{name}_filters", "real", low=step, high=most, when=when, prior="log", step=step),
                Parameter(f"{name}_side", "integer", low=3, high=self.largest_filter, when=when),
                _lognormal(f"{name}_beta", when, 100.0, 100.0), _flag(f"{name}_remove_mean", when),
                _flag(f"{name}_hard", when), Parameter(f"{name}_bank", "categorical", self.banks, when=when)]
        for bank in self.banks:
            own = ({"name": f"{name}_bank", "among": (bank,)},)
            if bank == "learned":
                rows += [_flag(f"{name}_learned_norm", own), _flag(f"{name}_learned_relu", own)]
            else:
                rows += [Parameter(f"{name}_{bank}_seed", "categorical", SEEDS, when=own), _flag(f"{name}_{bank}_unit", own)]
            if bank == "whitened":
                rows.append(_lognormal(f"{name}_whitened_gamma", own, 1e-2, 100.0))
        return rows

    def _exit(self, name: str, when: When, most: int, head: str) -> list[Parameter]:
        """All that belongs to one exit: nothing here is shared with another."""
        rows = self._bank(name, when, most)
        if head == "grid":
            rows += [Parameter(f"{name}_grid", "categorical", (2, 3), when=when), *_order(name, when)]
        else:
            rows += _pool(name, when, (1, 5), (1, 2, 3))
        if head != "lp":
            rows.append(Parameter(f"{name}_alpha", "real", low=-3.0, high=3.0, when=when, prior="normal"))
        else:
            own = ({"name": f"{name}_local_norm", "among": (True,)},)
            rows += [_flag(f"{name}_local_norm", when),
                     Parameter(f"{name}_local_norm_window", "integer", low=1, high=5, when=own),
                     _lognormal(f"{name}_local_norm_threshold", own, 1.0, 3.0)]
        own = ({"name": f"{name}_remove_std", "among": (True,)},)
        return [*rows, _flag(f"{name}_remove_std", when), _lognormal(f"{name}_variance_threshold", own, 1e-4, 1000.0),
                _flag(f"{name}_row_norm", when)]

    def size(self) -> None:
        """There is no end of them: some decisions are real numbers."""
        return None

    def cell(self, architecture: Architecture) -> Graph:
        """One node a step, with the decisions that are its own."""
        config = dict(architecture.genotype)
        steps: dict[str, tuple[str, ...]] = {"warp": ("size", "warp", "affine_")}
        steps |= {f"layer_{n}": (f"layer_{n}_",) for n in range(1, _depth(config) + 1)}
        nodes = [Node("input", "input", label="input")]
        for name, prefixes in (steps | {"exit": (config["exit"],)}).items():
            settings = {key: value for key, value in config.items() if key.startswith(prefixes)}
            settings |= {"exit": config["exit"]} if name == "exit" else {}
            nodes.append(Node(name, name, (nodes[-1].name,), settings, _label(name, config), name.replace("_", " ")))
        nodes.append(Node("output", "output", (nodes[-1].name,), label="class scores", group="head"))
        return Graph(tuple(nodes), "output")

    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph:
        """Raises Invalid where a window is larger than the map it is laid on, or the network is larger than the limit."""
        config, layers = architecture.genotype, Layers()
        layers.begin("warp")
        if config["warp"] == "resize":
            source = layers.put("warp", "resize", "input", size=config["size"])
        else:
            source = layers.put("warp", "affine", "input", size=config["size"], **{n: config[f"affine_{n}"] for n in AFFINE})
        for number in range(1, _depth(config) + 1):
            name = f"layer_{number}"
            layers.begin(f"layer {number}")
            source = _put_pool(layers, name, config, _put_bank(layers, name, config, source))
        name = config["exit"]
        layers.begin(f"exit: {name.rsplit('_', 1)[1]}")
        source = _put_exit(layers, config, _put_bank(layers, name, config, source), shape)
        source = layers.put("features", "flatten", source)
        if config[f"{name}_remove_std"]:
            source = layers.put("standard", "standardize", source, threshold=config[f"{name}_variance_threshold"])
        if config[f"{name}_row_norm"]:
            source = layers.put("unit", "row_norm", source)
        layers.begin("head")
        layers.linear("classifier", source, classes)
        macs = measure(layers.graph(), shape).macs
        if macs > self.limit * 10**6:
            raise fail("/network", "takes more multiply-adds than the limit", f"up to {self.limit} million an image")
        return layers.graph()


def _flag(name: str, when: When) -> Parameter:
    return Parameter(name, "categorical", (False, True), when=when)


def _lognormal(name: str, when: When, middle: float, factor: float) -> Parameter:
    """Normal in the logarithm; `factor` is one standard deviation, and two are the ends."""
    low, high = (float(f"{end:.6g}") for end in (middle / factor**2, middle * factor**2))
    return Parameter(name, "real", low=low, high=high, when=when, prior="lognormal", mu=math.log(middle),
                     sigma=math.log(factor))


def _order(name: str, when: When) -> list[Parameter]:
    """The order of a mean: one, two, or any real number, which is then a decision of its own."""
    own = ({"name": f"{name}_order", "among": ("real",)},)
    return [Parameter(f"{name}_order", "categorical", ("1", "2", "real"), when=when),
            _lognormal(f"{name}_order_real", own, 1.0, 3.0)]


def _pool(name: str, when: When, window: tuple[int, int], strides: tuple[int, ...]) -> list[Parameter]:
    return [Parameter(f"{name}_pool", "integer", low=window[0], high=window[1], when=when),
            Parameter(f"{name}_stride", "categorical", strides, when=when), *_order(name, when)]


def _depth(config: Mapping[str, Any]) -> int:
    return int(config["exit"].split("_")[1])


def _label(name: str, config: Mapping[str, Any]) -> str:
    """In words: "layer 1: 32 whitened filters 5×5"."""
    if name == "warp":
        return f"{config['warp']} to {config['size']}×{config['size']}"
    key = config["exit"] if name == "exit" else name
    side, head = config[f"{key}_side"], config["exit"].rsplit("_", 1)[1]
    text = f"{config[f'{key}_filters']:.0f} {config[f'{key}_bank']} filters {side}×{side}"
    return text + (f", {head} pooling" if name == "exit" else ", pooling {0}×{0}".format(config[f"{key}_pool"]))


def _put_bank(layers: Layers, name: str, config: Mapping[str, Any], source: str) -> str:
    bank, side = config[f"{name}_bank"], config[f"{name}_side"]
    fixed: dict[str, Any] = {}
    if bank != "learned":
        fixed = {"seed": config[f"{name}_{bank}_seed"], "unit": config[f"{name}_{bank}_unit"]}
    if bank == "whitened":
        fixed["gamma"] = config[f"{name}_whitened_gamma"]
    source = layers.put(f"{name}_filters", "filter_bank", source, label=f"{bank} filters {side}×{side}",
                        channels=int(config[f"{name}_filters"]), kernel=side, beta=config[f"{name}_beta"],
                        remove_mean=config[f"{name}_remove_mean"], hard=config[f"{name}_hard"], fixed=fixed)
    if bank == "learned":
        source = layers.norm(f"{name}_norm", source) if config[f"{name}_learned_norm"] else source
        source = layers.put(f"{name}_relu", "relu", source) if config[f"{name}_learned_relu"] else source
    return source


def _power(name: str, config: Mapping[str, Any]) -> float:
    order = config[f"{name}_order"]
    return float(config[f"{name}_order_real"] if order == "real" else order)


def _put_pool(layers: Layers, name: str, config: Mapping[str, Any], source: str) -> str:
    window = config[f"{name}_pool"]
    return layers.put(f"{name}_pool", "lp_pool", source, label=f"mean of order {_power(name, config):g}, {window}×{window}",
                      order=_power(name, config), kernel=window, stride=config[f"{name}_stride"])


def _put_exit(layers: Layers, config: Mapping[str, Any], source: str, shape: Shape) -> str:
    """The three ways from a map to features."""
    name = config["exit"]
    if f"{name}_alpha" in config:
        source = layers.put(f"{name}_split", "split_relu", source, alpha=config[f"{name}_alpha"])
    if f"{name}_grid" not in config:
        source = _put_pool(layers, name, config, source)
        if config.get(f"{name}_local_norm"):
            source = layers.put(f"{name}_local", "local_norm", source, kernel=config[f"{name}_local_norm_window"],
                                threshold=config[f"{name}_local_norm_threshold"])
        return source
    grid, side = config[f"{name}_grid"], measure(layers.graph(), shape).rows[-1].shape[1]
    if side < grid:
        raise fail(f"/network/{name}_pool", f"a grid of {grid}×{grid} leaves nothing of {side}×{side}",
                   "a network whose shapes fit")
    stride = side // grid
    return layers.put(f"{name}_pool", "lp_pool", source, label=f"means of a grid {grid}×{grid}", order=_power(name, config),
                      kernel=side - (grid - 1) * stride, stride=stride)
