"""What a network costs, added up while it is written: nothing is kept of it, and parts alike are priced once."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from engine.architecture.cost import Total, price
from engine.architecture.graph import Node, Shape
from engine.architecture.layers import Layers


class Part(NamedTuple):
    """What is known of a part: the shape that it gives and what it adds."""

    shape: Shape
    parameters: int
    macs: int
    numbers: int
    layers: int


Known = dict[Hashable, Part]                    # may be shared by all networks of one space


class Tally(Layers):
    """Layers whose every `once` is written only where nothing alike was written on the same shapes before."""

    def __init__(self, shape: Shape, known: Known) -> None:
        super().__init__()
        self._shapes: dict[str, Shape] = {"input": shape}
        self._known = known
        self._parameters, self._macs, self._numbers, self._layers = 0, 0, math.prod(shape), 1

    def put(self, name: str, op: str, *inputs: str, label: str = "", **settings: Any) -> str:
        node = Node(name, op, inputs, settings, label or op.replace("_", " "))
        shape, parameters, macs = price(node, [self._shapes[source] for source in inputs])
        self._add(name, Part(shape, parameters, macs, math.prod(shape), 1))
        return name

    def once(self, key: Hashable, name: str, sources: Sequence[str], write: Callable[[], str]) -> str:
        whole = (key, *[self._shapes[source] for source in sources])
        if part := self._known.get(whole):
            self._add(name, part)
            return name
        before = self.total()
        result = write()
        after = self.total()
        self._known[whole] = Part(self._shapes[result], *(b - a for a, b in zip(before, after, strict=True)))
        return result

    def total(self) -> Total:
        return Total(self._parameters, self._macs, self._numbers, self._layers)

    def _add(self, name: str, part: Part) -> None:
        self._shapes[name], parameters, macs, numbers, layers = part
        self._parameters += parameters
        self._macs += macs
        self._numbers += numbers
        self._layers += layers
