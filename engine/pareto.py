"""Pareto fronts: dominance, layers, crowding (Deb et al. 2002) and exact hypervolume. All values are minimised."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

Point = tuple[float, ...]


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Nowhere worse and somewhere better."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and any(a < b for a, b in zip(one, other, strict=True))


def layers(points: Sequence[Sequence[float]]) -> list[list[int]]:
    """The fast non-dominated sort: places of what nobody dominates, then of what only those dominate, and so on."""
    below: list[list[int]] = [[] for _ in points]
    above = [0] * len(points)
    for i, one in enumerate(points):
        for j in range(i + 1, len(points)):
            if dominates(one, points[j]):
                below[i].append(j)
                above[j] += 1
            elif dominates(points[j], one):
                below[j].append(i)
                above[i] += 1
    found: list[list[int]] = []
    layer = [i for i, count in enumerate(above) if count == 0]
    while layer:
        found.append(layer)
        following = []
        for i in layer:
            for j in below[i]:
                above[j] -= 1
                if above[j] == 0:
                    following.append(j)
        layer = sorted(following)
    return found


def crowding(points: Sequence[Sequence[float]]) -> list[float]:
    """How far apart each point's neighbours are, summed over the objectives in shares of their range; the ends: infinite."""
    room = [0.0] * len(points)
    for axis in range(len(points[0]) if points else 0):
        order = sorted(range(len(points)), key=lambda i: points[i][axis])
        low, high = points[order[0]][axis], points[order[-1]][axis]
        room[order[0]] = room[order[-1]] = math.inf
        width = high - low
        if not 0 < width < math.inf:                # nothing to tell apart, or not measured somewhere
            continue
        for before, at, after in zip(order, order[1:], order[2:], strict=False):
            room[at] += (points[after][axis] - points[before][axis]) / width
    return room


class Front:
    """The non-dominated points of all that were added, kept as they come. Of equal points the first stays."""

    def __init__(self) -> None:
        self.points: dict[int, Point] = {}

    def add(self, name: int, values: Iterable[float]) -> bool:
        """Whether the point belongs to the front; those it dominates leave."""
        point = tuple(values)
        for other in self.points.values():
            if other == point or dominates(other, point):
                return False
        self.points = {n: other for n, other in self.points.items() if not dominates(point, other)}
        self.points[name] = point
        return True


def hypervolume(points: Iterable[Sequence[float]], reference: Sequence[float]) -> float:
    """The exact volume of what the points dominate up to the reference, for up to three objectives."""
    inside = [tuple(p) for p in points if all(v < r for v, r in zip(p, reference, strict=True))]
    if len(reference) == 1:
        return reference[0] - min((p[0] for p in inside), default=reference[0])
    if len(reference) == 2:
        return _area([(p[0], p[1]) for p in inside], (reference[0], reference[1]))
    if len(reference) == 3:
        return _volume([(p[0], p[1], p[2]) for p in inside], (reference[0], reference[1], reference[2]))
    raise ValueError(f"no exact hypervolume of {len(reference)} objectives here")


def _area(points: list[tuple[float, float]], reference: tuple[float, float]) -> float:
    area, floor = 0.0, reference[1]
    for x, y in sorted(points):
        if y < floor:
            area += (reference[0] - x) * (floor - y)
            floor = y
    return area


def _volume(points: list[tuple[float, float, float]], reference: tuple[float, float, float]) -> float:
    """A sweep along the third objective over a staircase of the other two, whose area grows with every point."""
    points.sort(key=lambda p: p[2])
    stairs: list[tuple[float, float]] = []              # x ascending, y descending
    volume, area = 0.0, 0.0
    for at, (x, y, z) in enumerate(points):
        after = points[at + 1][2] if at + 1 < len(points) else reference[2]
        area += _step(stairs, x, y, reference)
        volume += area * (after - z)
    return volume


def _step(stairs: list[tuple[float, float]], x: float, y: float, reference: tuple[float, float, float]) -> float:
    """Put a point into the staircase; what its area gains."""
    at = bisect_right(stairs, (x, y))
    if at and stairs[at - 1][1] <= y:
        return 0.0
    first = bisect_left(stairs, (x, -math.inf))
    last = first
    gained, left, ceiling = 0.0, x, stairs[first - 1][1] if first else reference[1]
    while last < len(stairs) and stairs[last][1] >= y:
        gained += (stairs[last][0] - left) * (ceiling - y)
        left, ceiling = stairs[last]
        last += 1
    right = stairs[last][0] if last < len(stairs) else reference[0]
    stairs[first:last] = [(x, y)]
    return gained + (right - left) * (ceiling - y)
