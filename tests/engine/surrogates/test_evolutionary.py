"""Evolution of something cheap: never worse than where it began, no repeats, and no more work than allowed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from engine.surrogates.evolutionary import Member, effort, evolved

Many = Sequence[int]


def hill(points: Many) -> list[float]:
    return [-abs(point - 40) / 10 for point in points]


def moved(point: int, rng: Random) -> tuple[int, list[str]]:
    step = rng.choice((-3, -1, 1, 3))
    return point + step, [f"{step:+d}"]


def run(seed: int = 0, evaluations: int = 100, pool: Many = (0, 5, 9)) -> list[Member[int]]:
    begun = [Member(point, value) for point, value in zip(pool, hill(pool), strict=True)]
    return evolved(begun, hill, moved, str, Random(seed), evaluations)


@pytest.mark.parametrize("seed", range(5))
def test_the_best_is_never_worse_than_that_of_the_pool(seed: int) -> None:
    assert max(member.value for member in run(seed, 10)) >= max(hill((0, 5, 9)))
    assert max(member.value for member in run(seed)) > -2


def test_nothing_is_evaluated_twice_nor_more_than_allowed() -> None:
    asked: Counter[int] = Counter()

    def counted(points: Many) -> list[float]:
        asked.update(points)
        return hill(points)

    found = evolved([Member(0, -4.0)], counted, moved, str, Random(1), 33)
    assert 20 < len(found) <= 34 and sum(asked.values()) == len(found) - 1 and set(asked.values()) == {1} and 0 not in asked


def test_a_space_without_anything_new_ends() -> None:
    found = evolved([Member(1, 0.0)], hill, lambda point, rng: (point, ["nothing"]), str, Random(0), 50)
    assert [member.what for member in found] == [1]


def test_lines_lead_back_to_the_pool_and_say_what_was_done() -> None:
    found = run()
    for at, member in enumerate(found):
        assert member.parent < at
        if member.parent >= 0:
            assert found[member.parent].what + int(member.done[0]) == member.what
    assert [member.parent for member in found[:3]] == [-1] * 3


def test_the_better_have_more_children() -> None:
    born = Counter(member.parent for seed in range(40) for member in run(seed, 5, (0, 38)) if member.parent >= 0)
    assert born[1] > born[0] > 0


def test_equals_are_parents_alike() -> None:
    born = Counter(member.parent for seed in range(200) for member in run(seed, 5, (20, 60)) if member.parent in (0, 1))
    assert 0.4 < born[0] / (born[0] + born[1]) < 0.6


@pytest.mark.parametrize(("told", "most", "wanted"), [(1, 500, 50), (9, 500, 75), (100, 500, 250), (10_000, 500, 500),
                                                      (100, 20, 20), (1, 20, 20), (3, 5, 5)])
def test_the_effort_grows_with_the_root_of_the_trials(told: int, most: int, wanted: int) -> None:
    assert effort(told, most) == wanted
