"""Networks whose distances are known: chains of convolutions, pooling and fully connected layers, and random graphs."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from engine.architecture.graph import Graph, Node

Row = tuple[str, int, int]                      # op, channels (0: none), kernel (0: none)
POOL: Row = ("max_pool", 0, 0)


def chain(rows: Sequence[Row]) -> Graph:
    """One layer after another, then a decision layer."""
    nodes = [Node("input", "input")]
    for at, (op, channels, kernel) in enumerate(rows):
        settings = {**({"channels": channels} if channels else {}), **({"kernel": kernel} if kernel else {})}
        nodes.append(Node(f"layer_{at}", op, (nodes[-1].name,), settings))
    nodes.append(Node("decision", "softmax", (nodes[-1].name,)))
    return Graph((*nodes, Node("output", "output", ("decision",))), "output")


def conv(channels: int, kernel: int = 3, op: str = "conv") -> Row:
    return op, channels, kernel


def vgg(layers: int) -> Graph:
    """Two blocks of two, then three blocks of `layers` convolutions, each followed by pooling; three fully connected."""
    rows = [conv(64), conv(64), POOL, conv(128), conv(128), POOL]
    for channels in (128, 256, 512):
        rows += [conv(channels)] * layers + [POOL]
    return chain(rows + [("linear", units, 0) for units in (128, 256, 512)])


def blocked(blocks: int, layers: int, op: str = "conv") -> Graph:
    """A 7x7 convolution and pooling, blocks twice as wide each, and one fully connected layer twice as wide as the last."""
    widths = [64 * 2**block for block in range(blocks)]
    rows = [conv(64, 7), POOL, *(conv(width, 3, op) for width in widths for _ in range(layers)), ("avg_pool", 0, 0)]
    return chain([*rows, ("linear", 2 * widths[-1], 0)])


def scrambled(seed: int, layers: int = 8) -> Graph:
    """A random graph whose layers read any earlier ones."""
    rng = Random(seed)
    nodes = [Node("input", "input")]
    for at in range(layers):
        op = rng.choice(("conv", "residual_conv", "separable_conv", "max_pool", "avg_pool"))
        settings = {"kernel": rng.choice((3, 5, 7))}
        if "conv" in op:
            settings |= {"channels": rng.choice((8, 16, 32)), "stride": rng.choice((1, 2))}
        sources = rng.sample([node.name for node in nodes], rng.randint(1, min(2, len(nodes))))
        nodes.append(Node(f"layer_{at}", op, tuple(sources), settings))
    read = {name for node in nodes for name in node.inputs}
    loose = tuple(node.name for node in nodes if node.name not in read)
    nodes += [Node("join", "concat", loose), Node("hidden", "linear", ("join",), {"units": 64})]
    return Graph((*nodes, Node("decision", "softmax", ("hidden",)), Node("output", "output", ("decision",))), "output")
