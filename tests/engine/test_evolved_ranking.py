"""Evolution by shared scores where decisions depend on others: children are members, and parents hand on decisions."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from engine.architecture.architecture import Architecture
from engine.errors import Invalid
from engine.evolved_ranking import EvolutionOptions, EvolvedRanking
from engine.options import parse
from engine.spaces.slimmable import Slimmable
from engine.work import Candidate, Outcome, Weights

SPACE = Slimmable(channels=8, stages=2, kernels=(3, 5), depths=(1, 2, 3), expansions=(1, 2))
OPTIONS = EvolutionOptions(epochs=1, population=8, parents=3, crossover=4, mutation=4, generations=5)


def made(**more: Any) -> EvolvedRanking:
    return EvolvedRanking(SPACE, replace(OPTIONS, **more), 3)


def member(seed: int) -> Architecture:
    return SPACE.sample(Random(seed)).architecture


def depth(architecture: Architecture) -> int:
    found: int = architecture.genotype["stage_1_depth"] + architecture.genotype["stage_2_depth"]
    return found


def test_a_crossover_takes_each_decision_from_a_parent_that_makes_it() -> None:
    strategy = made()
    seen = set()
    for seed in range(60):
        one, other = member(2 * seed), member(2 * seed + 1)
        child = strategy._crossed(one, other, Random(seed))
        assert SPACE.contains(child)
        for name, value in child.genotype.items():
            assert value in {parent.genotype[name] for parent in (one, other) if name in parent.genotype}
        seen.add(child in (one, other))
    assert seen == {True, False}


def test_a_mutation_may_make_a_network_deeper_than_its_parent() -> None:
    strategy = made(mutation_rate=0.5)
    depths = [(depth(member(seed)), depth(strategy._mutated(member(seed), Random(-seed - 1)))) for seed in range(60)]
    assert any(child > parent for parent, child in depths) and any(child < parent for parent, child in depths)
    assert all(made(mutation_rate=0.0)._mutated(member(seed), Random(0)) == member(seed) for seed in range(9))


def test_generations_climb_in_a_space_with_conditions() -> None:
    strategy, scores = made(), list[list[float]]()
    [epoch] = strategy.ask(1)
    strategy.tell(replace(epoch, trial=0), Outcome("done", 0.5, "shared"))
    trial = 1
    while found := strategy.ask(1):
        work = replace(found[0], trial=trial)
        assert isinstance(work, Candidate) and work.weights == Weights("shared", 0) and SPACE.contains(work.architecture)
        score = sum(5 == value for value in work.architecture.genotype.values()) / 6
        scores.extend([] for _ in range(work.origin["generation"] + 1 - len(scores)))
        scores[-1].append(score)
        strategy.tell(work, Outcome("done", score, "shared"))
        trial += 1
    assert [len(row) for row in scores] == [8] * 5
    assert sum(scores[-1]) > sum(scores[0]) and max(scores[-1]) >= max(scores[0])


def test_children_that_do_not_fit_are_refused() -> None:
    with pytest.raises(Invalid, match="less than its children"):
        parse(EvolutionOptions, {"population": 9})
