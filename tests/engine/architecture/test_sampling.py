"""Many draws at once obey the same law as one draw."""

from __future__ import annotations

import gc
from collections import Counter
from random import Random

import pytest

from engine.architecture import genotype
from engine.architecture.sampling import sample_many, uncollected
from engine.registry import discover
from engine.spaces.space import Parameter
from engine.spec import parse_space

TREE = (Parameter("layers", "integer", low=1, high=3),
        Parameter("kind", "categorical", ("a", "b"), when=({"name": "layers", "at_least": 2},)),
        Parameter("size", "categorical", (1, 2, 3), when=({"name": "kind", "among": ("b",)},)),
        Parameter("rate", "real", low=0.0, high=1.0, when=({"name": "size", "among": (1, 2)},
                                                         {"name": "layers", "at_least": 3})))


def test_exactly_the_active_decisions_are_there() -> None:
    for config in sample_many(TREE, Random(0), 2_000):
        assert list(config) == [p.name for p in TREE if genotype.active(p, config)]
        assert genotype.check(TREE, config) == config


def test_the_shares_are_those_of_single_draws() -> None:
    rng = Random(1)
    many = Counter(tuple(config)[-1] for config in sample_many(TREE, Random(2), 20_000))
    single = Counter(tuple(genotype.sample(TREE, rng))[-1] for _ in range(20_000))
    assert set(many) == set(single)
    assert all(abs(many[name] - single[name]) < 5 * (2 * single[name]) ** 0.5 for name in single)


def test_the_seed_decides() -> None:
    one, same, other = (list(sample_many(TREE, Random(seed), 50)) for seed in (3, 3, 4))
    assert one == same != other


def test_the_garbage_collector_waits_and_comes_back() -> None:
    assert gc.isenabled()
    with uncollected():
        with uncollected():                         # as two threads may do
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_garbage_collector_comes_back_after_a_fault_and_only_where_it_was() -> None:
    with pytest.raises(IndexError), uncollected():
        _ = [][0]
    assert gc.isenabled()
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize("kind", sorted(discover("spaces")))
@pytest.mark.parametrize("preset", ["paper", "cpu"])
def test_ten_thousand_of_every_space_survive_writing_and_reading(kind: str, preset: str) -> None:
    _, space = parse_space({"kind": kind, "preset": preset})
    drawn = space.sample_many(Random(5), 10_000)
    assert len(drawn) == 10_000 and space.contains(drawn[0].architecture)
    for proposal in drawn:
        again = space.parse_proposal(proposal.document())
        assert again.architecture.kind == proposal.architecture.kind == drawn[0].architecture.kind
        assert again.document() == proposal.document()
