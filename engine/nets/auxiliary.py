"""A skip beside every mixture, outside the softmax (Chu et al., ICLR 2021): gradients pass without help of the alphas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from engine.architecture.cell_ops import Place, factorised_reduction
from engine.architecture.cost import measure
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.layers import Layers
from engine.architecture.relaxed import Path, Relaxed
from engine.nets.alphas import Alphas
from engine.nets.mixture import Learning, Mixture
from engine.nets.sampler import Step
from engine.nets.supernet import Choice, Supernet
from engine.phases import Site

AUXILIARY = "auxiliary"


def with_skips(relaxed: Relaxed, shape: Shape) -> Relaxed:
    """Every mixture gets a last input that no table knows: its edge's source, made smaller where the edge has stride 2."""
    shapes = {row.name: row.shape for row in measure(relaxed.graph, shape).rows}
    known = {node.name: node for node in relaxed.graph}
    nodes: list[Node] = []
    for node in relaxed.graph:
        if node.name in relaxed.places:
            skip = _skip(node, source_of(node, known), shapes)
            nodes += skip
            node = node._replace(inputs=(*node.inputs, skip[-1].name))
        nodes.append(node)
    return replace(relaxed, graph=Graph(tuple(nodes), relaxed.graph.output))


def source_of(edge: Node, known: dict[str, Node]) -> str:
    """The value that all operations of an edge read: what lies before the nodes that carry the edge's name."""
    open_, found = list(edge.inputs), set()
    while open_:
        name = open_.pop()
        if name.startswith(f"{edge.name}_"):
            open_ += known[name].inputs
        else:
            found.add(name)
    if len(found) != 1:
        raise ValueError(f"{edge.name} has no single source")
    return found.pop()


def lightened(choice: Choice, beta: float, width: Mapping[str, int]) -> Choice:
    """The choice with a skip of weight `beta` on each edge; with none it stays as it is."""
    if beta == 0 or choice.weights is None:
        return choice
    path: Path = {name: tuple((*row, width[name]) for row in rows) for name, rows in choice.path.items()}
    return Choice(path, {name: _widened(table, beta) for name, table in choice.weights.items()})


def beside(site: Site, learning: Learning, beta: Callable[[float], float]) -> Mixture:
    """A mixture with skips of weight `beta(progress)`. All weights but theirs begin as they do without skips."""
    relaxed = site.space.supernet(site.shape, site.classes)
    plain = Supernet(relaxed, site.shape)
    everything, width = relaxed.everything, {name: len(table.ops) for name, table in relaxed.tables.items()}

    def weigh(alphas: Alphas, step: Step) -> Choice:
        return lightened(Choice(everything, alphas.probabilities()), beta(step.progress), width)

    mixture = Mixture(site, learning, weigh=weigh, relaxed=with_skips(relaxed, site.shape))
    mixture.supernet.load_state_dict(plain.state_dict(), strict=False)
    return mixture


def _widened(table: Tensor, beta: float) -> Tensor:
    return torch.cat([table, table.new_full((len(table), 1), beta)], dim=1)


def _skip(edge: Node, source: str, shapes: dict[str, Shape]) -> list[Node]:
    name, before, after = f"{edge.name}_{AUXILIARY}", shapes[source], shapes[edge.name]
    if before == after:
        return [Node(name, "identity", (source,), label="auxiliary skip", group=edge.group)]
    layers = Layers()
    layers.begin(edge.group)
    factorised_reduction(Place(layers, name, source, before[0], after[0], 2, affine=False))
    return list(layers.graph())[1:]
