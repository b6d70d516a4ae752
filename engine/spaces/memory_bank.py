"""Memory banks: operations that read some banks of channels and add to others (SMASH; Brock et al., ICLR 2018)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import Any, NamedTuple

from engine.architecture.architecture import Architecture
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.layers import Layers
from engine.options import integer, subset
from engine.registry import space
from engine.spaces.conditional import Conditional
from engine.spaces.space import Parameter

KERNELS, DILATIONS, GROUPS, UNITS = (3, 5, 7), (1, 2, 3), (1, 2, 4, 8), (1, 2, 3, 4)
NONE = "none"
PAPER = {"blocks": 3, "banks": 6, "channels": 8, "ops": 4, "kernels": list(KERNELS), "dilations": list(DILATIONS),
         "groups": list(GROUPS), "units": list(UNITS)}
CPU = {"blocks": 2, "banks": 3, "channels": 4, "ops": 2, "kernels": [3, 5], "dilations": [1, 2], "groups": [1, 2],
       "units": [1, 2]}
Banks = tuple[int, ...]                         # their numbers, from 1


class Op(NamedTuple):
    """`adds`: banks that are filled already and to which it adds; `fills`: empty ones that it assigns. The 1×1 convolution
    has `units` times the channels of a bank."""

    reads: Banks
    adds: Banks
    fills: Banks
    units: int
    kernel: int
    dilation: int
    groups: int

    @property
    def writes(self) -> Banks:
        return self.adds + self.fills


class Read(NamedTuple):
    """A dense 1×1 kernel of a network, as a hypernetwork wants it: the operation, its block (from 1), channels of a bank."""

    name: str
    op: Op
    block: int
    width: int


@space(title="Memory banks", paper="Brock, Lim, Ritchie, Weston, ICLR 2018 (arXiv:1708.05344)",
       summary="Blocks of memory banks: each operation reads some banks, and fills or adds to others.",
       offers={"parameters", "finite", "mutate", "graph", "generated"}, presets={"paper": PAPER, "cpu": CPU})
@dataclass(frozen=True)
class MemoryBank(Conditional):
    blocks: int = integer(3, low=1, high=4, paper=3, help="Blocks. Between two the image is halved, and banks are twice as "
                                                          "wide.")
    banks: int = integer(4, low=2, high=8, help="Banks of a block. Its input fills the first half of them, rounded up.")
    channels: int = integer(8, low=1, high=64, paper=8, help="Channels of a bank in the first block.")
    ops: int = integer(4, low=1, high=8, help="Most operations of a block.")
    kernels: tuple[int, ...] = subset(KERNELS, choices=KERNELS, paper=KERNELS, help="Windows of the k×k convolutions.")
    dilations: tuple[int, ...] = subset((1, 2), choices=DILATIONS, paper=DILATIONS, help="How far apart the windows look.")
    groups: tuple[int, ...] = subset((1, 2, 4), choices=GROUPS, paper=GROUPS,
                                     help="Groups of the k×k convolutions, as far as they divide the channels of a bank.")
    units: tuple[int, ...] = subset((1, 2), choices=UNITS, help="Output units of the 1×1 convolutions, in whole banks.")

    def parameters(self) -> tuple[Parameter, ...]:
        return self._parameters

    @cached_property
    def _parameters(self) -> tuple[Parameter, ...]:
        """A plan says how many operations a block has and how many empty banks each of them fills: with it, what may be
        read and written is known for every operation."""
        rows = []
        for block in range(1, self.blocks + 1):
            rows.append(Parameter(f"block_{block}_plan", "categorical", tuple(map(_written, self._plans))))
            for op in range(1, self.ops + 1):
                rows += self._of_op(f"block_{block}_plan", f"block_{block}_op_{op}", op)
        return tuple(rows)

    def _of_op(self, plan: str, name: str, op: int) -> Iterator[Parameter]:
        """One decision for each number of banks that can be filled before; of these one is active."""
        there = [each for each in self._plans if len(each) >= op]
        for filled in range(self.inputs, self.banks + 1):
            after = [each for each in there if self.inputs + sum(each[:op - 1]) == filled]
            only, more = [each for each in after if not each[op - 1]], [each for each in after if each[op - 1]]
            for what, plans, sets in ((f"reads_of_{filled}", after, subsets(filled)),
                                      (f"writes_of_{filled}", only, subsets(filled)),
                                      (f"adds_of_{filled}", more, (NONE, *subsets(filled)))):
                if plans:
                    yield Parameter(f"{name}_{what}", "categorical", sets, when=_among(plan, plans))
        for what, values in self.settings.items():
            yield Parameter(f"{name}_{what}", "categorical", values, when=_among(plan, there))

    @property
    def settings(self) -> Mapping[str, tuple[int, ...]]:
        """The values that the numbers of an operation can have."""
        dividing = tuple(each for each in self.groups if self.channels % each == 0)
        return {"units": self.units, "kernel": self.kernels, "dilation": self.dilations, "groups": dividing or (1,)}

    @cached_property
    def _plans(self) -> tuple[Banks, ...]:
        """For one operation after the other how many empty banks it fills."""
        spare = range(self.banks - self.inputs + 1)
        return tuple(each for count in range(1, self.ops + 1) for each in product(spare, repeat=count)
                     if sum(each) < len(spare))

    @property
    def inputs(self) -> int:
        """Banks that the input of a block fills."""
        return (self.banks + 1) // 2

    def width(self, block: int) -> int:
        """Channels of a bank."""
        return int(self.channels * 2 ** (block - 1))

    def size(self) -> int:
        settings, block = math.prod(map(len, self.settings.values())), 0
        for plan in self._plans:
            filled, found = self.inputs, 1
            for fills in plan:
                found *= (2 ** filled - 1) * (2 ** filled - (not fills)) * settings
                filled += fills
            block += found
        return int(block ** self.blocks)

    def program(self, architecture: Architecture) -> list[list[Op]]:
        """The operations of each block, in order."""
        return [self._block(architecture.genotype, f"block_{block}") for block in range(1, self.blocks + 1)]

    def _block(self, config: Mapping[str, Any], name: str) -> list[Op]:
        found, filled = [], self.inputs
        for number, fills in enumerate(map(int, config[f"{name}_plan"].split("-")), 1):
            op = f"{name}_op_{number}"
            adds = config[f"{op}_adds_of_{filled}"] if fills else config[f"{op}_writes_of_{filled}"]
            settings = [config[f"{op}_{what}"] for what in self.settings]
            found.append(Op(_read(config[f"{op}_reads_of_{filled}"]), _read(adds),
                            tuple(range(filled + 1, filled + fills + 1)), *settings))
            filled += fills
        return found

    def reads(self, architecture: Architecture) -> list[Read]:
        """The dense 1×1 kernels of the network, in its order."""
        return [Read(f"block_{block}_op_{number}_point", op, block, self.width(block))
                for block, ops in enumerate(self.program(architecture), 1) for number, op in enumerate(ops, 1)]

    @property
    def most(self) -> int:
        """Banks that the operations of a block can read in all, each counted as often as it is read."""
        return self.inputs + self.banks * (self.ops - 1)

    def cell(self, architecture: Architecture) -> Graph:
        """A node for every operation, one for each bank that it writes. Banks have no order."""
        nodes = [Node("input", "input", label="input")]

        def put(name: str, op: str, *inputs: str, label: str = "", **settings: Any) -> str:
            nodes.append(Node(name, op, inputs, settings, label or op, f"block {block}"))
            return name

        source = "input"
        for block, ops in enumerate(self.program(architecture), 1):
            source = put(f"block_{block}_in", "stem" if block == 1 else "transition", source)
            banks = {k: put(f"block_{block}_bank_{k}", "bank", source, label=f"bank {k}") for k in range(1, self.inputs + 1)}
            for number, op in enumerate(ops, 1):
                name = f"block_{block}_op_{number}"
                given = [banks[k] for k in op.reads]
                heard = put(f"{name}_read", "concat", *given, label="join") if len(given) > 1 else given[0]
                done = put(name, "bank_op", heard, label=_label(op), units=op.units, kernel=op.kernel, dilation=op.dilation,
                           groups=op.groups)
                for k in op.writes:
                    banks[k] = (put(f"{name}_bank_{k}", "add", banks[k], done, label=f"bank {k}") if k in banks else
                                put(f"{name}_bank_{k}", "bank", done, label=f"bank {k}"))
            source = put(f"block_{block}_out", "concat", *banks.values(), label="all banks")
        return Graph((*nodes, Node("output", "output", (source,), label="class scores")), "output")

    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph:
        """Stem, blocks with a transition between, classifier."""
        return self._network(self.program(architecture), self.inputs, classes)

    def whole(self, shape: Shape, classes: int) -> Graph:
        """No member of the space: all layers that its networks can have, each with the most channels it can have there."""
        every = tuple(range(1, self.banks + 1))
        op = Op(every, every, (), max(self.units), max(self.kernels), 1, 1)
        return self._network([[op] * self.ops] * self.blocks, self.banks, classes)

    def _network(self, program: Sequence[Sequence[Op]], filled: int, classes: int) -> Graph:
        """`filled`: how many banks there are at the start of a block; those beyond its input repeat it."""
        layers = Layers()
        layers.begin("stem")
        source = layers.conv("stem_conv", "input", self.inputs * self.width(1), 3)
        for block, ops in enumerate(program, 1):
            name, width = f"block_{block}", self.width(block)
            layers.begin(f"block {block}: {len(ops)} operation{'s' if len(ops) > 1 else ''}")
            banks = {k: _part(layers, f"{name}_bank_{k}", source, (k - 1) % self.inputs, self.inputs, width)
                     for k in range(1, filled + 1)}
            for number, op in enumerate(ops, 1):
                _put(layers, f"{name}_op_{number}", op, banks, width)
            layers.begin("head" if block == self.blocks else f"transition {block}")
            source = layers.put(f"{name}_join", "concat", *banks.values(), label=f"{len(banks)} banks")
            source = layers.put(f"{name}_relu", "relu", layers.norm(f"{name}_norm", source))
            if block < self.blocks:
                source = layers.conv(f"{name}_transition", source, self.inputs * self.width(block + 1), 1)
                source = layers.pool(f"{name}_pool", "avg_pool", source, 2, 2)
        layers.linear("classifier", layers.put("head_pool", "global_avg_pool", source), classes)
        return layers.graph()


def subsets(filled: int) -> tuple[str, ...]:
    """The non-empty sets of the first banks, in words: "1", "1+3"."""
    return tuple("+".join(map(str, each)) for count in range(1, filled + 1)
                 for each in combinations(range(1, filled + 1), count))


def _read(words: str) -> Banks:
    return () if words == NONE else tuple(map(int, words.split("+")))


def _written(plan: Banks) -> str:
    return "-".join(map(str, plan))


def _among(name: str, plans: Sequence[Banks]) -> tuple[Mapping[str, Any], ...]:
    return ({"name": name, "among": tuple(map(_written, plans))},)


def _label(op: Op) -> str:
    """In words: "1×1 to 2 banks, 5×5, dilation 2, 4 groups"."""
    parts = [f"1×1 to {op.units} bank{'s' if op.units > 1 else ''}", f"{op.kernel}×{op.kernel}"]
    parts += [f"dilation {op.dilation}"] * (op.dilation > 1) + [f"{op.groups} groups"] * (op.groups > 1)
    return ", ".join(parts)


def _part(layers: Layers, name: str, source: str, number: int, count: int, width: int) -> str:
    """The channels of one bank out of those of several."""
    if count == 1:
        return source
    label = f"part {number + 1} of {count}"
    return layers.put(name, "channels", source, label=label, skipped=number * width, channels=width)


def _put(layers: Layers, name: str, op: Op, banks: dict[int, str], width: int) -> None:
    """The banks that it reads, each normed, are joined; of its result every bank that it writes gets a part of its own."""
    heard = [layers.put(f"{name}_read_{k}", "relu", layers.norm(f"{name}_read_{k}_norm", banks[k])) for k in op.reads]
    source = layers.put(f"{name}_read", "concat", *heard, label=f"{len(heard)} banks") if len(heard) > 1 else heard[0]
    source = layers.norm(f"{name}_norm", layers.conv(f"{name}_point", source, op.units * width, 1))
    source = layers.conv(f"{name}_conv", layers.put(f"{name}_relu", "relu", source), len(op.writes) * width, op.kernel,
                         groups=op.groups, dilation=op.dilation)
    for number, k in enumerate(op.writes):
        part = _part(layers, f"{name}_part_{k}", source, number, len(op.writes), width)
        banks[k] = layers.put(f"{name}_bank_{k}", "add", banks[k], part, label=f"bank {k}") if k in banks else part
