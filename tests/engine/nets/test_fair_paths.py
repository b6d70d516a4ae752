"""Strict fairness: each operation of each edge in exactly one path of a step, one update, every order as likely."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
import torch

from engine.nets.fair_paths import FairPaths
from engine.nets.path_dropout import PathDropout
from engine.nets.supernet import Choice
from engine.phases import Site
from engine.spec import parse_space
from engine.training.sharing import Sharing, SharingPlan
from engine.training.trainer import seed_torch
from tests.engine.training.test_sharing import splits

torch.set_num_threads(1)
DARTS = parse_space({"kind": "darts_cell", "nodes": 1, "channels": 2, "layers": 2, "stem_multiplier": 1,
                     "ops": ["none", "skip_connect", "sep_conv_3x3", "dil_conv_3x3"]})[1]
CELL_201 = parse_space({"kind": "nas_bench_201", "channels": 2, "layers": 1})[1]
SPACES = pytest.mark.parametrize(("space", "count"), [(DARTS, 3), (CELL_201, 5)], ids=["darts_cell", "nas_bench_201"])
PLAN = SharingPlan(epochs=4, batch_size=8, lr=0.1, last_lr=0.01, momentum=0.9, weight_decay=0.1, clip=None, seed=3)


def made(space: Any) -> FairPaths:
    seed_torch(0, cuda=False)
    return FairPaths(Site(space, None, (1, 8, 8), 2, 0))


@SPACES
def test_each_operation_of_each_edge_is_in_exactly_one_path_of_a_step(space: Any, count: int) -> None:
    """None too where an architecture can have it, which in DARTS it cannot."""
    sampler = made(space)
    for number in range(20):
        paths = sampler.paths(Random(number))
        assert len(paths) == count
        for name, table in sampler.supernet.relaxed.tables.items():
            for row in range(len(table.edges)):
                used = sorted(column for path in paths for column in path[name][row])
                assert used == list(range(len(table.ops) - count, len(table.ops)))


def test_the_orders_of_edges_are_independent_and_all_as_likely() -> None:
    """Chi-square over the six orders of three operations, and over the pairs of two edges; quantiles 0.999."""
    sampler, draws = made(DARTS), 1800
    orders: Counter[Any] = Counter()
    pairs: Counter[Any] = Counter()
    for number in range(draws):
        paths = sampler.paths(Random(number))
        orders[tuple(path["normal"][0] for path in paths)] += 1
        pairs[paths[0]["normal"][0], paths[0]["normal"][1]] += 1
    for counts, cells, limit in ((orders, 6, 20.5), (pairs, 9, 26.1)):
        expected = draws / cells
        assert len(counts) == cells and sum((n - expected) ** 2 / expected for n in counts.values()) < limit


@SPACES
def test_a_step_moves_every_operations_weights_once_by_the_sum_of_all_paths(space: Any, count: int) -> None:
    sampler = made(space)
    sharing = Sharing(sampler, splits(), 0.5, PLAN)
    steps: list[int] = []
    touched: Counter[str] = Counter()
    update, descend = sharing.optimizer.step, sharing._descend

    def counted(draw: Any, *batch: Any) -> float:
        touched.update(sharing.supernet.used(draw.choice.path))
        return descend(draw, *batch)

    sharing._descend = counted                          # type: ignore[method-assign]
    sharing.optimizer.step = lambda closure=None: (steps.append(1), update())       # type: ignore[assignment, misc]
    before = {name: value.clone() for name, value in sharing.supernet.named_parameters()}
    sharing.advance()
    moved = {name for name, value in sharing.supernet.named_parameters() if not torch.equal(before[name], value)}
    last = "cell_2_edge_1_2" if space is DARTS else "stage_3_cell_1_edge_2_3"       # always heard by the output
    assert steps == [1] and {touched[name] for name in touched if last in name} == {1}
    assert touched["classifier.weight"] == count and {name for name in before if last in name} <= moved


@pytest.mark.parametrize("kind", ["enas_micro", "enas_macro"])
def test_the_cells_and_networks_of_enas_are_trained_fairly_and_with_dropped_paths(kind: str) -> None:
    """Their operations once a step; yes and no to a result as often as each other, or once more."""
    layers = {"enas_micro": 1, "enas_macro": 3}[kind]
    space = parse_space({"kind": kind, "preset": "cpu", "channels": 2, "layers": layers})[1]
    sampler, dropping = made(space), PathDropout(Site(space, None, (1, 8, 8), 2, 0), 0.05, 4)
    paths = sampler.paths(Random(0))
    for name, table in sampler.supernet.relaxed.tables.items():
        uses = [Counter(path[name][row][0] for path in paths) for row in range(len(table.edges))]
        assert all(max(use.values()) - min(use.values()) <= (len(table.ops) < len(paths)) for use in uses)
    inputs = torch.randn(4, 1, 8, 8)
    masks = [Choice(dropping.mask(1.0, Random(number))) for number in range(3)]
    for net, choices in ((sampler.supernet, [Choice(path) for path in paths]), (dropping.supernet, masks)):
        assert all(net(inputs, choice).isfinite().all() for choice in choices)


def test_tables_of_different_size_differ_by_one_use_at_most() -> None:
    sampler = made(DARTS)
    sampler.columns = {"normal": [1, 2, 3], "reduce": [1, 2]}
    sampler.count = 3
    for number in range(10):
        uses = Counter(path["reduce"][0][0] for path in sampler.paths(Random(number)))
        assert sorted(uses.values()) == [1, 2]
