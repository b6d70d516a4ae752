"""The chain space: conditions, priors, size, mutation and networks."""

from __future__ import annotations

import math
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.cost import measure
from engine.errors import Invalid
from engine.spaces.chain import CPU, PAPER, Chain
from engine.spec import parse_space

TINY = Chain(min_layers=1, max_layers=3, types=("conv", "max_pool"), kernels=(3,), channels=(4, 8), strides=(1,),
             pool_kernels=(3,), pool_strides=(2,), hidden=(0, 32), dropout=(0, 20))
SPACE = Chain()
seeds = st.integers(0, 10**9)


def test_size_is_the_count_of_all_architectures() -> None:
    every = [Architecture("chain", config) for config in genotype.completions(TINY.parameters())]
    assert len(every) == TINY.size() == 3 * (3 + 9 + 27)
    assert len({a.encoding_id for a in every}) == len({TINY.canonical(a) for a in every}) == len(every)
    assert all(TINY.contains(a) for a in every)


@given(seeds)
def test_exactly_the_decisions_whose_conditions_hold_are_there(seed: int) -> None:
    config = SPACE.sample(Random(seed)).architecture.genotype
    assert set(config) == {p.name for p in SPACE.parameters() if genotype.active(p, config)}
    for k in range(1, SPACE.max_layers + 1):
        assert any(name.startswith(f"block_{k}_") for name in config) == (k <= config["layers"])


@given(seeds)
def test_vector_and_config_are_one_thing(seed: int) -> None:
    architecture = SPACE.sample(Random(seed)).architecture
    numbers = SPACE.vector(architecture)
    assert len(numbers) == len(SPACE.parameters())
    assert SPACE.from_vector(numbers) == architecture
    stale = SPACE.from_vector([0.0 if math.isnan(n) else n for n in numbers])
    assert stale.encoding_id == architecture.encoding_id


@given(seeds)
def test_a_sample_is_in_the_space_and_survives_parsing(seed: int) -> None:
    architecture = SPACE.sample(Random(seed)).architecture
    assert SPACE.contains(architecture) and SPACE.parse(dict(architecture.genotype)) == architecture
    assert list(SPACE.parse(dict(reversed(architecture.genotype.items()))).genotype) == list(architecture.genotype)


@given(seeds)
def test_a_mutation_touches_one_decision_and_its_descendants(seed: int) -> None:
    parent = SPACE.sample(Random(seed)).architecture
    child = SPACE.mutate(parent, Random(seed + 1))
    before, after = parent.genotype, child.genotype
    changed = [name for name in before if name in after and before[name] != after[name]]
    assert SPACE.contains(child) and len(changed) == 1
    came_or_went = before.keys() ^ after.keys()
    assert all(_descends(name, changed[0]) for name in came_or_went)


def _descends(name: str, ancestor: str) -> bool:
    parents = {c["name"] for p in SPACE.parameters() if p.name == name for c in p.when}
    return ancestor in parents or any(_descends(parent, ancestor) for parent in parents)


def test_neighbours_hold_every_mutation() -> None:
    parent = TINY.sample(Random(5)).architecture
    around = {a.encoding_id for a in TINY.neighbours(parent)}
    assert {TINY.mutate(parent, Random(seed)).encoding_id for seed in range(400)} == around
    assert parent.encoding_id not in around


def chi_square(counts: Counter[Any]) -> float:
    expected = counts.total() / len(counts)
    return sum((n - expected) ** 2 / expected for n in counts.values())


def test_every_prior_is_uniform() -> None:
    """10,000 samples; the bounds are the 99.9 % points of chi-square for one degree less than there are values."""
    rng = Random(0)
    found = [SPACE.sample(rng).architecture.genotype for _ in range(10_000)]
    bounds = {2: 10.83, 3: 13.82, 4: 16.27, 5: 18.47}
    for name, values in (("layers", 5), ("block_1_type", 4), ("block_6_type", 4), ("block_4_channels", 3), ("hidden", 2)):
        counts = Counter(config[name] for config in found if name in config)
        assert len(counts) == values and chi_square(counts) < bounds[values]


@pytest.mark.parametrize("preset", [PAPER, CPU], ids=["paper", "cpu"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 1, 1), (2, 5, 9)], ids=str)
def test_every_sample_fits_every_image(preset: dict[str, Any], shape: tuple[int, ...]) -> None:
    _, space = parse_space({"kind": "chain", **preset})
    for seed in range(30):
        cost = measure(space.network(space.sample(Random(seed)).architecture, shape, 7), shape)
        assert cost.rows[-1].shape == (7,) and all(min(row.shape) >= 1 for row in cost.rows)


def test_convolutions_are_followed_by_norm_and_relu_and_the_head_by_linear_layers() -> None:
    architecture = SPACE.parse({
        "layers": 3, "block_1_type": "conv", "block_1_kernel": 5, "block_1_channels": 16, "block_1_stride": 2,
        "block_2_type": "avg_pool", "block_2_pool_kernel": 3, "block_2_pool_stride": 2, "block_3_type": "separable_conv",
        "block_3_kernel": 3, "block_3_channels": 32, "block_3_stride": 1, "hidden": 64, "dropout": 20})
    rows = measure(SPACE.network(architecture, (1, 8, 8), 10), (1, 8, 8)).rows
    assert [(row.op, row.shape) for row in rows] == [
        ("input", (1, 8, 8)), ("conv", (16, 4, 4)), ("batch_norm", (16, 4, 4)), ("relu", (16, 4, 4)),
        ("avg_pool", (16, 2, 2)), ("conv", (16, 2, 2)), ("conv", (32, 2, 2)), ("batch_norm", (32, 2, 2)),
        ("relu", (32, 2, 2)), ("global_avg_pool", (32,)), ("linear", (64,)),
        ("relu", (64,)), ("dropout", (64,)), ("linear", (10,))]


def test_types_that_are_left_out_leave_no_decisions_behind() -> None:
    names = {p.name for p in Chain(types=("max_pool",), hidden=(0,)).parameters()}
    assert "block_1_pool_kernel" in names and "block_1_kernel" not in names and "dropout" not in names


def test_a_space_of_one_point_keeps_it() -> None:
    point = Chain(min_layers=1, max_layers=1, types=("max_pool",), pool_strides=(2,), hidden=(0,))
    only = point.sample(Random(0)).architecture
    assert point.size() == 1 and point.mutate(only, Random(0)) == only and not list(point.neighbours(only))


def test_more_layers_at_least_than_at_most_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        parse_space({"kind": "chain", "min_layers": 5, "max_layers": 4}, "/space")
    assert caught.value.problems[0].path == "/space/max_layers"


@pytest.mark.parametrize(("option", "value"), [
    ("kernels", [2]), ("kernels", []), ("kernels", [3, 3]), ("channels", [7]), ("types", ["fc"]), ("types", "conv"),
    ("min_layers", 0), ("max_layers", 33), ("max_layers", math.nan), ("max_layers", True),
    ("hidden", [1]), ("dropout", [None]),
], ids=str)
def test_bad_options_are_pointed_at(option: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse_space({"kind": "chain", option: value})
    assert caught.value.problems[0].path == f"/{option}"


def test_other_spaces_architectures_are_not_contained() -> None:
    architecture = SPACE.sample(Random(0)).architecture
    assert not SPACE.contains(Architecture("nas_bench_201", architecture.genotype))
    assert not SPACE.contains(Architecture("chain", {**architecture.genotype, "layers": 99}))
