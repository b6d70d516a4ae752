"""Writing a network graph one layer after another."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.primitives import pair

Side = int | tuple[int, int]                    # one number, or height and width


class Layers:
    """Collects primitive layers; every method returns the name of the node that holds its result."""

    def __init__(self) -> None:
        self._nodes = [Node("input", "input", label="input", group="input")]
        self._group = "input"

    def begin(self, group: str) -> None:
        """What follows belongs to this group (one box of the macro strip)."""
        self._group = group

    def put(self, name: str, op: str, *inputs: str, label: str = "", **settings: Any) -> str:
        self._nodes.append(Node(name, op, inputs, settings, label or op.replace("_", " "), self._group))
        return name

    def once(self, key: Hashable, name: str, sources: Sequence[str], write: Callable[[], str]) -> str:
        """A part whose layers are settled by `key` and the shapes of its sources; here it is written every time."""
        return write()

    def conv(self, name: str, source: str, channels: int, kernel: Side, stride: Side = 1, groups: int = 1,
             dilation: int = 1) -> str:
        """A convolution without bias that keeps the size, divided by the stride and rounded up."""
        (high, wide), longest = pair(kernel), max(pair(stride))
        label = f"conv {high}×{wide}" + (f" / {longest}" if longest > 1 else "")
        return self.put(name, "conv", source, label=label, channels=channels, kernel=kernel, stride=stride, groups=groups,
                        dilation=dilation, bias=False)

    def norm(self, name: str, source: str, affine: bool = True) -> str:
        return self.put(name, "batch_norm", source, affine=affine)

    def pool(self, name: str, op: str, source: str, kernel: int, stride: int) -> str:
        label = f"{op.replace('_', ' ')} {kernel}×{kernel}" + (f" / {stride}" if stride > 1 else "")
        return self.put(name, op, source, label=label, kernel=kernel, stride=stride)

    def linear(self, name: str, source: str, units: int) -> str:
        return self.put(name, "linear", source, label=f"linear {units}", units=units)

    def merge(self, name: str, sources: list[str]) -> str:
        """The sum of the sources; a single source is its own sum."""
        return self.put(name, "add", *sources, label="sum") if len(sources) > 1 else sources[0]

    def pad(self, name: str, source: str, size: Shape) -> str:
        """Zeros around the source, up to this height and width."""
        return self.put(name, "pad", source, label=f"zeros up to {size[0]}×{size[1]}", size=size)

    def graph(self) -> Graph:
        """The network whose output is the layer written last."""
        return Graph(tuple(self._nodes), self._nodes[-1].name)
