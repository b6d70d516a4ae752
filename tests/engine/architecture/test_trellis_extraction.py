"""Strongest paths against all paths; what pruning leaves."""

from __future__ import annotations

import math
from random import Random

import pytest

from engine.architecture.trellis import Edge, Place, Trellis
from engine.architecture.trellis_extraction import pruned, shares, strongest

SIZES = pytest.mark.parametrize(("layers", "scales"), [(2, 1), (2, 3), (3, 3), (4, 3), (4, 4)])


def walk(trellis: Trellis, place: Place, done: tuple[Edge, ...] = ()) -> list[tuple[Edge, ...]]:
    """Every path, one step after another."""
    if place == trellis.ends[1]:
        return [done]
    return [way for edge in trellis.edges if edge[0] == place for way in walk(trellis, edge[1], (*done, edge))]


def strengths(trellis: Trellis, seed: int) -> dict[Edge, float]:
    rng = Random(seed)
    return {edge: rng.random() for edge in trellis.edges}


@SIZES
@pytest.mark.parametrize("seed", range(4))
def test_the_strongest_paths_are_those_that_trying_all_of_them_finds(layers: int, scales: int, seed: int) -> None:
    trellis = Trellis(layers, scales)
    weights = shares(trellis, strengths(trellis, seed))
    every = sorted(walk(trellis, (1, 1)), key=lambda way: -math.prod(weights[edge] for edge in way))
    for count in (1, 2, 5, 1000):
        assert strongest(trellis, weights, count) == every[:count]


@SIZES
def test_shares_of_a_place_add_up_to_one_and_do_not_see_its_scale(layers: int, scales: int) -> None:
    trellis = Trellis(layers, scales)
    given = strengths(trellis, 7)
    found = shares(trellis, given)
    for place in trellis.places[1:]:
        assert sum(share for edge, share in found.items() if edge[1] == place) == pytest.approx(1.0)
    louder = {edge: value * (100.0 if edge[1] == trellis.ends[1] else 1.0) for edge, value in given.items()}
    assert shares(trellis, louder) == pytest.approx(found)


def test_shares_of_all_paths_are_a_distribution() -> None:
    """Going back from the output, each edge by its share, ends on each path with its product."""
    trellis = Trellis(4, 3)
    found = shares(trellis, strengths(trellis, 8))
    assert sum(math.prod(found[edge] for edge in way) for way in walk(trellis, (1, 1))) == pytest.approx(1.0)


def test_edges_without_strength_are_taken_where_there_is_nothing_else() -> None:
    trellis = Trellis(3, 2)
    nothing = dict.fromkeys(trellis.edges, 0.0)
    [way] = strongest(trellis, shares(trellis, nothing))
    assert way in walk(trellis, (1, 1))
    wanted = walk(trellis, (1, 1))[-1]
    hard = {edge: float(edge in wanted) for edge in trellis.edges}
    assert strongest(trellis, shares(trellis, hard)) == [wanted] and pruned(trellis, hard, 0.0) == wanted


@SIZES
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.8, 1.0])
def test_pruning_keeps_a_path_and_nothing_that_lies_on_none(layers: int, scales: int, share: float) -> None:
    trellis = Trellis(layers, scales)
    for seed in range(10):
        left = pruned(trellis, strengths(trellis, seed), share)
        assert trellis.connects(left) and trellis.live(left) == left
        assert len(left) <= max(share * len(trellis.edges), layers + scales * 2)
        assert share < 1.0 or left == trellis.edges


@pytest.mark.parametrize("seed", range(8))
def test_pruned_to_the_end_the_path_with_the_strongest_weakest_edge_is_left(seed: int) -> None:
    trellis = Trellis(4, 3)
    given, ways = strengths(trellis, seed), walk(trellis, (1, 1))
    left = pruned(trellis, given, 0.0)
    assert left in [tuple(sorted(way, key=trellis.edges.index)) for way in ways]
    assert min(given[edge] for edge in left) == max(min(given[edge] for edge in way) for way in ways)


def test_less_is_kept_of_what_more_keeps() -> None:
    trellis = Trellis(5, 4)
    given = strengths(trellis, 3)
    sets = [set(pruned(trellis, given, share)) for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    assert all(fewer <= more for fewer, more in zip(sets, sets[1:], strict=False))
