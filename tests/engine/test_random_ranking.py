"""The outer layer of methods that rank random architectures: epochs first, then as many draws as wanted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.phases import SupernetOptions
from engine.random_ranking import RandomRanking
from engine.spec import parse_space
from engine.strategies.one_shot import OneShot
from engine.strategies.one_shot import Options as OneShotOptions
from engine.strategies.random_sharing import Options, RandomSharing
from engine.work import Candidate, Outcome, SupernetEpoch, Weights, Work

SPACE = parse_space({"kind": "nas_bench_201", "preset": "cpu"})[1]
BOTH = pytest.mark.parametrize(("method", "options"), [(RandomSharing, Options(epochs=2, candidates=3)),
                                                       (OneShot, OneShotOptions(epochs=2, candidates=3))])


def trained(strategy: RandomRanking, epochs: int = 2) -> None:
    for number in range(epochs):
        [epoch] = strategy.ask(4)
        assert isinstance(epoch, SupernetEpoch) and strategy.ask(4) == []
        strategy.tell(replace(epoch, trial=number), Outcome("done", 0.5, "shared"))


def ranked(strategy: RandomRanking, slots: int) -> list[Work]:
    found = strategy.ask(slots)
    assert all(isinstance(work, Candidate) and work.weights == Weights("shared", 1) for work in found)
    return found


@BOTH
def test_epochs_come_first_and_then_the_candidates(method: type[RandomRanking], options: SupernetOptions) -> None:
    strategy = method(SPACE, options, 7)
    trained(strategy)
    assert [len(ranked(strategy, 2)) for _ in range(3)] == [2, 1, 0]


@BOTH
def test_a_restored_one_goes_on_with_the_same_draws(method: type[RandomRanking], options: SupernetOptions) -> None:
    first, again = method(SPACE, options, 7), method(SPACE, options, 7)
    for strategy in (first, again):
        trained(strategy)
    ranked(first, 1)
    again.load_state_dict(first.state_dict())
    assert ranked(again, 2) == ranked(first, 2) != []


@BOTH
def test_every_candidate_says_why(method: type[RandomRanking], options: SupernetOptions) -> None:
    strategy = method(SPACE, options, 7)
    trained(strategy)
    assert {work.origin["why"] for work in ranked(strategy, 3)} == {method.why}


@BOTH
def test_without_shared_weights_nothing_is_ranked(method: type[RandomRanking], options: SupernetOptions) -> None:
    strategy = method(SPACE, options, 7)
    [epoch] = strategy.ask(1)
    assert strategy.tell(replace(epoch, trial=0), Outcome("failed")) == [] and strategy.ask(1) == []
