"""What a page needs to draw an architecture: the cell, the macro strip and a description in words."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from engine.architecture.architecture import Architecture
from engine.architecture.canonical import MERGES, NOTHING
from engine.architecture.cost import measure
from engine.architecture.graph import Graph, Node, Shape
from engine.spaces.space import Space


def draw(space: Space, architecture: Architecture, shape: Shape, classes: int) -> dict[str, Any]:
    """Plain data for the browser; positions are found there."""
    return {"cell": space.cell(architecture).document(), "macro": macro(space.network(architecture, shape, classes), shape),
            "words": describe(space, architecture)}


def macro(network: Graph, shape: Shape) -> list[dict[str, Any]]:
    """The strip: consecutive layers of one group as one box, with the shape it gives and what it costs."""
    strip = []
    for group, found in groupby(measure(network, shape).rows, key=lambda row: row.group):
        rows = list(found)
        macs = sum(row.macs for row in rows)
        strip.append({"group": group, "shape": list(rows[-1].shape), "layers": len(rows),
                      "parameters": sum(row.parameters for row in rows), "macs": macs, "flops": 2 * macs})
    return strip


def describe(space: Space, architecture: Architecture) -> str:
    """The cell for people who do not see the picture, in the order of computation."""
    cell = space.cell(architecture)
    if all(len(node.inputs) < 2 for node in cell):
        return "In this order: " + "; ".join(_words(node) for node in cell) + "."
    sentences = []
    for node in cell:
        if node.op in MERGES:
            heard = [_operand(cell, name) for name in node.inputs if cell[name].op not in NOTHING]
            verb = "adds" if node.op == "add" else "joins"
            sentences.append(f"{_words(node).capitalize()} {verb} {_listed(heard) if heard else 'nothing'}.")
    return " ".join(sentences)


def _operand(cell: Graph, name: str) -> str:
    """An operation in a merge: "conv 3×3 of sum 1"."""
    node = cell[name]
    if node.op in MERGES or not node.inputs:
        return _words(node)
    return f"{_words(node)} of " + _listed([_operand(cell, source) for source in node.inputs])


def _words(node: Node) -> str:
    return node.label or node.op.replace("_", " ")


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
