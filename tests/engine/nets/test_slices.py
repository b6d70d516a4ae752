"""Random slices: each of a space's networks is drawn, trained alone, and may stand by."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any

import torch

from engine.architecture.architecture import Architecture
from engine.nets.shrinking import Shrinking
from engine.nets.slices import Slices, windows
from engine.phases import Site
from engine.spaces.slimmable import Slimmable
from engine.strategies.random_sharing import RandomSharing
from engine.training.sharing import Sharing, SharingPlan
from engine.training.trainer import seed_torch
from tests.engine.training.test_sharing import splits

torch.set_num_threads(1)
SPACE = Slimmable(channels=8, stages=1, kernels=(3, 5), depths=(1, 2), expansions=(1, 2))
SHAPE = (1, 8, 8)
PLAN = SharingPlan(epochs=2, batch_size=16, lr=0.05, last_lr=0.01, momentum=0.9, weight_decay=1e-3, clip=None, seed=3)


def made() -> Slices:
    seed_torch(0, cuda=False)
    return Slices(Site(SPACE, None, SHAPE, 2, 0))


def test_only_convolutions_with_a_choice_have_windows() -> None:
    graphs = [SPACE.network(SPACE.uniform(k, 2, 2), SHAPE, 2) for k in SPACE.kernels]
    assert windows(graphs) == {f"stage_1_block_{n}_depthwise": [3, 5] for n in (1, 2)}


def test_every_depth_is_drawn_as_often_as_any_other_one_network_a_step() -> None:
    sampler, counts = made(), Counter[bool]()
    for number in range(400):
        step: Any = SimpleNamespace(rng=Random(number))
        [draw] = sampler.draw(step)
        assert draw.teacher is None and draw.weight == 1.0
        counts[any(node.name.startswith("stage_1_block_2") for node in draw.choice.graph)] += 1
    assert abs(counts[True] - 200) < 3 * 10


def test_random_sharing_has_it_where_choices_are_slices() -> None:
    sampler = RandomSharing.sampler(Site(SPACE, None, SHAPE, 2, 0))
    assert type(sampler) is Slices and not isinstance(sampler, Shrinking)


def test_it_learns_and_names_a_member_that_stands_by() -> None:
    run = Sharing(made(), splits(), 0.5, PLAN)
    before = [weight.detach().clone() for weight in run.weights]
    for _ in range(PLAN.epochs):
        while not run.advance():
            pass
    assert sum(not torch.equal(weight, old) for weight, old in zip(run.weights, before, strict=True)) > 20
    assert SPACE.contains(Architecture(**run.report()["standby"])) and run.sampler.state_dict() == {}


def test_where_the_limits_admit_nothing_that_was_trained_another_slice_stands_by() -> None:
    site = Site(SPACE, None, SHAPE, 2, 0, admits=lambda architecture: architecture == SPACE.smallest)
    run = Sharing(Slices(site), splits(), 0.5, PLAN)
    sampler: Any = run.sampler
    sampler.allowed = SPACE.within([5], [2], [2])
    while not run.advance():
        pass
    assert Architecture(**run.report()["standby"]) == SPACE.smallest


def test_a_part_of_the_space_may_be_all_that_is_drawn() -> None:
    sampler = made()
    sampler.allowed = SPACE.within([5], [2], [2])
    run = Sharing(sampler, splits(), 0.5, replace(PLAN, epochs=1))
    run.advance()
    assert all(weight.grad is not None for name, weight in run.supernet.named_parameters() if "matrices" not in name)
    assert all(weight.grad is None for name, weight in run.supernet.named_parameters() if "matrices" in name)
