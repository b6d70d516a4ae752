"""Shapes, parameters and multiply-adds of a network graph, by formula: nothing is built."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.architecture.graph import Graph, Node, Shape
from engine.errors import fail


@dataclass(frozen=True)
class Row:
    """One node: the shape it gives (without the batch) and what it costs."""

    name: str
    op: str
    group: str
    shape: Shape
    parameters: int
    macs: int


@dataclass(frozen=True)
class Cost:
    """The sum over all nodes. Convolutions and linear layers count, as in `torch.utils.flop_counter`."""

    parameters: int
    macs: int
    rows: tuple[Row, ...]

    @property
    def flops(self) -> int:
        return 2 * self.macs


def measure(graph: Graph, shape: Shape) -> Cost:
    """The cost of a network for one image of this shape. Raises Invalid where the shapes cannot be."""
    if len(shape) != 3 or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in shape):
        raise fail("/input", "is not the shape of an image", "channels, height and width, each at least 1")
    shapes: dict[str, Shape] = {}
    rows = []
    for node in graph:
        rule = RULES.get(node.op)
        if rule is None:
            raise _impossible(node, "is not a primitive layer")
        given: list[Shape] = [shapes[name] for name in node.inputs] or [shape]
        shapes[node.name], parameters, macs = rule(node, given)
        rows.append(Row(node.name, node.op, node.group, shapes[node.name], parameters, macs))
    return Cost(sum(row.parameters for row in rows), sum(row.macs for row in rows), tuple(rows))


Priced = tuple[Shape, int, int]                 # shape, parameters, multiply-adds


def _conv(node: Node, given: list[Shape]) -> Priced:
    s = node.settings
    channels, groups, kernel = s["channels"], s.get("groups", 1), _pair(s["kernel"])
    arriving = _image(node, given[0])[0]
    if arriving % groups or channels % groups:
        raise _impossible(node, f"cannot split {arriving} to {channels} channels into {groups} groups")
    size = _window(node, given[0])
    weights = channels * (arriving // groups) * math.prod(kernel)
    return (channels, *size), weights + (channels if s.get("bias", False) else 0), weights * math.prod(size)


def _pool(node: Node, given: list[Shape]) -> Priced:
    return (given[0][0], *_window(node, given[0])), 0, 0


def _batch_norm(node: Node, given: list[Shape]) -> Priced:
    return given[0], 2 * given[0][0] if node.settings.get("affine", True) else 0, 0


def _linear(node: Node, given: list[Shape]) -> Priced:
    if len(given[0]) != 1:
        raise _impossible(node, "needs a flat input")
    weights = given[0][0] * node.settings["units"]
    return (node.settings["units"],), weights + (node.settings["units"] if node.settings.get("bias", True) else 0), weights


def _same(node: Node, given: list[Shape]) -> Priced:
    return given[0], 0, 0


def _flat(node: Node, given: list[Shape]) -> Priced:
    return (math.prod(given[0]),), 0, 0


def _global_avg_pool(node: Node, given: list[Shape]) -> Priced:
    return (_image(node, given[0])[0],), 0, 0


def _zero(node: Node, given: list[Shape]) -> Priced:
    stride = node.settings.get("stride", 1)
    channels, high, wide = _image(node, given[0])
    return (channels, math.ceil(high / stride), math.ceil(wide / stride)), 0, 0


def _add(node: Node, given: list[Shape]) -> Priced:
    if len(set(given)) > 1:
        raise _impossible(node, "adds different shapes: " + ", ".join(_words(s) for s in given))
    return given[0], 0, 0


def _concat(node: Node, given: list[Shape]) -> Priced:
    if len({s[1:] for s in given}) > 1:
        raise _impossible(node, "joins different sizes: " + ", ".join(_words(s) for s in given))
    return (sum(s[0] for s in given), *given[0][1:]), 0, 0


RULES: Mapping[str, Callable[[Node, list[Shape]], Priced]] = {
    "input": _same, "conv": _conv, "batch_norm": _batch_norm, "relu": _same, "max_pool": _pool, "avg_pool": _pool,
    "global_avg_pool": _global_avg_pool, "flatten": _flat, "linear": _linear, "dropout": _same, "add": _add,
    "concat": _concat, "identity": _same, "zero": _zero}


def _window(node: Node, shape: Shape) -> tuple[int, int]:
    """Height and width after sliding a padded window over an image."""
    stride, dilation = node.settings.get("stride", 1), node.settings.get("dilation", 1)
    kernel, (_, height, width) = _pair(node.settings["kernel"]), _image(node, shape)
    high, wide = _slide(height, kernel[0], stride, dilation), _slide(width, kernel[1], stride, dilation)
    if min(high, wide) < 1:
        raise _impossible(node, f"leaves nothing of {_words(shape)}")
    return high, wide


def _slide(size: int, kernel: int, stride: int, dilation: int) -> int:
    reach = dilation * (kernel - 1)
    return int((size + 2 * (reach // 2) - reach - 1) // stride + 1)


def _image(node: Node, shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise _impossible(node, f"needs an image, got {_words(shape)}")
    return shape[0], shape[1], shape[2]


def _pair(kernel: Any) -> tuple[int, int]:
    return (kernel, kernel) if isinstance(kernel, int) else (kernel[0], kernel[1])


def _words(shape: Shape) -> str:
    return "×".join(map(str, shape))


def _impossible(node: Node, reason: str) -> Exception:
    return fail(f"/network/{node.name}", f"{node.label or node.op}: {reason}", "a network whose shapes fit")
