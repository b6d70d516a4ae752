"""The shared weights of a whole space: one module that computes any mixture, path or mask of a relaxed network.

Weights are keyed by where they stand (`cell_3_edge_0_2_sep_conv_3x3_1_depthwise.weight`), so every architecture is a view
on them. What a choice leaves out is not computed: its weights get no gradient (None, not zeros), so that neither weight
decay nor momentum moves them. Batch norms keep no running statistics: a supernet always normalises by its batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from engine.architecture.cost import measure
from engine.architecture.graph import Node, Shape
from engine.architecture.primitives import PRIMITIVES
from engine.architecture.relaxed import Path, Relaxed, kept, merged
from engine.nets.initial import initialise
from engine.nets.mixed_op import mixed
from engine.nets.ops import OWN, make
from engine.nets.recurrent_mixture import RecurrentMixture

KINDS = {**OWN, RecurrentMixture.__name__: RecurrentMixture}
PLANS = 32                                      # paths whose order of computation is remembered


@dataclass(frozen=True)
class Choice:
    """What of a supernet takes part. `weights` (by table: edges × operations) scale the operations of `path`; without
    them each counts fully."""

    path: Path
    weights: Mapping[str, Tensor] | None = None


class Call(NamedTuple):
    """A node that has to be computed: from which values, with which columns of its table if it is a mixture."""

    node: Node
    inputs: tuple[str, ...]
    columns: tuple[int, ...]
    spent: tuple[str, ...]                      # values that nobody needs afterwards


class Supernet(nn.Module):
    """`relaxed` as a module. Weights are drawn from torch's generator: seed it before."""

    def __init__(self, relaxed: Relaxed, shape: Shape) -> None:
        super().__init__()
        self.relaxed = merged(relaxed)
        self.shapes = {row.name: row.shape for row in measure(self.relaxed.graph, shape).rows}
        for node in self.relaxed.graph:
            given = [self.shapes[name] for name in node.inputs] or [shape]
            module = make(PRIMITIVES[node.op].call(node, given), KINDS)
            self.add_module(node.name, module)
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                forget_statistics(module)
            if "init" in node.settings:
                initialise(module, node.settings["init"], node.settings.get("std"))
            if node.op == "tied_decoder":
                module.weight = self.get_submodule(node.inputs[1]).weight
        self._plans: dict[object, tuple[Call, ...]] = {}

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        values: dict[str, Tensor] = {}
        rows = {name: _entries(table) for name, table in (choice.weights or {}).items()}
        for call in self._plan(choice.path):
            name = call.node.name
            if not call.inputs:
                values[name] = x if call.node.op == "input" else x.new_zeros(len(x), *self.shapes[name])
            elif call.columns and rows:
                table, row = self.relaxed.places[name]
                values[name] = mixed([values[source] for source in call.inputs], [rows[table][row][k] for k in call.columns])
            elif name in self.relaxed.cells:
                values[name] = self._cell(name).mixed(values[call.inputs[0]], choice.path, choice.weights)
            else:
                values[name] = self.get_submodule(name)(*[values[source] for source in call.inputs])
            for source in call.spent:
                del values[source]
        return values[self.relaxed.graph.output]

    def used(self, path: Path) -> set[str]:
        """Names of the parameters that a path uses."""
        touched = {call.node.name for call in self._plan(path) if call.inputs}
        within = {f"{name}.{own}" for name in self.relaxed.cells for own in self._cell(name).used(path)}
        return {name for name, _ in self.named_parameters() if name.rpartition(".")[0].split(".")[0] in touched
                and (name in within or name.split(".")[0] not in self.relaxed.cells)}

    def _cell(self, name: str) -> RecurrentMixture:
        cell = self.get_submodule(name)
        assert isinstance(cell, RecurrentMixture)
        return cell

    def confine(self, path: Path) -> None:
        """Let go of all layers that no choice within this path needs."""
        needed = {call.node.name for call in self._planned(path)}
        for name in [name for name, _ in self.named_children() if name not in needed]:
            delattr(self, name)

    def _plan(self, path: Path) -> tuple[Call, ...]:
        key = tuple(sorted(path.items()))
        if key not in self._plans:
            while len(self._plans) >= PLANS:
                self._plans.pop(next(iter(self._plans)))
            self._plans[key] = self._planned(path)
        return self._plans[key]

    def _planned(self, path: Path) -> tuple[Call, ...]:
        """What a path needs, in order. Zeros are left out of sums, and made only where something else than a sum hears
        them."""
        calls: dict[str, Call] = {}
        empty: set[str] = set()
        for node in self.relaxed.graph:
            found = kept(self.relaxed, node, path) if node.name in self.relaxed.places else list(enumerate(node.inputs))
            if node.op == "zero":
                empty.add(node.name)
                found = []
            elif node.op == "add":
                found = [(column, name) for column, name in found if name not in empty]
                if not found:
                    empty.add(node.name)
            columns = tuple(column for column, _ in found) if node.name in self.relaxed.places else ()
            calls[node.name] = Call(node, tuple(name for _, name in found), columns, ())
        wanted = {self.relaxed.graph.output}
        for name in reversed(calls):
            if name in wanted:
                wanted.update(calls[name].inputs)
        order = [call for name, call in calls.items() if name in wanted]
        last = {name: call.node.name for call in order for name in call.inputs}
        return tuple(call._replace(spent=tuple(n for n in dict.fromkeys(call.inputs) if last[n] == call.node.name))
                     for call in order)


def forget_statistics(norm: nn.modules.batchnorm._BatchNorm) -> None:
    """From now on it normalises by the batch, in training and in evaluation."""
    norm.track_running_stats = False
    norm.running_mean = norm.running_var = norm.num_batches_tracked = None


def _entries(table: Tensor) -> Sequence[Sequence[Tensor | float]]:
    """The weights one by one: as numbers where nobody asks for their gradients, which makes the sum cheaper."""
    if not table.requires_grad:
        numbers: list[list[float]] = table.tolist()
        return numbers
    width = table.shape[1]
    each = table.flatten().unbind()
    return [list(each[at:at + width]) for at in range(0, len(each), width)]
