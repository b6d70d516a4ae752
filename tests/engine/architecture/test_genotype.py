"""Conditional maps: only active decisions exist, and every view of them round-trips."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.architecture import genotype
from engine.errors import Invalid
from engine.spaces.space import Parameter

TREE = (Parameter("depth", "integer", low=1, high=3),
        Parameter("kind", "categorical", ("a", "b"), when=({"name": "depth", "at_least": 2},)),
        Parameter("size", "categorical", (8, 16, 32), when=({"name": "kind", "among": ("b",)},)))


def test_the_whole_tree_each_config_once() -> None:
    found = list(genotype.completions(TREE))
    assert len(found) == 1 + 2 * (1 + 3) == len({tuple(c.items()) for c in found})


def test_a_condition_on_an_inactive_decision_does_not_hold() -> None:
    assert not genotype.active(TREE[2], {"depth": 1}) and genotype.active(TREE[2], {"depth": 2, "kind": "b"})


@given(st.integers(0, 10**6))
def test_vector_and_config_are_one_thing(seed: int) -> None:
    config = genotype.sample(TREE, Random(seed))
    numbers = genotype.vector(TREE, config)
    assert [math.isnan(n) for n in numbers] == [p.name not in config for p in TREE]
    assert genotype.from_vector(TREE, numbers) == config
    stale = [0.0 if math.isnan(n) else n for n in numbers]
    assert genotype.from_vector(TREE, stale) == config


@pytest.mark.parametrize("numbers", [
    [math.nan, math.nan, math.nan], [2.0, 0.0, 0.0], [1.0, 1.0, math.inf], [0.5, -1.0, 0.0]])
def test_a_vector_outside_the_space_is_refused(numbers: list[float]) -> None:
    with pytest.raises(Invalid):
        genotype.from_vector(TREE, numbers)


@given(st.integers(0, 10**6))
def test_a_mutation_is_a_neighbour(seed: int) -> None:
    config = genotype.sample(TREE, Random(seed))
    assert genotype.mutate(TREE, config, Random(seed + 1)) in list(genotype.neighbours(TREE, config))


def test_neighbours_are_distinct_and_never_the_config_itself() -> None:
    for config in genotype.completions(TREE):
        around = [tuple(c.items()) for c in genotype.neighbours(TREE, config)]
        assert len(set(around)) == len(around) and tuple(config.items()) not in around


def test_where_nothing_can_move_the_child_is_the_parent() -> None:
    alone = (Parameter("only", "categorical", (1,)),)
    assert genotype.mutate(alone, {"only": 1}, Random(0)) == {"only": 1}


@pytest.mark.parametrize(("given_", "path"), [
    ({}, "/at/depth"), ({"depth": 2}, "/at/kind"), ({"depth": 1, "kind": "a"}, "/at/kind"), ({"depth": 4}, "/at/depth"),
    ({"depth": True}, "/at/depth"), ({"depth": 1.0}, "/at/depth"), ({"depth": 1, "x/y": 1}, "/at/x~1y"),
    ({"depth": 2, "kind": ["a"]}, "/at/kind"), ([], "/at"), (None, "/at"), ("depth", "/at"),
], ids=str)
def test_each_fault_is_pointed_at(given_: object, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        genotype.check(TREE, given_, "/at")
    assert path in {p.path for p in caught.value.problems}
