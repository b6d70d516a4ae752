"""The vision pipeline: one tree of choices, private decisions, priors, and networks that cannot be."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from random import Random
from statistics import mean, stdev
from typing import Any

import pytest
import torch

from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.cost import measure
from engine.architecture.graph import Shape
from engine.errors import Invalid
from engine.estimation.context import Context
from engine.estimation.scratch import Options, Scratch
from engine.nets.build import build
from engine.spaces.vision import Vision
from engine.spec import parse, parse_space
from engine.training.data import load_splits
from engine.work import Candidate

torch.set_num_threads(1)
SHAPE: Shape = (1, 8, 8)
_, CPU = parse_space({"kind": "vision", "preset": "cpu"})
_, PAPER = parse_space({"kind": "vision", "preset": "paper"})
DRAWN = [proposal.architecture for proposal in CPU.sample_many(Random(0), 2_000)]
EXITS = [f"depth_{depth}_{head}" for depth in range(3) for head in ("grid", "rectified", "lp")]


def test_there_are_235_decisions_and_no_end_of_architectures() -> None:
    for space in (CPU, PAPER):
        parameters = space.parameters()
        assert len(parameters) == len({p.name for p in parameters}) == 235 and space.size() is None
        exits = Counter(p.name[:7] for p in parameters if p.name.startswith("depth_"))
        assert exits == {f"depth_{depth}": 3 * 13 + (4 + 5 + 7) + 3 * 3 for depth in range(3)}      # banks, poolings, heads
        assert sum(p.name.startswith("layer_") for p in parameters) == 2 * (13 + 4)


def test_exactly_one_exit_is_there_and_most_decisions_are_not() -> None:
    sizes = set()
    for architecture in DRAWN:
        config = architecture.genotype
        assert {name for name in EXITS if any(key.startswith(f"{name}_") for key in config)} == {config["exit"]}
        depth = int(config["exit"][6])
        assert {key[:7] for key in config if key.startswith("layer_")} == {f"layer_{n}" for n in range(1, depth + 1)}
        sizes.add(len(config))
    assert len(sizes) > 20 and min(sizes) == 16 and 48 < max(sizes) <= 54


def test_children_of_a_choice_belong_to_one_value_of_it() -> None:
    for architecture in DRAWN:
        config = architecture.genotype
        for key in [key for key in config if key.endswith("_bank")]:
            stem, bank = key.removesuffix("_bank"), config[key]
            for other, child in (("random", "random_seed"), ("whitened", "whitened_gamma"), ("learned", "learned_norm")):
                assert (f"{stem}_{child}" in config) == (bank == other)
        for key in [key for key in config if key.endswith("_order")]:
            assert (f"{key}_real" in config) == (config[key] == "real")
        assert ("affine_shear" in config) == (config["warp"] == "affine")


def test_every_exit_is_equally_likely() -> None:
    counts = Counter(a.genotype["exit"] for a in DRAWN)
    assert set(counts) == set(EXITS)
    assert sum((n - 2000 / 9)**2 / (2000 / 9) for n in counts.values()) < 26.1     # 99.9 % for 8 degrees of freedom


def test_priors_are_lognormal_normal_and_in_steps() -> None:
    drawn = [p.architecture.genotype for p in PAPER.sample_many(Random(1), 6_000)]
    orders = [math.log(value) for config in drawn for key, value in config.items() if key.endswith("order_real")]
    assert abs(mean(orders)) < 0.06 and 0.8 < stdev(orders) / math.log(3) < 1
    assert max(map(abs, orders)) <= 2.001 * math.log(3)
    alphas = [value for config in drawn for key, value in config.items() if key.endswith("alpha")]
    assert abs(mean(alphas)) < 0.06 and 0.9 < stdev(alphas) < 1.05
    filters = Counter(config["layer_1_filters"] for config in drawn if "layer_1_filters" in config)
    assert sorted(filters) == [16, 32, 48, 64]
    shares = [math.log(high / low) / math.log(4) for low, high in ((16, 24), (24, 40), (40, 56), (56, 64))]
    for (_, count), share in zip(sorted(filters.items()), shares, strict=True):
        assert count / filters.total() == pytest.approx(share, abs=0.03)
    assert {value for config in drawn for key, value in config.items() if key.endswith("_seed")} == set(range(10))


def feasible(space: Vision, architecture: Architecture, shape: Shape = SHAPE) -> bool:
    try:
        return bool(space.network(architecture, shape, 5))
    except Invalid:
        return False


def test_a_part_of_the_space_cannot_be_built_and_says_why() -> None:
    share = sum(feasible(CPU, a) for a in DRAWN) / len(DRAWN)
    assert 0.6 < share < 0.95
    for architecture in DRAWN[:300]:
        if not feasible(CPU, architecture):
            with pytest.raises(Invalid, match="leaves nothing of") as caught:
                CPU.network(architecture, SHAPE, 5)
            assert caught.value.problems[0].path.startswith("/network/")


def test_what_is_too_large_is_refused() -> None:
    point = next(a for a in DRAWN if feasible(CPU, a))
    wide = (40_000, 8, 8)
    assert measure(CPU.network(point, SHAPE, 5), SHAPE).macs < 10**7
    with pytest.raises(Invalid, match="more multiply-adds than the limit"):
        CPU.network(point, wide, 5)


def test_a_network_that_cannot_be_is_a_failed_trial(tmp_path: Path) -> None:
    spec = parse({"space": {"kind": "vision", "preset": "cpu"}, "strategy": {"name": "random_search"},
                  "dataset": {"name": "digits", "train_limit": 64}})
    point = next(a for a in DRAWN if not feasible(CPU, a))
    data = load_splits(spec.dataset, tmp_path, "cpu", 0)
    context = Context(spec, CPU, data, "cpu", tmp_path, 0, lambda event: None, lambda: False)
    outcome = Scratch(Options(epochs=1)).perform(Candidate(point, trial=1), context)
    assert (outcome.status, outcome.score, outcome.metrics["error_kind"]) == ("failed", None, "infeasible")
    assert "leaves nothing of" in outcome.metrics["error"]


def test_only_learned_filters_and_the_classifier_are_trained() -> None:
    for architecture in [a for a in DRAWN if feasible(CPU, a)][:60]:
        model = build(CPU.network(architecture, SHAPE, 5), SHAPE)
        learned = {key.removesuffix("_bank") for key, value in architecture.genotype.items() if value == "learned"}
        named = {name.split(".")[0] for name, _ in model.named_parameters()} - {"classifier"}
        assert {name.rsplit("_", 1)[0] for name in named} == learned
        scores = model(torch.rand(4, *SHAPE))
        scores.sum().backward()
        assert scores.shape == (4, 5) and scores.isfinite().all()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_the_layers_of_a_network_by_hand() -> None:
    config: dict[str, Any] = {
        "exit": "depth_1_lp", "size": 16, "warp": "resize", "layer_1_filters": 8.0, "layer_1_side": 3, "layer_1_beta": 1.0,
        "layer_1_remove_mean": True, "layer_1_hard": False, "layer_1_bank": "learned", "layer_1_learned_norm": True,
        "layer_1_learned_relu": True, "layer_1_pool": 2, "layer_1_stride": 2, "layer_1_order": "2",
        "depth_1_lp_filters": 12.0, "depth_1_lp_side": 4, "depth_1_lp_beta": 10.0, "depth_1_lp_remove_mean": False,
        "depth_1_lp_hard": True, "depth_1_lp_bank": "random", "depth_1_lp_random_seed": 3, "depth_1_lp_random_unit": True,
        "depth_1_lp_pool": 2, "depth_1_lp_stride": 2, "depth_1_lp_order": "real", "depth_1_lp_order_real": 1.5,
        "depth_1_lp_local_norm": True, "depth_1_lp_local_norm_window": 3, "depth_1_lp_local_norm_threshold": 1.0,
        "depth_1_lp_remove_std": True, "depth_1_lp_variance_threshold": 1e-4, "depth_1_lp_row_norm": True}
    rows = measure(CPU.network(CPU.parse(config), SHAPE, 5), SHAPE).rows
    assert [(row.op, row.shape, row.parameters) for row in rows] == [
        ("input", (1, 8, 8), 0), ("resize", (1, 16, 16), 0), ("filter_bank", (8, 14, 14), 72),
        ("batch_norm", (8, 14, 14), 16), ("relu", (8, 14, 14), 0), ("lp_pool", (8, 7, 7), 0), ("filter_bank", (12, 4, 4), 0),
        ("lp_pool", (12, 2, 2), 0),
        ("local_norm", (12, 2, 2), 0), ("flatten", (48,), 0), ("standardize", (48,), 0), ("row_norm", (48,), 0),
        ("linear", (5,), 245)]


@pytest.mark.parametrize("grid", [2, 3])
@pytest.mark.parametrize("side", [3, 4])
def test_a_grid_gives_as_many_features_whatever_the_map(grid: int, side: int) -> None:
    space = Vision(depth=0, heads=("grid",), sizes=(6,))
    base = space.sample(Random(0)).architecture.genotype
    network = space.network(space.parse({**base, "depth_0_grid_grid": grid, "depth_0_grid_side": side}), SHAPE, 5)
    rows = {row.op: row.shape for row in measure(network, SHAPE).rows}
    assert rows["lp_pool"] == (2 * int(base["depth_0_grid_filters"]), grid, grid)


def test_a_mutation_changes_one_decision_and_what_hangs_on_it() -> None:
    rng = Random(3)
    for parent in DRAWN[:200]:
        child = CPU.mutate(parent, rng)
        before, after = parent.genotype, child.genotype
        changed = [name for name in before if name in after and before[name] != after[name]]
        assert CPU.contains(child) and len(changed) == 1
        parents = {p.name: {c["name"] for c in p.when} for p in CPU.parameters()}
        assert all(changed[0] in parents[name] or parents[name] & (before.keys() ^ after.keys())
                   for name in before.keys() ^ after.keys())


def test_options_take_branches_away() -> None:
    _, space = parse_space({"kind": "vision", "depth": 0, "heads": ["lp"], "banks": ["random"]})
    names = {p.name for p in space.parameters()}
    assert "depth_0_lp_random_seed" in names and not any("layer" in n or "grid" in n or "learned" in n for n in names)
    config = space.sample(Random(0)).architecture.genotype
    assert set(config) == {p.name for p in space.parameters() if genotype.active(p, config)}


@pytest.mark.parametrize(("name", "value"), [("size", 13), ("warp", "turn"), ("exit", "depth_9_lp"), ("size", math.nan)])
def test_wrong_decisions_are_pointed_at(name: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        CPU.parse({**DRAWN[0].genotype, name: value}, "/at")
    assert f"/at/{name}" in [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize(("option", "value"), [
    ("sizes", []), ("sizes", [7]), ("depth", -1), ("depth", 4), ("filters", 3), ("largest_filter", 2), ("heads", ["svm"]),
    ("banks", ["patches"]), ("limit", 0), ("limit", math.nan)], ids=str)
def test_bad_options_are_pointed_at(option: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse_space({"kind": "vision", option: value})
    assert caught.value.problems[0].path == f"/{option}"
