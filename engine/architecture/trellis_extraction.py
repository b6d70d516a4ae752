"""What to keep of a trained fabric: the strongest paths by dynamic programming, or what is left when weak edges go."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

from engine.architecture.trellis import Edge, Place, Trellis

Way = tuple[Edge, ...]
LEAST = 1e-12                                   # what an edge without any strength counts as in a product


def shares(trellis: Trellis, strengths: Mapping[Edge, float]) -> dict[Edge, float]:
    """Each edge's part of what arrives at its place. A batch norm follows the sum there, so the scale of all that arrives
    says nothing, and longer paths are not favoured by it."""
    arriving: dict[Place, float] = defaultdict(float)
    for edge in trellis.edges:
        arriving[edge[1]] += strengths[edge]
    return {edge: strengths[edge] / arriving[edge[1]] if arriving[edge[1]] > 0 else 0.0 for edge in trellis.edges}


def strongest(trellis: Trellis, weights: Mapping[Edge, float], count: int = 1) -> list[Way]:
    """The paths with the largest products of weights, best first: those with the smallest sums of -log, place by place."""
    start, end = trellis.ends
    best: dict[Place, list[tuple[float, Way]]] = {start: [(0.0, ())]}
    for edge in trellis.edges:
        cost = -math.log(max(weights[edge], LEAST))
        found = [(before + cost, (*way, edge)) for before, way in best[edge[0]]]
        best[edge[1]] = sorted([*best.get(edge[1], []), *found], key=lambda row: row[0])[:count]
    return [way for _, way in best[end]]


def pruned(trellis: Trellis, strengths: Mapping[Edge, float], share: float) -> Way:
    """The edges that are left when the weakest are deleted one after another, each only if a path stays, until no more
    than this share of all is left. What lies on no path any more goes with them. A share of 0 leaves one path."""
    kept = set(trellis.edges)
    for edge in sorted(trellis.edges, key=strengths.__getitem__):
        if len(kept) <= share * len(trellis.edges):
            break
        kept = set(trellis.live(kept - {edge})) or kept
    return trellis.live(kept)
