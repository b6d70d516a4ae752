"""Local search: what a climb looks at, when it moves, where it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random
from statistics import mean
from typing import Any

import pytest

from engine.architecture.architecture import Proposal
from engine.spaces.nas_bench_201 import NasBench201, operations
from engine.spec import parse_space
from engine.strategies.local_search import LocalSearch, Options
from engine.strategies.random_search import Options as Draws
from engine.strategies.random_search import RandomSearch
from engine.work import Candidate, Outcome
from tests.engine.strategies.bit_strings import BitStrings, ones


class Bits(BitStrings):
    """With neighbours as proposals."""

    def neighbour_proposals(self, proposal: Proposal) -> Iterable[Proposal]:
        return map(Proposal, self.neighbours(proposal.architecture))


SPACE = NasBench201(ops=("skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"))     # no two strings are one cell
Score = Callable[[Candidate], float | None]


def smooth(work: Candidate) -> float:
    """One peak: every edge wants an operation of its own."""
    return sum(SPACE.ops[k % 4] == op for k, op in enumerate(operations(work.architecture))) / 6


def rugged(work: Candidate) -> float:
    """Scores that are nobody's neighbours', over a slope."""
    return smooth(work) + Random(work.architecture.encoding_id).random() / 3


def climb(strategy: Any, trials: int, score: Score = rugged) -> list[Candidate]:
    found: list[Candidate] = []
    while len(found) < trials and (asked := strategy.ask(1)):
        found.append(replace(asked[0], trial=len(found)))
        value = score(found[-1])
        strategy.tell(found[-1], Outcome("failed") if value is None else Outcome("done", value))
    return found


def test_the_first_climb_begins_at_the_best_of_the_draws() -> None:
    works = climb(LocalSearch(SPACE, Options(draws=8), 0), 9)
    assert [work.origin["how"] for work in works] == ["sample"] * 8 + ["neighbour"]
    assert works[8].parents == (max(works[:8], key=rugged).trial,)


@pytest.mark.parametrize("moves", ["best", "first"])
def test_every_neighbour_differs_from_its_centre_in_one_decision(moves: str) -> None:
    works = climb(LocalSearch(SPACE, Options(3, moves), 1), 200)
    for work in works:
        if work.parents:
            there = operations(works[work.parents[0]].architecture)
            assert sum(a != b for a, b in zip(there, operations(work.architecture), strict=True)) == 1


def test_best_moves_only_when_all_neighbours_are_known_and_then_to_the_best() -> None:
    works = climb(LocalSearch(SPACE, Options(1), 4), 120)
    scores = {SPACE.canonical(work.architecture): rugged(work) for work in works}
    for work, after in zip(works[1:], works[2:], strict=False):
        if work.parents and after.parents and work.parents != after.parents:
            near = [scores[SPACE.canonical(each)] for each in SPACE.neighbours(works[work.parents[0]].architecture)]
            assert max(near) == rugged(works[after.parents[0]]) > rugged(works[work.parents[0]])


def test_first_moves_as_soon_as_one_is_better() -> None:
    works = climb(LocalSearch(SPACE, Options(1, "first"), 4), 60, smooth)
    moved = 0
    for work, after in zip(works[1:], works[2:], strict=False):
        if work.parents and smooth(work) > smooth(works[work.parents[0]]):
            assert after.parents == (work.trial,) or after.origin["how"] == "sample"
            moved += 1
    assert moved >= 3


def test_a_climb_never_goes_down() -> None:
    for moves in ("best", "first"):
        works = climb(LocalSearch(SPACE, Options(2, moves), 2), 300)
        climbs: dict[int, list[float]] = {}
        for work in works:
            if work.parents:
                climbs.setdefault(work.origin["climb"], []).append(work.origin["above"])
        assert len(climbs) >= 2 and all(stands == sorted(stands) for stands in climbs.values())


def test_a_new_climb_begins_only_at_a_peak() -> None:
    """From the last centre, over places known already: every neighbour of where it ends is known, and none is better."""
    works, known, peaks = climb(LocalSearch(SPACE, Options(1), 0), 300), dict[str, tuple[float, Candidate]](), 0
    for work, after in zip(works, works[1:], strict=False):
        known[SPACE.canonical(work.architecture)] = (rugged(work), work)
        if work.parents and after.origin["how"] == "sample":
            here = works[work.parents[0]]
            while True:
                near = [known[SPACE.canonical(each)] for each in SPACE.neighbours(here.architecture)]
                best, there = max(near, key=lambda pair: pair[0])
                if best <= rugged(here):
                    break
                here = there
            peaks += 1
    assert peaks >= 5


def test_with_one_peak_it_is_found_by_the_first_climb() -> None:
    for seed in range(5):
        works = climb(LocalSearch(SPACE, Options(1, "best"), seed), 110, smooth)
        assert max(map(smooth, works)) == 1.0
        assert min(work.trial for work in works if smooth(work) == 1.0) <= 1 + 6 * 18


@pytest.mark.parametrize("moves", ["best", "first"])
def test_nothing_is_tried_twice(moves: str) -> None:
    works = climb(LocalSearch(SPACE, Options(5, moves), 0), 400)
    assert set(Counter(SPACE.canonical(work.architecture) for work in works).values()) == {1}


def test_training_decisions_are_part_of_what_is_tried() -> None:
    kind = {"architecture": {"kind": "nas_bench_201", "ops": ["skip_connect"]},
            "hyper": [{"name": "nesterov", "kind": "categorical", "choices": [True, False]}]}
    space = parse_space({"kind": "composed", **kind})[1]
    works = climb(LocalSearch(space, Options(1), 0), 10, lambda work: 0.5)
    assert [work.hyper["nesterov"] for work in works] in ([True, False], [False, True])


def test_failures_are_never_climbed() -> None:
    works = climb(LocalSearch(SPACE, Options(4), 0), 200, lambda work: None if work.trial % 3 else rugged(work))
    assert all(parent % 3 == 0 for work in works for parent in work.parents)


def test_where_all_fails_it_draws_on() -> None:
    works = climb(LocalSearch(SPACE, Options(4), 0), 50, lambda work: None)
    assert len(works) == 50 and all(work.origin["how"] == "sample" for work in works)


def test_it_waits_for_the_draws_and_for_the_last_neighbours() -> None:
    strategy = LocalSearch(SPACE, Options(3), 0)
    draws = [replace(work, trial=k) for k, work in enumerate(strategy.ask(10))]
    assert len(draws) == 3 and strategy.ask(1) == []
    for work in draws:
        strategy.tell(work, Outcome("done", rugged(work)))          # type: ignore[arg-type]
    near = strategy.ask(100)
    assert 10 < len(near) <= 18 and strategy.ask(1) == []


def test_a_wide_neighbourhood_is_drawn_from() -> None:
    strategy = LocalSearch(Bits(100), Options(1, neighbours=20), 0)
    works = climb(strategy, 2, lambda work: ones(work.architecture))
    assert works[1].parents == (0,) and 10 <= len(strategy.around) <= 20


def test_it_ends_where_the_space_ends() -> None:
    works = climb(LocalSearch(NasBench201(ops=("none", "skip_connect")), Options(2), 0), 500)
    assert len(works) == len({SPACE.canonical(work.architecture) for work in works}) < 64


def test_it_says_why() -> None:
    works = climb(LocalSearch(SPACE, Options(2), 0), 3)
    assert "Draw 2 for climb 1" in works[1].origin["why"]
    assert works[2].origin["why"].startswith(f"Neighbour 1 of 18 of trial {works[2].parents[0]}, where climb 1 stands at 0.")


def test_what_it_shows() -> None:
    strategy = LocalSearch(SPACE, Options(1), 0)
    (work,) = strategy.ask(1)
    (event,) = strategy.tell(replace(work, trial=0), Outcome("done", 0.5))
    (picture,) = event.data["pictures"]
    assert picture["values"] == {"best": 0.5, "this climb": 0.5, "tried": 0.5}


@pytest.mark.parametrize("moves", ["best", "first"])
def test_it_beats_random_search(moves: str) -> None:
    def best(strategy: Any) -> float:
        return max(map(rugged, climb(strategy, 150)))

    pairs = [(best(LocalSearch(SPACE, Options(5, moves), seed)), best(RandomSearch(SPACE, Draws(), seed)))
             for seed in range(20)]
    assert mean(a - b for a, b in pairs) > 0.1 and sum(a > b for a, b in pairs) >= 18
