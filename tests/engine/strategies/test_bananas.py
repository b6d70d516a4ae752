"""BANANAS: when it learns, from what, and how it chooses."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from random import Random
from statistics import mean
from typing import Any

import numpy as np
import pytest
import torch

from engine.spaces.nas_bench_201 import NasBench201, operations
from engine.spec import parse_space
from engine.strategies.bananas import Bananas, Options
from engine.strategies.random_search import Options as Draws
from engine.strategies.random_search import RandomSearch
from engine.surrogates.encodings import Decisions, Paths
from engine.work import Candidate, Outcome

torch.set_num_threads(1)
SPACE = NasBench201()
QUICK = Options(candidates=40, members=3, layers=1, units=16, steps=40)
WORTH = {"none": 0.0, "skip_connect": 0.4, "nor_conv_1x1": 0.7, "nor_conv_3x3": 1.0, "avg_pool_3x3": 0.2}
Score = Callable[[Candidate], float | None]


def value(work: Candidate) -> float:
    """Operations are worth more on some edges, two of them want to differ; a little is nobody's merit."""
    ops = operations(work.architecture)
    luck = Random(SPACE.canonical(work.architecture)).gauss(0, 0.05)
    return sum(WORTH[op] * (k + 1) for k, op in enumerate(ops)) / 21 + 0.3 * (ops[0] != ops[5]) + luck


def search(strategy: Any, trials: int, score: Score = value, start: int = 0) -> list[Candidate]:
    found: list[Candidate] = []
    while len(found) < trials and (asked := strategy.ask(1)):
        found.append(replace(asked[0], trial=start + len(found)))
        observed = score(found[-1])
        strategy.tell(found[-1], Outcome("failed") if observed is None else Outcome("done", observed))
    return found


def test_the_first_are_drawn_and_the_others_predicted() -> None:
    works = search(Bananas(SPACE, QUICK, 0), 30)
    assert [work.origin["how"] for work in works] == ["sample"] * 10 + ["predicted"] * 20


def test_failures_teach_nothing_and_count_as_nothing() -> None:
    strategy = Bananas(SPACE, QUICK, 0)
    works = search(strategy, 40, lambda work: None if work.trial % 2 else value(work))
    assert [work.origin["how"] for work in works[:19]] == ["sample"] * 19 and works[19].origin["how"] == "predicted"
    assert len(strategy.successes) == 20 and all(parent % 2 == 0 for work in works for parent in work.parents)


def test_it_learns_anew_after_every_so_many_successes() -> None:
    works = search(Bananas(SPACE, QUICK, 0), 45)
    assert [work.origin["learned"] for work in works[10:]] == [10] * 10 + [20] * 10 + [30] * 10 + [40] * 5


def test_nothing_is_tried_twice() -> None:
    works = search(Bananas(SPACE, QUICK, 0), 120)
    assert len({SPACE.canonical(work.architecture) for work in works}) == 120


def test_parents_are_among_the_best_and_differ_in_one_decision() -> None:
    works = search(Bananas(SPACE, replace(QUICK, parents=3), 1), 60)
    mutated = [work for work in works if work.parents]
    assert len(mutated) > 20
    for work in mutated:
        parent = works[work.parents[0]]
        better = [each for each in works[:work.trial] if value(each) > value(parent)]
        assert len(better) < 3
        pairs = zip(operations(parent.architecture), operations(work.architecture), strict=True)
        assert sum(a != b for a, b in pairs) == 1


class Told:
    """A predictor that says what a test wants."""

    def __init__(self, doubt: float) -> None:
        self.doubt = doubt

    def predictions(self, features: Any) -> Any:
        base = np.arange(len(features), dtype=float)
        return np.stack([base - self.doubt, base + self.doubt])


def chosen(doubt: float) -> list[float]:
    """The predictions of what was asked for, from 40 candidates that are predicted 0, 1, 2 …"""
    strategy = Bananas(SPACE, replace(QUICK, refit=1000), 0)
    search(strategy, 11)
    strategy.model = Told(doubt)
    return [work.origin["predicted"] for work in strategy.ask(50) if isinstance(work, Candidate)]


def test_without_doubt_the_best_prediction_wins_and_with_doubt_any_may() -> None:
    sure, unsure = chosen(0.0), chosen(100.0)
    assert min(sure) > 20 and mean(unsure) < mean(sure) - 5 and len(set(unsure)) > 15


def test_cells_are_read_by_paths_and_others_by_decisions() -> None:
    assert isinstance(Bananas(SPACE, QUICK, 0).encoding, Paths)
    assert isinstance(Bananas(SPACE, replace(QUICK, encoding="decisions"), 0).encoding, Decisions)
    for kind in ("chain", "composed", "vision"):
        assert isinstance(Bananas(parse_space({"kind": kind, "preset": "cpu"})[1], QUICK, 0).encoding, Decisions)


def test_what_it_remembers_is_bounded() -> None:
    strategy = Bananas(SPACE, replace(QUICK, memory=20, initial=50), 0)
    search(strategy, 51)
    seen = sum(len(part) for part in [set().union(*map(set, strategy.model.folds[0]))])
    assert seen == 20 and strategy.learned == 50


@pytest.mark.parametrize("cut", [4, 10, 17, 20, 33])
def test_resumed_it_equals_the_unbroken_search(cut: int) -> None:
    unbroken = search(Bananas(SPACE, QUICK, 4), cut + 3)
    before, after = Bananas(SPACE, QUICK, 4), Bananas(SPACE, QUICK, 4)
    for work in search(before, cut):
        after.tell(work, Outcome("done", value(work)))
    after.load_state_dict(json.loads(json.dumps(before.state_dict())))
    assert search(after, 3, start=cut) == unbroken[cut:]


def test_it_says_why_and_shows_what_it_predicted() -> None:
    strategy = Bananas(SPACE, QUICK, 0)
    works = search(strategy, 40)
    assert works[0].origin["why"] == "Drawn at random: the first 10 successes teach the predictor."
    why = works[25].origin["why"]
    assert why.startswith("The highest draw among ") and "by 3 networks that learned from 20 successes; " in why
    (event,) = strategy.tell(works[-1], Outcome("done", 0.5))
    assert [picture["picture"] for picture in event.data["pictures"]] == ["series", "scatter"]
    assert len(event.data["pictures"][1]["points"]) == 31 and math.isfinite(event.data["pictures"][0]["values"].popitem()[1])


def test_after_a_long_history_it_learns_no_more_often() -> None:
    """Once in ten outcomes."""
    strategy = Bananas(SPACE, QUICK, 0)
    works = [Candidate(p.architecture, trial=k, origin={}) for k, p in enumerate(SPACE.sample_many(Random(0), 3000))]
    for work in works:
        strategy.tell(work, Outcome("done", value(work)))
    assert {work.origin["learned"] for work in search(strategy, 10, start=3000)} == {3000}
    assert strategy.ask(1)[0].origin["learned"] == 3010


def test_it_beats_random_search() -> None:
    def best(strategy: Any) -> float:
        return max(map(value, search(strategy, 80)))

    pairs = [(best(Bananas(SPACE, QUICK, seed)), best(RandomSearch(SPACE, Draws(), seed))) for seed in range(12)]
    assert mean(a - b for a, b in pairs) > 0.05 and sum(a > b for a, b in pairs) >= 11
