"""Path dropout: its frequencies, its ramp, ghost batches, and nothing that it does to what is dropped."""

from __future__ import annotations

import math
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine.architecture.relaxed import Relaxed, Table
from engine.nets.path_dropout import PathDropout, arrivals
from engine.phases import Site
from engine.spec import parse_space
from engine.training.sharing import Sharing, SharingPlan
from engine.training.trainer import seed_torch
from tests.engine.training.test_sharing import flat, splits

torch.set_num_threads(1)
DARTS = parse_space({"kind": "darts_cell", "nodes": 1, "channels": 2, "layers": 3, "stem_multiplier": 1,
                     "ops": ["none", "skip_connect", "sep_conv_3x3"]})[1]
CELL_201 = parse_space({"kind": "nas_bench_201", "channels": 2, "layers": 1})[1]
R = 0.05


def made(space: Any = CELL_201, rate: float = R, ghost: int = 32) -> PathDropout:
    seed_torch(0, cuda=False)
    return PathDropout(Site(space, None, (1, 8, 8), 2, 0), rate, ghost)


def step(number: int = 0, progress: float = 1.0, examples: int = 64, position: int = 0) -> Any:
    return SimpleNamespace(rng=Random(number), progress=progress, examples=examples, position=position)


def sharing(space: Any = DARTS, batch: int = 16, ghost: int = 8, **plan: Any) -> Sharing:
    settings = {"epochs": 3, "batch_size": batch, "lr": 0.1, "last_lr": 0.01, "momentum": 0.9, "weight_decay": 0.1,
                "clip": None, "seed": 3, **plan}
    return Sharing(made(space, ghost=ghost), splits(), 0.5, SharingPlan(**settings))


@pytest.mark.parametrize(("k", "chance"), [(1, 0.05), (2, 0.224), (3, 0.368), (4, 0.473), (5, 0.549)])
def test_a_sum_of_k_paths_loses_each_with_the_kth_root(k: int, chance: float) -> None:
    sampler = made()
    sampler.chances = {("cell", 0, column): R ** (1 / k) for column in range(k)}
    assert R ** (1 / k) == pytest.approx(chance, abs=5e-4)
    draws = 4000
    kept = [len(sampler.mask(1.0, Random(number))["cell"][0]) for number in range(draws)]
    lost = 1 - sum(kept) / (draws * k)
    assert abs(lost - R ** (1 / k)) < 3 * math.sqrt(chance * (1 - chance) / (draws * k))
    assert abs(kept.count(0) / draws - R) < 3 * math.sqrt(R * (1 - R) / draws)


def test_the_paths_of_a_sum_are_the_operations_on_all_edges_into_it_but_none() -> None:
    """Four operations but none: node 1 hears one edge, node 2 two, node 3 three."""
    groups = made().arrivals
    assert [len(group) for group in groups] == [4, 8, 12]
    assert {row for _, row, _ in groups[1]} == {1, 2} and all(column != 0 for group in groups for *_, column in group)
    assert made().chances["cell", 3, 2] == pytest.approx(R ** (1 / 12))


def test_types_of_cells_have_paths_of_their_own_and_cells_of_a_type_the_same() -> None:
    sampler = made(DARTS)
    assert [{table for table, *_ in group} for group in sampler.arrivals] in ([{"normal"}, {"reduce"}],
                                                                             [{"reduce"}, {"normal"}])
    assert [len(group) for group in sampler.arrivals] == [4, 4] and len(sampler.supernet.relaxed.places) == 6


def test_a_mixture_that_no_sum_hears_is_a_sum_of_its_own() -> None:
    from engine.architecture.graph import Graph, Node

    nodes = (Node("input", "input"), Node("a", "relu", ("input",)), Node("b", "identity", ("input",)),
             Node("mix", "add", ("a", "b")), Node("out", "relu", ("mix",)))
    lone = Relaxed(Graph(nodes, "out"), {"t": Table(("0",), ("a", "b"))}, {"mix": ("t", 0)})
    assert arrivals(lone) == [(("t", 0, 0), ("t", 0, 1))]


def test_dropout_grows_in_a_straight_line_from_nothing() -> None:
    sampler = made()
    everything = [(1, 2, 3, 4)] * 6
    assert all(list(sampler.mask(0.0, Random(n))["cell"]) == everything for n in range(50))
    draws, chance = 2000, 0.5 * R ** (1 / 4)
    lost = 1 - sum(len(sampler.mask(0.5, Random(n))["cell"][0]) for n in range(draws)) / (4 * draws)
    assert abs(lost - chance) < 3 * math.sqrt(chance * (1 - chance) / (4 * draws))


def test_the_first_step_of_a_training_drops_nothing_and_the_last_nearly_all_that_it_may() -> None:
    training = sharing()
    seen: list[float] = []
    mask = training.sampler.mask
    training.sampler.mask = lambda progress, rng: (seen.append(progress), mask(progress, rng))[1]
    while training.epoch < 3:
        training.advance()
    assert seen[0] == 0.0 and seen == sorted(seen) and seen[-1] == pytest.approx(1 - 1 / (3 * training.steps_per_epoch))


def test_a_batch_has_a_mask_for_each_ghost_batch_and_not_for_each_example() -> None:
    for examples, ghost, parts in ((64, 64, 1), (64, 32, 2), (49, 32, 1), (5, 32, 1), (1024, 32, 32)):
        draws = made(ghost=ghost).draw(step(examples=examples))
        assert [draw.part for draw in draws] == [(k, parts) for k in range(parts)]
        assert sum(draw.weight for draw in draws) == pytest.approx(1.0)
    assert len({str(draw.choice.path) for draw in draws}) > 16


def test_what_is_left_is_not_made_larger() -> None:
    """No mask has weights: a path counts fully, in training as in scoring."""
    assert all(draw.choice.weights is None for draw in made().draw(step(examples=320)))


def test_statistics_of_a_ghost_batch_depend_on_it_alone_and_one_ghost_is_plain_normalisation() -> None:
    """What the other half looks like changes nothing for this one; the whole batch in one part is plain batch norm."""
    training = sharing(batch=12, ghost=6)
    choice = training.sampler.draw(step(progress=0.0, examples=6))[0].choice
    net = training.supernet.double()
    inputs = torch.randn(12, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    other = torch.cat([inputs[:6], 5 * inputs[6:] + 2])
    seen: list[torch.Tensor] = []
    net.get_submodule("classifier").register_forward_hook(lambda module, given, found: seen.append(found.detach()))
    labels = torch.zeros(12, dtype=torch.long)
    from engine.nets.sampler import Draw

    for batch in (inputs, other):
        for part in ((0, 2), (1, 2), (0, 1)):
            training._descend(Draw(choice, 1.0, part), batch, labels)
    first, second, whole = seen[:3]
    assert torch.equal(first, seen[3]) and not torch.equal(second, seen[4])
    assert torch.equal(whole, net(inputs, choice)) and not torch.allclose(whole[:6], first, atol=1e-6)


def test_all_paths_dropped_is_a_step_like_any_other() -> None:
    training = sharing()
    training.sampler.chances = dict.fromkeys(training.sampler.chances, 1.0)
    nothing = training.sampler.mask(1.0, Random(0))
    assert all(row == () for rows in nothing.values() for row in rows)
    before = {name: value.clone() for name, value in training.supernet.named_parameters()}
    training.sampler.mask = lambda progress, rng: nothing
    training.advance()
    moved = {name for name, value in training.supernet.named_parameters() if not torch.equal(before[name], value)}
    assert "classifier.bias" in moved and not any("edge" in name for name in moved)


def test_weights_of_dropped_paths_stay_bit_for_bit_through_decay_and_momentum() -> None:
    training = sharing(batch=16, ghost=16)
    for _ in range(3):
        training.advance()                              # every weight has a velocity by now
    mask = {name: tuple((1,) if row else (1, 2) for row in range(len(table.edges)))
            for name, table in training.supernet.relaxed.tables.items()}
    training.sampler.mask = lambda progress, rng: mask
    before = {name: value.clone() for name, value in training.supernet.named_parameters()}
    training.advance()
    moved = {name for name, value in training.supernet.named_parameters() if not torch.equal(before[name], value)}
    assert moved == training.supernet.used(mask) and moved < set(before)


def test_usage_counts_the_masks_of_an_epochs_steps_and_no_others() -> None:
    training = sharing(batch=8, ghost=8)
    masks: list[Any] = []
    draw = training.sampler.draw

    def spied(given: Any) -> Any:
        counted = training.sampler.counting
        found = draw(given)
        masks.extend([each.choice.path for each in found] if counted else [])
        return found

    training.sampler.draw = spied
    for epoch in range(2):
        masks.clear()
        while not training.advance():
            pass
        report = training.report()
        for name, rows in report["usage"].items():
            for row, shares in enumerate(rows):
                counted = [sum(k in mask[name][row] for mask in masks) / len(masks) for k in range(3)]
                assert shares[0] is None and shares[1:] == pytest.approx(counted[1:])
        assert len(masks) == training.weight_steps and report["expected"]["normal"][0][1] < 1.0 - 0.1 * epoch


def test_cut_in_an_epoch_it_counts_on() -> None:
    whole, first = sharing(), sharing()
    steps = 2 * whole.steps_per_epoch
    reports = [whole.report() for _ in range(steps) if whole.advance()]
    early = [first.report() for _ in range(3) if first.advance()]
    rest = sharing()
    rest.load_state_dict(first.state_dict())
    late = [rest.report() for _ in range(steps - 3) if rest.advance()]
    assert early + late == reports and flat(rest.state_dict()) == flat(whole.state_dict())
