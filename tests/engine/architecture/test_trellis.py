"""The trellis: its edges, its paths and its sets of edges, counted in two ways."""

from __future__ import annotations

from itertools import combinations, product
from random import Random

import pytest

from engine.architecture.trellis import Edge, Place, Trellis

PATHS = {3: (7, 17, 41, 239, 1_393, 3_363, 1_607_521), 4: (10, 26, 68, 466, 3_194, 8_362, 7_049_156),
         5: (13, 35, 95, 707, 5_275, 14_411, 16_372_139), 6: (16, 44, 122, 950, 7_442, 20_844, 28_249_720)}
LAYERS = (2, 3, 4, 6, 8, 9, 16)


def walk(trellis: Trellis, place: Place, done: tuple[Edge, ...] = ()) -> list[tuple[Edge, ...]]:
    """Every path, one step after another."""
    if place == trellis.ends[1]:
        return [done]
    return [way for edge in trellis.edges if edge[0] == place for way in walk(trellis, edge[1], (*done, edge))]


@pytest.mark.parametrize("scales", PATHS)
def test_the_paths_are_as_many_as_published(scales: int) -> None:
    for layers, count in zip(LAYERS, PATHS[scales], strict=True):
        trellis = Trellis(layers, scales)
        assert trellis.count_paths() == sum(trellis.completions[0]) == count
        if count < 500:
            assert len(set(walk(trellis, (1, 1)))) == count


def test_a_path_is_the_scales_of_its_layers() -> None:
    trellis = Trellis(4, 3)
    smooth = [p for p in product((1, 2, 3), repeat=4) if all(abs(a - b) <= 1 for a, b in zip(p, p[1:], strict=False))]
    assert {trellis.path(scales) for scales in smooth} == set(walk(trellis, (1, 1)))
    assert len(smooth) == trellis.count_paths()


@pytest.mark.parametrize(("layers", "scales", "count"), [(9, 6, 139), (8, 6, 123), (2, 1, 2), (2, 2, 7)])
def test_edges_and_the_one_that_enters(layers: int, scales: int, count: int) -> None:
    edges = Trellis(layers, scales).edges
    assert len(set(edges)) + 1 == len(edges) + 1 == count


def test_edges_stand_in_an_order_of_computation() -> None:
    trellis = Trellis(3, 3)
    order = [trellis.places.index(target) for _, target in trellis.edges]
    assert order == sorted(order) and all(source < target for source, target in trellis.edges)
    assert ((1, 1), (1, 2)) in trellis.edges and ((3, 2), (3, 3)) in trellis.edges
    assert ((2, 1), (2, 2)) not in trellis.edges and ((1, 1), (2, 3)) not in trellis.edges


@pytest.mark.parametrize(("layers", "scales"), [(2, 1), (5, 1), (2, 2), (3, 2), (2, 3), (4, 2)])
def test_sets_of_edges_with_a_path_are_counted_exactly(layers: int, scales: int) -> None:
    trellis = Trellis(layers, scales)
    every = (chosen for size in range(len(trellis.edges) + 1) for chosen in combinations(trellis.edges, size))
    assert sum(map(trellis.connects, every)) == trellis.count_subgraphs()


def test_what_is_live_lies_on_a_path() -> None:
    trellis, rng = Trellis(3, 3), Random(0)
    ways = walk(trellis, (1, 1))
    for _ in range(200):
        chosen = [edge for edge in trellis.edges if rng.random() < 0.6]
        whole = [way for way in ways if set(way) <= set(chosen)]
        assert set(trellis.live(chosen)) == {edge for way in whole for edge in way}
        assert trellis.connects(chosen) == bool(whole)


def test_the_nearest_way_lacks_the_fewest_edges() -> None:
    trellis, rng = Trellis(3, 3), Random(1)
    ways = walk(trellis, (1, 1))
    for _ in range(100):
        chosen = {edge for edge in trellis.edges if rng.random() < 0.3}
        nearest = trellis.nearest_way(chosen)
        assert nearest in ways and len(set(nearest) - chosen) == min(len(set(way) - chosen) for way in ways)


def test_a_huge_trellis_is_counted_at_once() -> None:
    assert Trellis(16, 8).count_subgraphs() > 10**100
    assert 2**122 > Trellis(8, 6).count_subgraphs() > 2**120
