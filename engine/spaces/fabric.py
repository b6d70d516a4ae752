"""Convolutional neural fabrics: a trellis of layers and scales that holds many networks (Saxena & Verbeek, NIPS 2016)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from engine.architecture import genotype
from engine.architecture.architecture import Architecture, Proposal
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.layers import Layers
from engine.architecture.relaxed import Path, Relaxed, Strengths, Table
from engine.architecture.trellis import Edge, Place, Trellis
from engine.architecture.trellis_extraction import pruned, shares, strongest
from engine.architecture.trellis_members import Members, Paths, Subgraphs
from engine.errors import fail
from engine.options import choice, flag, integer
from engine.registry import space
from engine.spaces.conditional import Conditional
from engine.spaces.space import Parameter

TABLE = "fabric"                                # of the supernet: each edge is a convolution or none
OPS = {1: ("down", "conv 3×3 / 2"), 0: ("same", "conv 3×3"), -1: ("up", "zeros between, conv 3×3")}    # by scales moved

Arrive = Callable[[Layers, Place, Place, Sequence[Shape]], str]     # writes an edge, names what arrives


@space(title="Convolutional fabric", paper="Saxena & Verbeek, NIPS 2016 (arXiv:1606.02492)",
       summary="Layers times scales: at each step a network may go finer, stay or go coarser; one path, or many at once.",
       offers={"parameters", "finite", "mutate", "graph", "supernet", "trellis"},
       presets={"paper": {"layers": 8, "scales": 6, "channels": 128}, "cpu": {"layers": 4, "scales": 4, "channels": 16}})
@dataclass(frozen=True)
class Fabric(Conditional):
    layers: int = integer(4, low=2, high=16, paper=8, help="Columns of the trellis.")
    scales: int = integer(4, low=1, high=8, paper=6, help="Rows, each half as large as the one above: 4 take 8 × 8 images "
                                                          "down to one pixel, 6 take 32 × 32.")
    channels: int = integer(16, low=2, high=512, paper=128, help="Channels everywhere.")
    sparse: bool = flag(False, paper=False, help="Each channel reads only itself and its two neighbours.")
    members: str = choice("paths", choices=("paths", "subgraphs"), paper="paths",
                          help="An architecture is one path through the trellis, or any set of edges that holds a path.")

    @cached_property
    def trellis(self) -> Trellis:
        return Trellis(self.layers, self.scales)

    @cached_property
    def _members(self) -> Members:
        return Paths(self.trellis) if self.members == "paths" else Subgraphs(self.trellis)

    def parameters(self) -> tuple[Parameter, ...]:
        return self._members.parameters()

    def size(self) -> int:
        return self._members.size()

    def written(self, config: genotype.Config) -> Mapping[str, Any]:
        return {self._members.key: self._members.written(config)}

    def decided(self, given: Any, path: str = "") -> genotype.Config:
        key = self._members.key
        if not isinstance(given, Mapping) or set(given) != {key}:
            raise fail(path, f"must be an object with the one key {key}", self._members.form)
        if not isinstance(given[key], list | tuple):
            raise fail(f"{path}/{key}", "must be a list", self._members.form)
        return self._members.decided(given[key], f"{path}/{key}")

    def sample(self, rng: Random) -> Proposal:
        return Proposal(self.architecture(self._members.draw(rng)))

    def sample_many(self, rng: Random, count: int) -> list[Proposal]:
        return [self.sample(rng) for _ in range(count)]

    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        return self._moved(architecture, range(self._members.moves()))

    def mutate(self, architecture: Architecture, rng: Random) -> Architecture:
        moves = self._members.moves()
        return next(self._moved(architecture, rng.sample(range(moves), moves)), architecture)

    def _moved(self, architecture: Architecture, order: Sequence[int]) -> Iterator[Architecture]:
        """The members that one move makes, moves in this order."""
        config = self.config(architecture)
        found = (self._members.moved(config, move) for move in order)
        return (self.architecture(changed) for changed in found if changed is not None)

    def edges(self, architecture: Architecture) -> tuple[Edge, ...]:
        """Those that the network uses."""
        return self._members.edges(self.config(architecture))

    def cell(self, architecture: Architecture) -> Graph:
        """A node for every convolution that is used, and one for the sum at every place."""
        nodes = [Node("input", "input", label="input", place=(0, 1)), Node("enter", "enter", ("input",), label="conv 3×3")]
        for place, arriving in _arrivals(self.edges(architecture)):
            group, inputs = f"layer {place[0]}", []
            for source in arriving:
                op, label = OPS[place[1] - source[1]]
                inputs.append(_name("edge", *source, *place))
                nodes.append(Node(inputs[-1], op, (_name("place", *source),), label=label, group=group))
            nodes.append(Node(_name("place", *place), "add", tuple(inputs) or ("enter",), label=_spot(place), group=group,
                              place=place))
        return Graph(tuple(nodes), nodes[-1].name)

    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph:
        """At each place the sum of the convolutions that arrive, then one batch norm and ReLU."""
        return self._built(self.edges(architecture), shape, classes, self._edge)

    def supernet(self, shape: Shape, classes: int) -> Relaxed:
        """The whole fabric; on every edge its convolution or nothing. The nodes of an edge are named `edge_L_S_L_S` as in a
        network, `none_L_S_L_S`, and their sum `choice_L_S_L_S`."""
        places = {_name("choice", *source, *target): (TABLE, row) for row, (source, target) in enumerate(self.trellis.edges)}
        names = tuple(f"{_spot(source)} to {_spot(target)}" for source, target in self.trellis.edges)
        graph = self._built(self.trellis.edges, shape, classes, self._choice)
        return Relaxed(graph, {TABLE: Table(names, ("none", "conv"))}, places)

    def path(self, architecture: Architecture) -> Path:
        used = set(self.edges(architecture))
        return {TABLE: tuple((int(edge in used),) for edge in self.trellis.edges)}

    def derived(self, strengths: Strengths) -> Architecture:
        """In a space of paths the strongest; else the edges whose convolution is stronger than nothing, with at least the
        strongest path."""
        best = strongest(self.trellis, self.shares(strengths))[0]
        kept = {edge for edge, row in zip(self.trellis.edges, strengths[TABLE], strict=True) if row[1] > row[0]}
        kept |= set() if self.trellis.connects(kept) else set(best)
        return self._of(best if self.members == "paths" else self.trellis.live(kept))

    def skips(self, architecture: Architecture) -> int:
        """A fabric has none."""
        return 0

    def shares(self, strengths: Strengths) -> dict[Edge, float]:
        """How strong the convolution of each edge is among those that arrive at the same place."""
        return shares(self.trellis, self._by_edge(strengths))

    def strongest(self, strengths: Strengths, count: int) -> list[Architecture]:
        """The paths with the largest products of shares."""
        return [self._of(way) for way in strongest(self.trellis, self.shares(strengths), count)]

    def pruned(self, strengths: Strengths, share: float) -> Architecture:
        """Without the weakest edges, down to this share of them; in a space of paths down to one path."""
        share = 0.0 if self.members == "paths" else share
        return self._of(pruned(self.trellis, self._by_edge(strengths), share))

    def _by_edge(self, strengths: Strengths) -> dict[Edge, float]:
        return {edge: row[1] for edge, row in zip(self.trellis.edges, strengths[TABLE], strict=True)}

    def _of(self, edges: Sequence[Edge]) -> Architecture:
        return self.architecture(self._members.having(edges))

    def _built(self, edges: Sequence[Edge], shape: Shape, classes: int, arrive: Arrive) -> Graph:
        layers, sides, source = Layers(), [shape[1:]], ""
        for _ in range(1, self.scales):
            sides.append(tuple((side + 1) // 2 for side in sides[-1]))
        for place, arriving in _arrivals(edges):
            layers.begin(f"layer {place[0]}")
            found = [arrive(layers, before, place, sides) for before in arriving]
            found = found or [layers.conv("enter", "input", self.channels, 3)]
            source = layers.norm(_name("norm", *place), layers.merge(_name("sum", *place), found))
            source = layers.put(_name("place", *place), "relu", source)
        layers.begin("head")
        layers.linear("classifier", layers.put("pool", "global_avg_pool", source), classes)
        return layers.graph()

    def _choice(self, layers: Layers, source: Place, target: Place, sides: Sequence[Shape]) -> str:
        convolved, ends = self._edge(layers, source, target, sides), (*source, *target)
        raised = target[1] < source[1]
        nothing = layers.put(_name("none", *ends), "zero", f"{_name('edge', *ends)}_zeros" if raised else
                             _name("place", *source), stride=2 if target[1] > source[1] else 1)
        return layers.put(_name("choice", *ends), "add", nothing, convolved, label="sum")

    def _edge(self, layers: Layers, source: Place, target: Place, sides: Sequence[Shape]) -> str:
        name, arriving = _name("edge", *source, *target), _name("place", *source)
        if target[1] < source[1]:
            size = list(sides[target[1] - 1])
            arriving = layers.put(f"{name}_zeros", "zero_upsample", arriving, label="zeros between", size=size)
        stride = 2 if target[1] > source[1] else 1
        if not self.sparse:
            return layers.conv(name, arriving, self.channels, 3, stride)
        label = "banded conv 3×3" + (" / 2" if stride > 1 else "")
        return layers.put(name, "banded_conv", arriving, label=label, kernel=3, stride=stride)


def _spot(place: Place) -> str:
    return f"layer {place[0]}, scale {place[1]}"


def _arrivals(edges: Sequence[Edge]) -> Iterator[tuple[Place, list[Place]]]:
    """The places in use, in an order of computation, each with the places that it reads."""
    sources: dict[Place, list[Place]] = {(1, 1): []}
    for source, target in edges:
        sources.setdefault(target, []).append(source)
    yield from sources.items()


def _name(kind: str, *numbers: int) -> str:
    return "_".join((kind, *map(str, numbers)))
