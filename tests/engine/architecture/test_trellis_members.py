"""Members of a fabric: even draws, moves that stay inside, mending, and faults with their place."""

from __future__ import annotations

from collections import Counter
from itertools import product
from random import Random
from typing import Any

import pytest

from engine.architecture.trellis import Trellis
from engine.architecture.trellis_members import Members, Paths, Subgraphs
from engine.errors import Invalid

SMALL = Trellis(3, 3)
BOTH = pytest.mark.parametrize("members", [Paths(SMALL), Subgraphs(SMALL)], ids=["paths", "subgraphs"])
EVERY_PATH = [list(p) for p in product((1, 2, 3), repeat=3) if abs(p[0] - p[1]) <= 1 and abs(p[1] - p[2]) <= 1]


@BOTH
def test_members_are_written_and_read(members: Members) -> None:
    rng = Random(0)
    for _ in range(100):
        config = members.draw(rng)
        assert list(config) == [p.name for p in members.parameters()]
        assert members.decided(members.written(config), "") == config and members.edges(config)


def spread(members: Members, draws: int) -> tuple[int, float]:
    """How many members were seen, and chi-square against an even law."""
    rng = Random(1)
    seen = Counter(str(members.written(members.draw(rng))) for _ in range(draws))
    expected = draws / members.size()
    return len(seen), sum((n - expected) ** 2 / expected for n in seen.values())


def test_every_path_is_equally_likely() -> None:
    assert Paths(SMALL).size() == len(EVERY_PATH) == 17
    seen, chi_square = spread(Paths(SMALL), 5_000)
    assert seen == 17 and chi_square < 39.3                                 # 99.9 % for 16 degrees of freedom


def test_every_set_of_edges_with_a_path_is_equally_likely() -> None:
    seen, chi_square = spread(Subgraphs(Trellis(2, 2)), 10_000)
    assert seen == 47 and chi_square < 81.4                                 # 99.9 % for 46 degrees of freedom


@BOTH
def test_moves_change_one_decision_and_reach_everything(members: Members) -> None:
    rng = Random(2)
    for _ in range(20):
        config = members.draw(rng)
        around = [members.moved(config, move) for move in range(members.moves())]
        for near in filter(None, around):
            assert sum(near[name] != config[name] for name in config) == 1
            assert members.decided(members.written(near), "") == near       # a member, not mended


def test_moves_connect_all_paths() -> None:
    members = Paths(SMALL)
    seen, open_ = set(), [members.draw(Random(3))]
    while open_:
        config = open_.pop()
        if str(config) not in seen:
            seen.add(str(config))
            open_ += [near for move in range(members.moves()) if (near := members.moved(config, move))]
    assert len(seen) == len(EVERY_PATH)


def test_free_decisions_are_mended() -> None:
    assert Paths(SMALL).written({"scale_1": 1, "scale_2": 3, "scale_3": 1}) == [1, 2, 1]
    members = Subgraphs(SMALL)
    nothing = {p.name: False for p in members.parameters()}
    assert members.written(nothing) == ["1.1>2.2", "2.2>3.3"]
    assert members.written({**nothing, "edge_1_1_2_1": True, "edge_2_1_3_2": True}) == ["1.1>2.1", "2.1>3.2", "3.2>3.3"]


def test_the_thinnest_trellis_has_one_set() -> None:
    members = Subgraphs(Trellis(12, 1))
    assert members.size() == 1 and len(members.written(members.draw(Random(0)))) == 11


@pytest.mark.parametrize(("given", "place"), [
    ([1, 2], ""), ([1, 2, 2, 2], ""), ([1, 2, 4], "/2"), ([0, 1, 1], "/0"), ([1, True, 1], "/1"), ([1, 2.0, 1], "/1"),
    ([1, None, 1], "/1"), ([1, 3, 3], "/1"), ([float("nan"), 1, 1], "/0"), ([1, 1, 10**9], "/2")], ids=str)
def test_what_is_no_path_is_refused(given: list[Any], place: str) -> None:
    with pytest.raises(Invalid) as caught:
        Paths(SMALL).decided(given, "/path")
    assert caught.value.problems[0].path == "/path" + place


@pytest.mark.parametrize(("given", "place"), [
    ([], ""), (["1.1>1.2"], ""), (["1.1>2.1", "2.1>3.1", "3.1>3.2", "3.2>3.3", "1.1>2.1"], ""), (["1.1>2.3"], "/0"),
    (["1.1>2.1", 5], "/1"), (["1.1>2.1", None], "/1"), ([["1.1>2.1"]], "/0")], ids=str)
def test_what_is_no_set_with_a_path_is_refused(given: list[Any], place: str) -> None:
    with pytest.raises(Invalid) as caught:
        Subgraphs(SMALL).decided(given, "/edges")
    assert caught.value.problems[0].path == "/edges" + place
