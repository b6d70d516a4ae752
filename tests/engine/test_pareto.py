"""Pareto fronts against brute force."""

from __future__ import annotations

import itertools
import math
from random import Random

import pytest

from engine.pareto import Front, Point, crowding, dominates, hypervolume, layers


def cloud(seed: int, count: int, axes: int, grid: int = 6) -> list[Point]:
    """Whole numbers on a small grid: many ties and many equal points."""
    rng = Random(seed)
    return [tuple(float(rng.randrange(grid)) for _ in range(axes)) for _ in range(count)]


def counted(points: list[Point], reference: Point) -> float:
    """The hypervolume of points on whole numbers: unit boxes that some point dominates."""
    boxes = itertools.product(*(range(int(r)) for r in reference))
    return float(sum(any(all(v <= b for v, b in zip(p, box, strict=True)) for p in points) for box in boxes))


def by_inclusion_and_exclusion(points: list[Point], reference: Point) -> float:
    total = 0.0
    for size in range(1, len(points) + 1):
        for some in itertools.combinations(points, size):
            sides = [max(0.0, r - max(v)) for r, v in zip(reference, zip(*some, strict=True), strict=True)]
            total += (-1) ** (size + 1) * math.prod(sides)
    return total


def test_dominance_is_strict() -> None:
    assert dominates((1, 2), (1, 3)) and not dominates((1, 2), (1, 2)) and not dominates((1, 3), (2, 2))


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("seed", range(10))
def test_layers_peel_off_what_nobody_dominates(seed: int, axes: int) -> None:
    points = cloud(seed, 40, axes)
    left = set(range(len(points)))
    for layer in layers(points):
        free = {i for i in left if not any(dominates(points[j], points[i]) for j in left)}
        assert set(layer) == free and layer == sorted(layer)
        left -= free
    assert not left


def test_no_points_no_layers() -> None:
    assert layers([]) == [] and crowding([]) == []


def test_crowding_by_hand() -> None:
    """Ends are infinite; the middle sees its neighbours' distance in each objective: (4-0)/4 + (8-0)/8, (10-1) ... ."""
    assert crowding([(0.0, 8.0), (1.0, 2.0), (4.0, 0.0)]) == [math.inf, 2.0, math.inf]
    four = crowding([(0.0, 10.0), (2.0, 5.0), (5.0, 2.0), (10.0, 0.0)])
    assert four == [math.inf, pytest.approx(0.5 + 0.8), pytest.approx(0.8 + 0.5), math.inf]


def test_crowding_without_width_or_with_something_unmeasured_is_finite_inside() -> None:
    assert crowding([(1.0, math.inf), (2.0, math.inf), (3.0, math.inf)]) == [math.inf, 1.0, math.inf]
    assert crowding([(1.0, 1.0), (1.0, 1.0), (1.0, 1.0)])[1] == 0.0
    assert not any(math.isnan(room) for room in crowding([(1.0, 2.0), (2.0, math.inf), (0.0, 1.0), (3.0, 0.0)]))


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("seed", range(10))
def test_the_front_kept_as_points_come_is_the_first_layer(seed: int, axes: int) -> None:
    points = cloud(seed, 60, axes)
    front = Front()
    for end, point in enumerate(points):
        joined = front.add(end, point)
        so_far = points[:end + 1]
        assert set(front.points.values()) == {p for p in so_far if not any(dominates(q, p) for q in so_far)}
        assert joined == (end in front.points)
    assert all(points.index(point) == name for name, point in front.points.items())


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("seed", range(40))
def test_hypervolume_counts_the_boxes(seed: int, axes: int) -> None:
    points = cloud(seed, 1 + seed % 12, axes)
    assert hypervolume(points, (5.0,) * axes) == counted(points, (5.0,) * axes)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("seed", range(20))
def test_hypervolume_of_reals_by_inclusion_and_exclusion(seed: int, axes: int) -> None:
    rng = Random(seed)
    points = [tuple(rng.random() for _ in range(axes)) for _ in range(9)]
    reference = tuple(rng.uniform(0.7, 1.2) for _ in range(axes))
    assert hypervolume(points, reference) == pytest.approx(by_inclusion_and_exclusion(points, reference), abs=1e-12)


@pytest.mark.parametrize("axes", [2, 3])
def test_hypervolume_never_shrinks_and_the_dominated_add_nothing(axes: int) -> None:
    rng, front, before = Random(5), Front(), 0.0
    for name in range(200):
        joined = front.add(name, (rng.random() for _ in range(axes)))
        now = hypervolume(front.points.values(), (1.0,) * axes)
        assert now > before if joined else now == before
        before = now


def test_points_beyond_the_reference_or_unmeasured_do_not_count() -> None:
    assert hypervolume([(2.0, 0.0), (0.0, math.inf), (1.0, 0.5)], (1.0, 1.0)) == 0.0
    assert hypervolume([], (1.0, 1.0, 1.0)) == 0.0


def test_more_than_three_objectives_are_refused() -> None:
    with pytest.raises(ValueError, match="4 objectives"):
        hypervolume([], (1.0,) * 4)
