"""Counting configs agrees with writing them all down."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.architecture import genotype
from engine.architecture.counting import count
from engine.errors import Invalid
from engine.spaces.chain import Chain
from engine.spaces.space import Parameter

HUGE = Parameter("n", "integer", low=1, high=10**12)


def some(rng: Random, size: int) -> list[Parameter]:
    """Decisions that depend on earlier ones at random."""
    made: list[Parameter] = []
    for k in range(size):
        when = []
        for parent in rng.sample(made, k=min(len(made), rng.choice((0, 1, 1, 2)))):
            if parent.kind == "integer" and rng.random() < 0.5:
                when.append({"name": parent.name, "at_least": rng.randint(-1, 5)})
            else:
                values = [v for v in genotype.choices(parent) if rng.random() < 0.6] or [genotype.choices(parent)[0]]
                when.append({"name": parent.name, "among": tuple(values)})
        if rng.random() < 0.5:
            made.append(Parameter(f"p{k}", "integer", low=0, high=rng.randint(0, 3), when=tuple(when)))
        else:
            made.append(Parameter(f"p{k}", "categorical", ("a", "b", "c")[:rng.randint(1, 3)], when=tuple(when)))
    return made


@given(st.integers(0, 10**9), st.integers(0, 6))
def test_a_count_is_the_number_of_configs_that_can_be_written_down(seed: int, size: int) -> None:
    parameters = some(Random(seed), size)
    assert count(parameters) == sum(1 for _ in genotype.completions(parameters))


def test_a_range_is_never_written_out() -> None:
    few = Parameter("few", "categorical", (1, 2, 3), when=({"name": "n", "at_least": 10**12 - 1},))
    one = Parameter("one", "categorical", (1, 2), when=({"name": "n", "among": (7, 9)},))
    assert count([HUGE, few, one]) == (10**12 - 4) + 2 * 3 + 2 * 2


def test_nothing_to_decide_is_one_config_and_reals_have_no_count() -> None:
    assert count([]) == 1
    assert count([HUGE, Parameter("x", "real", low=0.0, high=1.0)]) is None


def test_the_size_of_a_chain_is_its_count() -> None:
    assert count(Chain().parameters()) == Chain().size()


def test_conditions_that_cross_too_often_are_an_error_not_a_hang() -> None:
    parents = [Parameter(f"p{k}", "integer", low=0, high=1) for k in range(40)]
    children = [Parameter(f"c{k}", "integer", low=0, high=1, when=({"name": f"p{k}", "at_least": 1},)) for k in range(40)]
    with pytest.raises(Invalid):
        count(parents + children)
    assert count([one for pair in zip(parents, children, strict=True) for one in pair]) == 3**40
