"""Landscapes: their optimum is where the sheet says, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random
from statistics import fmean, pstdev

import pytest

from engine.architecture.architecture import Architecture
from engine.benchmarks.landscapes import LANDSCAPES, BitStrings, ConditionalChain, chain_value, zeros
from engine.errors import Invalid
from engine.registry import discover
from engine.spaces.chain import Chain

CHAIN = ConditionalChain()
SMALL = ConditionalChain(most=2)


def chains(space: ConditionalChain) -> Iterator[Architecture]:
    values = range(space.choices)
    for layers in range(1, space.most + 1):
        for drawn in product(values, repeat=2 * layers):
            yield space.architecture({"layers": layers, **{f"op_{k + 1}": drawn[2 * k] for k in range(layers)},
                                      **{f"width_{k + 1}": drawn[2 * k + 1] for k in range(layers)}})


def chain_of(ops: list[int], widths: list[int]) -> Architecture:
    return CHAIN.architecture({"layers": len(ops), **{f"op_{k}": op for k, op in enumerate(ops, 1)},
                               **{f"width_{k}": width for k, width in enumerate(widths, 1)}})


@pytest.mark.parametrize("name", LANDSCAPES)
def test_what_is_drawn_is_of_the_space_and_not_below_the_optimum(name: str) -> None:
    landscape, rng = LANDSCAPES[name], Random(0)
    for _ in range(200):
        drawn = landscape.space.sample(rng).architecture
        assert landscape.space.contains(drawn) and landscape.optimum <= landscape.value(drawn) <= 1
        near = landscape.space.mutate(drawn, rng)
        assert near != drawn and landscape.space.contains(near)
        assert landscape.space.canonical(drawn) != landscape.space.canonical(near) or name == "L3"


@pytest.mark.parametrize("name", LANDSCAPES)
def test_what_a_landscape_offers_its_space_has(name: str) -> None:
    known = {offer for entry in discover("spaces").values() for offer in entry.offers}
    assert {"parameters", "mutate"} <= LANDSCAPES[name].offers <= known


def test_the_size_of_the_chains() -> None:
    assert SMALL.size() == sum(1 for _ in chains(SMALL)) == 4**2 + 4**4 and CHAIN.size() == sum(16**n for n in range(1, 7))


def test_the_conditional_chain_has_one_optimum() -> None:
    best = chain_of([1, 2, 3, 0], [0, 1, 2, 3])
    assert chain_value(best) == 0
    assert all(chain_value(near) > 0 for near in CHAIN.neighbours(best))
    lower = [chain_value(architecture) for architecture in chains(ConditionalChain(most=3))]
    assert min(lower) == pytest.approx(0.05)                   # three good layers, one too few


def test_values_of_the_conditional_chain_by_hand() -> None:
    assert chain_value(chain_of([1], [0])) == pytest.approx(0.15)
    assert chain_value(chain_of([0], [3])) == pytest.approx(0.15 + 0.12 + 0.09)
    assert chain_value(chain_of([1, 2, 3, 0, 0], [0, 1, 2, 3, 3])) == pytest.approx(0.05 + 0.12 / 5)


def test_random_chains_have_the_mean_that_their_law_gives() -> None:
    """Each layer's op is right in one of four; the widths are as far off as uniform draws are."""
    rng = Random(1)
    found = fmean(chain_value(CHAIN.sample(rng).architecture) for _ in range(4000))
    off = [fmean(abs(w - min(k - 1, 3)) for w in range(4)) for k in range(1, 7)]
    expected = fmean(0.05 * abs(n - 4) + fmean(0.12 * 0.75 + 0.03 * off[k] for k in range(n)) for n in range(1, 7))
    assert found == pytest.approx(expected, abs=0.004)


def test_bit_strings() -> None:
    space = BitStrings(10)
    point = space.parse({"bits": "1111100000"})
    assert zeros(point) == 0.5 and space.size() == 1024
    assert sorted(zeros(near) for near in space.neighbours(point)) == pytest.approx([0.4] * 5 + [0.6] * 5)
    for wrong in ({"bits": "11111"}, {"bits": "111110000x"}, {}, "1111100000"):
        with pytest.raises(Invalid):
            space.parse(wrong)


def test_noise_is_as_large_as_declared_and_cut_off() -> None:
    landscape = LANDSCAPES["L1"]
    half = landscape.space.parse({"bits": "10" * 50})
    seen = [landscape.observe(half, Random(n)) for n in range(500)]
    assert fmean(seen) == pytest.approx(-0.5, abs=0.002) and pstdev(seen) == pytest.approx(0.01, rel=0.15)
    assert max(landscape.observe(landscape.space.parse({"bits": "1" * 100}), Random(n)) for n in range(50)) == 0
    assert LANDSCAPES["L2"].observe(chain_of([1], [0]), Random(0)) == -chain_value(chain_of([1], [0]))


def test_a_deeper_graph_of_the_right_shape_is_better() -> None:
    landscape = LANDSCAPES["L3"]
    assert isinstance(landscape.space, Chain)

    def value(layers: int, kernel: int, channels: int) -> float:
        config = {"layers": layers, **{f"block_{k}_{name}": setting for k in range(1, layers + 1) for name, setting in
                                       (("type", "conv"), ("kernel", kernel), ("channels", channels), ("stride", 1))}}
        return landscape.value(landscape.space.parse({**config, "hidden": 0}))

    assert value(6, 3, 48) < value(2, 3, 48) < value(2, 5, 48)
    assert value(6, 3, 48) < value(6, 3, 16)


def test_a_toy_has_no_networks() -> None:
    with pytest.raises(Invalid, match="no networks"):
        CHAIN.network(chain_of([1], [0]), (1, 8, 8), 10)
