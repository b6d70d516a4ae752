"""A network as a strip of boxes, one for each group of layers; what repeats shares a box, and its layers are listed once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from engine.architecture.cost import Row, measure
from engine.architecture.graph import Graph, Node, Shape

LISTED = 400                                    # layers whose details travel to the page
NUMBER = re.compile(r"\s*(\d+)$")


@dataclass(frozen=True)
class Group:
    """Consecutive layers of one group of the network."""

    name: str
    layers: tuple[tuple[Node, Row], ...]

    @property
    def family(self) -> str:
        """The name without its number: "cell 3: normal" is of the family "cell: normal"."""
        head, colon, rest = self.name.partition(":")
        return NUMBER.sub("", head) + colon + rest

    @property
    def shape(self) -> Shape:
        return self.layers[-1][1].shape


def strip(network: Graph, shape: Shape, cells: Mapping[str, Graph]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The boxes with what they give and cost, each with its members; and the layers of the different members."""
    rows = measure(network, shape).rows
    shapes = {row.name: row.shape for row in rows}
    pairs = groupby(zip(network, rows, strict=True), key=lambda pair: pair[0].group)
    groups = [Group(name, tuple(found)) for name, found in pairs]
    boxes = [list(found) for _, found in groupby(groups, key=lambda group: (group.family, group.shape))]
    details = _Details(shapes, cells)
    for members in boxes:                       # every box has its first member listed before any has a second
        details.add(members[0])
    return [_box(members, details) for members in boxes], details.found


def _box(members: list[Group], details: _Details) -> dict[str, Any]:
    rows = [_sums(group) | {"group": group.name, "detail": details.of(group, members[0]), "cell": details.cell(group)}
            for group in members]
    total = {key: sum(row[key] for row in rows) for key in ("layers", "parameters", "macs", "flops")}
    return {"group": _span(members), "shape": list(members[0].shape), **total, "cell": rows[0]["cell"], "members": rows}


def _sums(group: Group) -> dict[str, Any]:
    macs = sum(row.macs for _, row in group.layers)
    return {"layers": len(group.layers), "parameters": sum(row.parameters for _, row in group.layers), "macs": macs,
            "flops": 2 * macs}


def _span(members: list[Group]) -> str:
    """One name for all members: "cell 2–6: normal"."""
    first, colon, rest = members[0].name.partition(":")
    last = NUMBER.search(members[-1].name.partition(":")[0])
    return f"{first}–{last[1]}{colon}{rest}" if len(members) > 1 and last else members[0].name


class _Details:
    """The layers of groups; groups alike in all but names share one list."""

    def __init__(self, shapes: Mapping[str, Shape], cells: Mapping[str, Graph]) -> None:
        self.shapes = shapes
        self.titles = [title.split()[0].lower() if title else "" for title in cells]
        self.parts = [_parts(graph) for graph in cells.values()]
        self.found: list[dict[str, Any]] = []
        self.known: dict[str, int] = {}
        self.kinds: dict[str, int | None] = {}
        self.left = LISTED

    def cell(self, group: Group) -> int | None:
        """Which kind of cell the group is: the one that its name tells of, or the first whose names its layers bear."""
        if group.name not in self.kinds:
            self.kinds[group.name] = self._kind(group)
        return self.kinds[group.name]

    def _kind(self, group: Group) -> int | None:
        named = [i for i, title in enumerate(self.titles) if title and title in group.name.lower()]
        names = [node.name for node, _ in group.layers if node.op != "input"]
        found = next((i for i in named or range(len(self.parts)) if any(_part(name, self.parts[i]) for name in names)), None)
        whole = len(self.parts) == 1 and group.name == "cell"      # a cell that is one layer of its own
        return 0 if found is None and whole else found

    def of(self, group: Group, example: Group) -> int | None:
        """The place of the group's list, or of the example's where the list has grown too long."""
        found = self.add(group)
        return self.add(example) if found is None else found

    def add(self, group: Group) -> int | None:
        key = self._signature(group)
        if key not in self.known and len(group.layers) <= self.left:
            self.left -= len(group.layers)
            self.known[key] = len(self.found)
            cell = self.cell(group)
            parts = {} if cell is None else self.parts[cell]
            self.found.append({"group": group.name, "layers": [self._layer(*pair, parts) for pair in group.layers]})
        return self.known.get(key)

    def _signature(self, group: Group) -> str:
        place = {node.name: i for i, (node, _) in enumerate(group.layers)}
        return repr((self.cell(group), [
            (node.op, node.label, sorted(node.settings.items()), row.shape, row.parameters,
             [place.get(name, self.shapes[name]) for name in node.inputs]) for node, row in group.layers]))

    def _layer(self, node: Node, row: Row, parts: Mapping[str, str]) -> dict[str, Any]:
        return {"name": node.name, "op": node.op, "label": node.label or node.op, "settings": dict(node.settings),
                "inputs": list(node.inputs), "takes": [list(self.shapes[name]) for name in node.inputs],
                "gives": list(row.shape), "parameters": row.parameters, "flops": 2 * row.macs,
                "part": _part(node.name, parts)}


def _parts(cell: Graph) -> dict[str, str]:
    """What layers may be called after, and the node that is meant: "normal_block_1" also as "block_1"."""
    short = {f"_{node.name.removeprefix(f'{node.group}_')}_": node.name for node in cell}
    return short | {f"_{node.name}_": node.name for node in cell}


def _part(name: str, parts: Mapping[str, str]) -> str | None:
    """The node of the cell that a layer belongs to: the first (of several the longest) whose name is in the layer's."""
    told = f"_{name}_"
    found = [(told.find(word), -len(word), node) for word, node in parts.items() if word in told]
    return min(found)[2] if found else None
