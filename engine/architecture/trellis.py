"""The trellis of a convolutional fabric: its places and edges, and which of them lead from the input to the output.

A place is (layer, scale); scale 1 is the finest. The input enters at (1, 1), the output is read at (layers, scales).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

Place = tuple[int, int]
Edge = tuple[Place, Place]


@dataclass(frozen=True)
class Trellis:
    layers: int
    scales: int

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """In an order of computation: layer after layer, from fine to coarse."""
        return tuple((layer, scale) for layer in range(1, self.layers + 1) for scale in range(1, self.scales + 1))

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """By target: from the three nearest scales of the layer before; in the first and the last layer down the scales."""
        return tuple((source, target) for target in self.places for source in self._sources(*target))

    def _sources(self, layer: int, scale: int) -> list[Place]:
        down = [(layer, scale - 1)] if layer in (1, self.layers) and scale > 1 else []
        near = [(layer - 1, s) for s in (scale - 1, scale, scale + 1) if 1 <= s <= self.scales]
        return down + (near if layer > 1 else [])

    @property
    def ends(self) -> tuple[Place, Place]:
        return self.places[0], self.places[-1]

    def live(self, edges: Collection[Edge]) -> tuple[Edge, ...]:
        """Those on a way from the input to the output; none if there is no way."""
        start, end = self.ends
        given = set(edges)
        fed, heard = {start}, {end}
        for source, target in self.edges:
            fed |= {target} if (source, target) in given and source in fed else set()
        for source, target in reversed(self.edges):
            heard |= {source} if (source, target) in given and target in heard else set()
        return tuple(e for e in self.edges if e in given and e[0] in fed and e[1] in heard)

    def connects(self, edges: Collection[Edge]) -> bool:
        return bool(self.live(edges))

    def nearest_way(self, edges: Collection[Edge]) -> tuple[Edge, ...]:
        """The path that lacks the fewest edges; of equals the one that keeps fine the longest."""
        given, (start, end) = set(edges), self.ends
        best: dict[Place, tuple[int, tuple[Edge, ...]]] = {start: (0, ())}
        for edge in self.edges:
            lacking, way = best[edge[0]]
            found = (lacking + (edge not in given), (*way, edge))
            if edge[1] not in best or found[0] < best[edge[1]][0]:
                best[edge[1]] = found
        return best[end][1]

    def path(self, scales: Sequence[int]) -> tuple[Edge, ...]:
        """The edges of the path that leaves the first layer at the first of these scales, goes through one place of each
        further layer, and in the last layer on to the coarsest."""
        first = [(1, s) for s in range(1, scales[0] + 1)]
        last = [(self.layers, s) for s in range(scales[-1], self.scales + 1)]
        between = [(layer, scale) for layer, scale in enumerate(scales[1:-1], 2)]
        return tuple(pairwise([*first, *between, *last]))

    @cached_property
    def completions(self) -> tuple[tuple[int, ...], ...]:
        """For each layer and scale: in how many ways a path goes on from there."""
        rows = [(1,) * self.scales]
        for _ in range(self.layers - 1):
            after = (0, *rows[0], 0)
            rows.insert(0, tuple(sum(after[s:s + 3]) for s in range(self.scales)))
        return tuple(rows)

    def count_paths(self) -> int:
        """Exactly, by dynamic programming over the edges."""
        ways = defaultdict(int, {self.ends[0]: 1})
        for source, target in self.edges:
            ways[target] += ways[source]
        return ways[self.ends[1]]

    def count_subgraphs(self) -> int:
        """The sets of edges with at least one path, exactly: place after place, by which earlier places are fed."""
        start, end = self.ends
        needed = dict(self.edges)                                               # who reads a place last
        states: dict[frozenset[Place], int] = {frozenset({start}): 1}
        for place in self.places[1:]:
            sources = self._sources(*place)
            after: dict[frozenset[Place], int] = defaultdict(int)
            for fed, count in states.items():
                open_ = 2 ** sum(source not in fed for source in sources)       # choices that change nothing
                kept = frozenset(p for p in fed if needed[p] > place)
                after[kept] += count * open_
                if any(source in fed for source in sources):
                    after[kept | {place}] += count * (2 ** len(sources) - open_)
            states = after
        return sum(count for fed, count in states.items() if end in fed)
